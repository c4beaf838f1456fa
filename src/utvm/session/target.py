"""What differs between the cores that sessions run on: word size, Thumb bit, compiler flags, kind of fault record."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from utvm.boards import Board
from utvm.errors import ToolchainError

Architecture = Literal["arm", "rv32", "host"]

_COMMON = ("tasks.c", "workspace.c", "memory.c")
_FOLDERS: dict[Architecture, str] = {"arm": "arm_m", "rv32": "rv32", "host": "host"}
_COUNTERS = {
    "dwt": "cycles_dwt.c",
    "systick": "cycles_systick.c",
    "mcycle": "cycles_mcycle.c",
    "clock": "cycles_clock.c",
}
_DIVISION_HOOKS = ("__aeabi_idiv0", "__aeabi_ldiv0")


@dataclass(frozen=True)
class Target:
    """How modules for a board are compiled and linked."""

    architecture: Architecture
    word_bytes: int
    thumb_bit: int
    compile_flags: tuple[str, ...]
    link_flags: tuple[str, ...]
    division_hooks: tuple[str, ...]
    """What the compiler's software division calls for a divisor of zero, where the core cannot divide."""

    @property
    def has_vectors(self) -> bool:
        """Whether the runtime brings a vector table."""
        return self.architecture == "arm"


def target_of(board: Board) -> Target:
    """The target of a board's core."""
    name, word_bytes = board.core.name, board.hosted.word_size_bytes
    if name == "host":
        # At addresses below 2 GB, which position-independent code could not know.
        return Target("host", word_bytes, 0, ("-fno-pie", "-fcf-protection=none"), ("-no-pie", "-static"), ())
    if name.startswith("rv32"):
        return Target("rv32", word_bytes, 0, (), (), ())
    hooks = _DIVISION_HOOKS if name in ("cortex-m0", "cortex-m0plus") else ()
    return Target("arm", word_bytes, 1, (), (), hooks)


def runtime_sources(board: Board, runtime: Path) -> list[Path]:
    """C and assembly files of the resident runtime; without a start-up snippet if the board file has one."""
    architecture = target_of(board).architecture
    counter = _COUNTERS.get(board.core.cycle_counter)
    if counter is None:
        raise ToolchainError(f"{board.name}: no device runtime counts cycles by {board.core.cycle_counter}")
    start = [] if board.hosted.startup is not None else ["session_start.S"]
    fault = ["fault.c"] if architecture == "arm" else []
    folder = runtime / _FOLDERS[architecture]
    return [
        *(runtime / "common" / name for name in _COMMON),
        *(folder / name for name in (*start, "session_core.c", counter, *fault)),
    ]
