"""What `--timing` and `--memory` say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from utvm.errors import UsageError
from utvm.virtual_board.timing.rules import model_for_core, rules
from utvm.virtual_board.timing.rules.rule import Rule

MemoryTiming = Literal["zero-wait", "board"]
MEMORY_TIMINGS: tuple[MemoryTiming, ...] = ("zero-wait", "board")
_SWITCH_WORDS = {"on": 1, "off": 0}


@dataclass(frozen=True)
class TimingChoice:
    """A timing model and the rules whose values differ from their defaults, as (name, value) in the model's order."""

    model: str
    changes: tuple[tuple[str, int], ...] = ()

    def values(self) -> tuple[int, ...]:
        """The value of every rule, in the model's order."""
        changed = dict(self.changes)
        return tuple(changed.get(rule.name, rule.default) for rule in rules(self.model))

    def with_rule(self, name: str, value: int) -> TimingChoice:
        """The same with another value for one rule; UsageError as parse_timing."""
        changed = dict(self.changes) | {name: value}
        return parse_timing(",".join([self.model, *(f"{key}={number}" for key, number in changed.items())]), self.model)

    def __str__(self) -> str:
        switches = {rule.name for rule in rules(self.model) if rule.switch}
        words = (f"{name}={('off', 'on')[value] if name in switches else value}" for name, value in self.changes)
        return ",".join([self.model, *words])


def parse_timing(text: str | None, core: str) -> TimingChoice:
    """`cortex-m7,mac-load-pairing=off,mispredict=7`; None or nothing before the rules is the model of `core`.

    Raises UsageError for an unknown model or rule and for a value that the rule does not take.
    """
    parts = [part.strip() for part in (text or "").split(",") if part.strip()]
    model = parts.pop(0) if parts and "=" not in parts[0] else model_for_core(core)
    known = {rule.name: rule for rule in rules(model)}
    chosen: dict[str, int] = {}
    for part in parts:
        name, _, word = part.partition("=")
        if name not in known:
            raise UsageError(f"--timing: {model} has no rule {name!r}; it has {', '.join(known) or 'none'}")
        chosen[name] = _value(known[name], word)
    changes = tuple(
        (name, chosen[name]) for name, rule in known.items() if name in chosen and chosen[name] != rule.default
    )
    return TimingChoice(model, changes)


def check_memory_timing(word: str) -> MemoryTiming:
    """`zero-wait` or `board`; UsageError for anything else."""
    for known in MEMORY_TIMINGS:
        if word == known:
            return known
    raise UsageError(f"--memory: {word!r} is none of {', '.join(MEMORY_TIMINGS)}")


def _value(rule: Rule, word: str) -> int:
    wanted = "on or off" if rule.switch else f"a number from 0 to {rule.highest}"
    if rule.switch and word in _SWITCH_WORDS:
        return _SWITCH_WORDS[word]
    if word.isascii() and word.isdecimal() and int(word) <= rule.highest:
        return int(word)
    raise UsageError(f"--timing: {rule.name} takes {wanted}, not {word!r}")
