"""A schedule: the frozen, serialisable choice of a template and its knobs for one operator."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from utvm.errors import ScheduleError

KnobValue = int | str | bool

_LONGEST_SHOWN = 24


@dataclass(frozen=True)
class Schedule:
    """A template's name and a value for each of its knobs, in the knobs' order."""

    template: str
    knobs: tuple[tuple[str, KnobValue], ...] = ()

    @staticmethod
    def of(template: str, knobs: Mapping[str, KnobValue]) -> Schedule:
        """A schedule from a mapping of knobs."""
        return Schedule(template, tuple(sorted(knobs.items())))

    def knob(self, name: str) -> KnobValue:
        """A knob's value; ScheduleError naming the knob if there is none."""
        for key, value in self.knobs:
            if key == name:
                return value
        raise ScheduleError(f"schedule {self}: no knob {name!r}")

    def to_json(self) -> str:
        """One line of JSON that `from_json` reads back."""
        return json.dumps({"template": self.template, "knobs": dict(self.knobs)}, sort_keys=True)

    @staticmethod
    def from_json(text: str) -> Schedule:
        """Read a schedule; ScheduleError saying what is wrong."""
        try:
            document = json.loads(text)
        except ValueError as error:
            raise ScheduleError(f"not a schedule: {error}: {text[:80]!r}") from error
        if not isinstance(document, dict) or not isinstance(document.get("template"), str):
            raise ScheduleError(f"not a schedule: no template in {text[:80]!r}")
        knobs = document.get("knobs", {})
        if not isinstance(knobs, dict) or not all(isinstance(value, int | str | bool) for value in knobs.values()):
            raise ScheduleError(f"not a schedule: knobs must be integers, strings or booleans: {text[:80]!r}")
        return Schedule.of(document["template"], knobs)

    def __str__(self) -> str:
        knobs = ", ".join(f"{name}={_brief(value)}" for name, value in self.knobs)
        return f"{self.template}({knobs})" if knobs else self.template


def _brief(value: KnobValue) -> KnobValue:
    """Long texts as a hash: names that people read and compare."""
    if isinstance(value, str) and len(value) > _LONGEST_SHOWN:
        return hashlib.sha256(value.encode()).hexdigest()[:8]
    return value


PORTABLE = Schedule("portable")
