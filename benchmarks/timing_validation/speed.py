"""How fast the emulation runs with and without timing: a naive int8 convolution of 2.36 million MACs."""

from __future__ import annotations

import time
from dataclasses import dataclass

from benchmarks.timing_validation.harness import Bench, board_for, build
from utvm.virtual_board.timing.choice import MemoryTiming

MACS = 32 * 32 * 16 * 9 * 16
INPUT_ADDR, WEIGHTS_ADDR, BIAS_ADDR, OUTPUT_ADDR = 0x2001_0000, 0x0804_0000, 0x0806_0000, 0x2003_0000
RUNS = 5

_SOURCE = """
#include <stdint.h>
void convolve(const int8_t *restrict input, const int8_t *restrict weights, const int32_t *restrict bias,
              int8_t *restrict output) {
    for (int y = 0; y < 32; y++)
        for (int x = 0; x < 32; x++)
            for (int out = 0; out < 16; out++) {
                int32_t sum = bias[out];
                for (int ky = 0; ky < 3; ky++)
                    for (int kx = 0; kx < 3; kx++)
                        for (int in = 0; in < 16; in++)
                            sum += input[((y + ky) * 34 + x + kx) * 16 + in] *
                                   weights[((out * 3 + ky) * 3 + kx) * 16 + in];
                sum >>= 8;
                output[(y * 32 + x) * 16 + out] = (int8_t)(sum > 127 ? 127 : sum < -128 ? -128 : sum);
            }
}
"""


@dataclass(frozen=True)
class SpeedResult:
    """The best of RUNS runs, after one that translates the code; `seconds` are of processor time."""

    timing: str
    memory_timing: MemoryTiming
    seconds: float
    instructions: int
    cycles: int


def run_speed() -> list[SpeedResult]:
    """Without timing, with the Cortex-M7 model, and with its caches too."""
    board = board_for("cortex-m7")
    code = build([("convolve.c", _SOURCE)], board, flags=("-O2",), gcc_first=True)
    choices: tuple[tuple[str, MemoryTiming], ...] = (
        ("one-cycle", "zero-wait"), ("cortex-m7", "zero-wait"), ("cortex-m7", "board"),
    )  # fmt: skip
    return [_measure(Bench(code, board, timing, memory), timing, memory) for timing, memory in choices]


def _measure(bench: Bench, timing: str, memory: MemoryTiming) -> SpeedResult:
    registers = {"r0": INPUT_ADDR, "r1": WEIGHTS_ADDR, "r2": BIAS_ADDR, "r3": OUTPUT_ADDR}
    bench.call("convolve", registers)
    before, seconds, cycles = bench.engine.instructions, float("inf"), 0
    for _ in range(RUNS):
        start = time.process_time()
        cycles = bench.call("convolve", registers)
        seconds = min(seconds, time.process_time() - start)
    return SpeedResult(timing, memory, seconds, (bench.engine.instructions - before) // RUNS, cycles)
