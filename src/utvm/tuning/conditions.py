"""Under which conditions a schedule was measured, and whether they still hold."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.metadata import version
from typing import TYPE_CHECKING

from utvm.errors import ScheduleError
from utvm.schedules import Schedule, Site
from utvm.schedules.registry import template_named

if TYPE_CHECKING:
    from importlib.abc import Traversable

# What decides a kernel's code, and a virtual board's count of its cycles.
_ROOMS = ("model", "operators", "microkernels", "schedules", "codegen", "runtime", "virtual_board")
_SUFFIXES = (".py", ".c", ".h", ".S", ".j2")


@dataclass(frozen=True)
class Conditions:
    """Where and with what a schedule was measured.

    `counting` is the way to the board, timing and memory model; `arena` names the RAM where activations lay.
    """

    board: str
    core: str
    counting: str
    arena: str
    toolchain: str
    utvm: str

    def stale_reason(self, now: Conditions, any_toolchain: bool = False) -> str:
        """Why cycles of these conditions say nothing now, on the same board; empty if they do."""
        if self.utvm != now.utvm:
            return "measured by another version of utvm"
        if self.toolchain != now.toolchain and not any_toolchain:
            return f"measured with {self.toolchain}"
        return ""


def schedule_refusal(site: Site, schedule: Schedule) -> str:
    """Why a schedule cannot be built at a site: template unknown, knobs illegal; empty if it can."""
    try:
        template_named(schedule.template).check(site, schedule)
    except ScheduleError as error:
        return str(error)
    return ""


@cache
def utvm_version() -> str:
    """utvm's version, and a hash of the code that decides kernels and cycles: it changes between releases too."""
    root = resources.files("utvm")
    digest = hashlib.sha256()
    for room in _ROOMS:
        for content in _contents(root / room):
            digest.update(content)
    return f"{version('utvm')}+{digest.hexdigest()[:12]}"


def _contents(folder: Traversable) -> Iterator[bytes]:
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.is_dir():
            yield from _contents(entry)
        elif entry.name.endswith(_SUFFIXES):
            yield entry.name.encode() + b"\0" + entry.read_bytes()
