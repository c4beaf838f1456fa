"""A timing model in the native core."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass

from utvm.boards import Board
from utvm.errors import VirtualBoardError
from utvm.virtual_board.timing.choice import MemoryTiming, TimingChoice
from utvm.virtual_board.timing.memory import MemoryStatistics, NativeMemory
from utvm.virtual_board.timing.rules import ONE_CYCLE, rules

CAUSES = ("dependency", "load-use", "pairing", "branch", "busy")


@dataclass(frozen=True)
class BlockProfile:
    """What one basic block cost. Cycles include those its closing branch caused, and stalls of its accesses.

    `lost_slots` are issue slots that went unused, by cause (CAUSES).
    """

    addr: int
    size_bytes: int
    instructions: int
    runs: int
    cycles: int
    branch_cycles: int
    fetch_stall_cycles: int
    data_stall_cycles: int
    mispredictions: int
    lost_slots: dict[str, int]


class _Profile(ctypes.Structure):
    """Mirrors vt_block_profile."""

    _fields_ = (
        ("addr", ctypes.c_uint32),
        ("size_bytes", ctypes.c_uint32),
        ("instructions", ctypes.c_uint32),
        ("padding", ctypes.c_uint32),
        ("runs", ctypes.c_uint64),
        ("cycles", ctypes.c_uint64),
        ("branch_cycles", ctypes.c_uint64),
        ("fetch_cycles", ctypes.c_uint64),
        ("data_cycles", ctypes.c_uint64),
        ("mispredictions", ctypes.c_uint64),
        ("lost", ctypes.c_uint64 * len(CAUSES)),
    )


class Timing:
    """A model that counts for one core; keep it as long as the core runs."""

    def __init__(
        self, native: ctypes.CDLL, core: int, board: Board, choice: TimingChoice, memory: MemoryTiming
    ) -> None:
        self.choice = choice
        self._native = native
        declare(native)
        self._memory = NativeMemory(native, core, board) if memory == "board" else None
        self._model = None
        if choice.model != ONE_CYCLE:
            names = native_rule_names(native, choice.model)
            if names != tuple(rule.name for rule in rules(choice.model)):
                raise VirtualBoardError(f"the rules of {choice.model} differ between timing/rules and timing_rules.h")
            values = (ctypes.c_int32 * len(names))(*choice.values())
            handle = self._memory.handle if self._memory else None
            self._model = native.vt_create(core, choice.model.encode(), values, handle)
            if not self._model:
                raise VirtualBoardError(f"the timing model {choice.model} could not be made: memory is short")
            native.vt_attach(self._model)

    def memory_statistics(self) -> tuple[MemoryStatistics, ...]:
        """Misses and stalls per region since the start; empty with zero-wait memory."""
        return self._memory.statistics() if self._memory else ()

    def blocks(self) -> Iterator[BlockProfile]:
        """Every basic block that ran, by address."""
        found = _Profile()
        profiles = []
        index = 0
        while self._model and self._native.vt_profile(self._model, index, ctypes.byref(found)):
            profiles.append(
                BlockProfile(
                    addr=found.addr,
                    size_bytes=found.size_bytes,
                    instructions=found.instructions,
                    runs=found.runs,
                    cycles=found.cycles,
                    branch_cycles=found.branch_cycles,
                    fetch_stall_cycles=found.fetch_cycles,
                    data_stall_cycles=found.data_cycles,
                    mispredictions=found.mispredictions,
                    lost_slots=dict(zip(CAUSES, found.lost, strict=True)),
                )
            )
            index += 1
        return iter(sorted(profiles, key=lambda profile: (profile.addr, profile.size_bytes)))

    def forget(self) -> None:
        """Start as after power-up: empty caches, untrained predictors, profiles at zero."""
        if self._memory:
            self._memory.clear()
        if self._model:
            self._native.vt_forget(self._model)


def attach_timing(
    native: ctypes.CDLL, core: int, board: Board, choice: TimingChoice, memory: MemoryTiming = "zero-wait"
) -> Timing:
    """Make `core`, of the native library, count with the model chosen. Call it before the core runs for the first time.

    Without a timing model (`one-cycle`) every instruction is one cycle; memory stalls are still added. Raises
    VirtualBoardError if memory is short.
    """
    return Timing(native, core, board, choice, memory)


def native_rule_names(native: ctypes.CDLL, model: str) -> tuple[str, ...]:
    """The names of a model's rules as its native part has them."""
    declare(native)
    names: list[str] = []
    while (name := native.vt_rule_name(model.encode(), len(names))) is not None:
        names.append(name.decode())
    return tuple(names)


def declare(native: ctypes.CDLL) -> None:
    """Tell ctypes the signatures of the timing functions."""
    u32, pointer, text = ctypes.c_uint32, ctypes.c_void_p, ctypes.c_char_p
    signatures: dict[str, tuple[object, tuple[object, ...]]] = {
        "vt_rule_name": (text, (text, ctypes.c_uint)),
        "vt_create": (pointer, (pointer, text, pointer, pointer)),
        "vt_attach": (None, (pointer,)),
        "vt_forget": (None, (pointer,)),
        "vt_profile": (ctypes.c_int, (pointer, u32, pointer)),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(native, name)
        function.restype = result
        function.argtypes = list(arguments)
