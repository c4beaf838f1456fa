"""Profiles: what every basic block that ran cost, between a start and a stop."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from utvm.virtual_board.engine import Engine
from utvm.virtual_board.timing import Timing
from utvm.virtual_board.timing.model import BlockProfile as TimedBlock

FIXED_COLUMNS = ("addr", "size", "runs", "instructions", "cycles")


@dataclass(frozen=True)
class BlockCount:
    """One basic block. `cycles` are those between its entry and the next block's; all blocks' add up to the counter's.

    `details` is what the timing model knows besides: lost issue slots by cause (`lost-...`), stall cycles of its
    accesses (`fetch-stalls`, `data-stalls`) and mispredictions of the branch at its end.
    """

    addr: int
    size_bytes: int
    runs: int
    instructions: int
    cycles: int
    details: Mapping[str, int] = field(default_factory=dict)


class _NativeCount(ctypes.Structure):
    """Mirrors vb_block_count."""

    _fields_ = (
        ("addr", ctypes.c_uint32),
        ("size_bytes", ctypes.c_uint32),
        ("runs", ctypes.c_uint64),
        ("instructions", ctypes.c_uint64),
        ("cycles", ctypes.c_uint64),
        ("next", ctypes.c_void_p),
    )


class Profiler:
    """Counts blocks of one core. Every method may be called only while the core is halted."""

    def __init__(self, engine: Engine, timing: Timing) -> None:
        native, self._core = engine.native
        self._native = _declare(native)
        self._timing = timing
        self._before: dict[tuple[int, int], dict[str, int]] = {}
        self._details: dict[tuple[int, int], dict[str, int]] = {}
        self.is_on = False

    def start(self) -> None:
        """Forget the last profile, and count from now on."""
        self._before, self._details = _details(self._timing), {}
        self._native.vb_profile_start(self._core)
        self.is_on = True

    def stop(self) -> None:
        """Count no more; what was counted stays."""
        if self.is_on:
            self._details = self._since_start()
            self._native.vb_profile_stop(self._core)
            self.is_on = False

    def blocks(self) -> tuple[BlockCount, ...]:
        """Every block that ran under the profile, by address."""
        room = self._native.vb_profile_read(self._core, None, 0)
        counts = (_NativeCount * room)()
        self._native.vb_profile_read(self._core, counts, room)
        details = self._since_start() if self.is_on else self._details
        found = (
            BlockCount(
                count.addr, count.size_bytes, count.runs, count.instructions, count.cycles,
                details.get((count.addr, count.size_bytes), {}),
            )
            for count in counts
        )  # fmt: skip
        return tuple(sorted(found, key=lambda block: (block.addr, block.size_bytes)))

    def _since_start(self) -> dict[tuple[int, int], dict[str, int]]:
        now = _details(self._timing)
        return {
            block: {name: value - self._before.get(block, {}).get(name, 0) for name, value in details.items()}
            for block, details in now.items()
        }


def format_blocks(blocks: Sequence[BlockCount]) -> str:
    """A table with a heading, columns separated by blanks; addresses in hexadecimal, everything else in decimal."""
    names = list(dict.fromkeys(name for block in blocks for name in block.details))
    lines = [" ".join((*FIXED_COLUMNS, *names))]
    for block in blocks:
        fixed = (f"{block.addr:#010x}", block.size_bytes, block.runs, block.instructions, block.cycles)
        lines.append(" ".join(map(str, (*fixed, *(block.details.get(name, 0) for name in names)))))
    return "\n".join(lines) + "\n"


def _details(timing: Timing) -> dict[tuple[int, int], dict[str, int]]:
    """What the timing model has seen of each block since the start; code that changed in place is added up."""
    found: dict[tuple[int, int], dict[str, int]] = {}
    for block in timing.blocks():
        known = found.setdefault((block.addr, block.size_bytes), {})
        for name, value in _columns(block).items():
            known[name] = known.get(name, 0) + value
    return found


def _columns(block: TimedBlock) -> dict[str, int]:
    return {
        **{f"lost-{cause}": slots for cause, slots in block.lost_slots.items()},
        "fetch-stalls": block.fetch_stall_cycles,
        "data-stalls": block.data_stall_cycles,
        "mispredictions": block.mispredictions,
    }


def _declare(native: ctypes.CDLL) -> ctypes.CDLL:
    pointer, u32 = ctypes.c_void_p, ctypes.c_uint32
    native.vb_profile_start.restype = native.vb_profile_stop.restype = None
    native.vb_profile_start.argtypes = native.vb_profile_stop.argtypes = [pointer]
    native.vb_profile_read.restype = u32
    native.vb_profile_read.argtypes = [pointer, pointer, u32]
    return native
