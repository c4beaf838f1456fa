"""Memories: what a streamed line costs on the model, beside what whole networks on hardware let one derive."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.timing_validation.harness import Bench, build
from utvm.boards import Board, load_board
from utvm.virtual_board.timing.choice import MemoryTiming

BYTES = 0x2000
SOURCE = "mlcommons/tiny_results_v1.2, closed/bosch: ad with weights in flash and with weights in RAM"


@dataclass(frozen=True)
class StreamingCost:
    """Extra cycles of reading weights once from flash instead of RAM, as hardware shows them."""

    board: str
    unit: str
    unit_bytes: int
    cycles: float
    flash_units: float = 1.0
    ram_units: float = 1.0
    ram: str = ""


# The F746's copy lies in DTCM and SRAM1: 8466 lines of flash against 6418 of SRAM1 cost 61,846 cycles.
COSTS = (
    StreamingCost("stm32f746-disco", "whole network", 32, 61846, 8466, 6418, "sram1"),
    StreamingCost("nucleo-h7a3zi-q", "32-byte line", 32, 9.13, ram="axi_sram"),
    StreamingCost("nucleo-l4r5zi", "64-bit word", 8, 3.92, ram="sram"),
    StreamingCost("nucleo-u575zi-q", "16-byte line", 16, 6.74, ram="sram"),
)


@dataclass(frozen=True)
class StreamingResult:
    """The model's figure beside the derived one."""

    cost: StreamingCost
    modelled_cycles: float

    @property
    def error(self) -> float:
        """Relative to the derived figure."""
        return self.modelled_cycles / self.cost.cycles - 1


def run_streaming(cost: StreamingCost) -> StreamingResult:
    """Read 8 KB of each memory word by word, and count what caches and wait states add."""
    board = load_board(cost.board)
    flash = _stall_per_unit(board, board.region("flash").base_addr + 0x2_0000, cost.unit_bytes)
    ram = _stall_per_unit(board, board.region(cost.ram).base_addr + 0x8000, cost.unit_bytes)
    return StreamingResult(cost, cost.flash_units * flash - cost.ram_units * ram)


def _stall_per_unit(board: Board, addr: int, unit_bytes: int) -> float:
    waited, unwaited = (_stream(board, addr, memory) for memory in ("board", "zero-wait"))
    return (waited - unwaited) / (BYTES / unit_bytes)


def _stream(board: Board, addr: int, memory: str) -> int:
    code = build([("stream.S", _LOOP)], board)
    timing: MemoryTiming = "board" if memory == "board" else "zero-wait"
    bench = Bench(code, board, None, timing)
    warm = board.region(board.placement.stack).base_addr
    bench.call("stream", {"r0": warm, "r1": 16})  # the loop is in the instruction cache from now on
    return bench.call("stream", {"r0": addr, "r1": BYTES // 16})


_LOOP = """
.syntax unified
.thumb
.text
.balign 32
.global stream
.thumb_func
stream:
ldr r2, [r0]
ldr r3, [r0, #4]
ldr r4, [r0, #8]
ldr r5, [r0, #12]
adds r0, #16
subs r1, #1
bne stream
bx lr
"""
