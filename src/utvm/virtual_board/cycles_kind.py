"""What kind of cycles a virtual board counts, in words. They are modelled, never measured."""

from __future__ import annotations

from utvm.virtual_board.timing.choice import MemoryTiming, TimingChoice
from utvm.virtual_board.timing.rules import ONE_CYCLE

_MODELS = {ONE_CYCLE: "one per instruction"}
_MEMORIES: dict[MemoryTiming, str] = {"zero-wait": "zero-wait memory", "board": "the board's memory"}


def cycles_kind(timing: TimingChoice, memory: MemoryTiming) -> str:
    """For example "modelled: cortex-m7,mac-load-pairing=off, zero-wait memory"."""
    return f"modelled: {_MODELS.get(str(timing), str(timing))}, {_MEMORIES[memory]}"
