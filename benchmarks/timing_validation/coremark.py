"""CoreMark: compiled code full of branches, against what boards and Arm publish.

The published figures come from other compilers and flags, so only their order of magnitude can be met.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.timing_validation.functions import at_commit
from benchmarks.timing_validation.harness import Bench, board_for, build

COMMIT = "HEAD"
SOURCES = ("core_list_join.c", "core_main.c", "core_matrix.c", "core_state.c", "core_util.c")
OPTIMIZATIONS = ("-O2", "-O3")
FEW, MANY = 2, 6
PUBLISHED = {
    "cortex-m7": "3.86 (Teensy 4.0 at 600 MHz, github.com/PaulStoffregen/CoreMark); 5.01 (Arm)",
    "cortex-m4": "2.34 to 2.68 (Teensy 3.2 at 72 MHz, Metro M4 at 200 MHz, same place); 3.40 (Arm)",
    "cortex-m0plus": "2.46 (Arm)",
}


@dataclass(frozen=True)
class CoreMarkResult:
    """Iterations per second and megahertz, with zero-wait memory and with the board's."""

    model: str
    optimization: str
    zero_wait: float
    board: float
    published: str


def run_coremark(checkout: Path) -> list[CoreMarkResult]:
    """Every model with a published figure, at two optimization levels."""
    return [
        CoreMarkResult(
            model,
            optimization,
            1e6 / _cycles(checkout, model, optimization, waits=False),
            1e6 / _cycles(checkout, model, optimization, waits=True),
            PUBLISHED[model],
        )
        for model in PUBLISHED
        for optimization in OPTIMIZATIONS
    ]


def _cycles(checkout: Path, model: str, optimization: str, *, waits: bool) -> float:
    few, many = (_call(checkout, model, optimization, iterations, waits) for iterations in (FEW, MANY))
    return (many - few) / (MANY - FEW)


def _call(checkout: Path, model: str, optimization: str, iterations: int, waits: bool) -> int:
    folder, board = Path(__file__).parent, board_for(model)
    sources = [(name, at_commit(checkout, COMMIT, name)) for name in SOURCES]
    sources += [(name, (folder / name).read_bytes()) for name in ("coremark_port.c", "memory_functions.c")]
    headers = [("coremark.h", at_commit(checkout, COMMIT, "coremark.h"))]
    headers += [("core_portme.h", (folder / "coremark_port.h").read_bytes())]
    flags = (optimization, "-w", "-DPERFORMANCE_RUN=1", f"-DITERATIONS={iterations}", "-DTOTAL_DATA_SIZE=2000")
    code = build(sources, board, headers=headers, flags=flags, gcc_first=True)
    return Bench(code, board, model, "board" if waits else "zero-wait").call("main")
