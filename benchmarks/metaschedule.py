"""What MetaSchedule gains over the portable kernel, operator by operator, on a virtual board with its memories.

python -m benchmarks.metaschedule [--board stm32f746-disco] [--trials 64] [--jobs 2] [--seed 0]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.schedules import portable_cases as cases
from utvm.boards import Board, load_board
from utvm.model import Model
from utvm.schedules import PORTABLE, default_schedule
from utvm.session.benches import Benches
from utvm.toolchain import find_compiler
from utvm.transports import CycleCounting, open_transport
from utvm.tuning.batch import Experiment
from utvm.tuning.conditions import Conditions, utvm_version
from utvm.tuning.measure import Measurer
from utvm.tuning.metaschedule.process import MetaScheduleProcess
from utvm.tuning.metaschedule.search import MetaScheduleSearch
from utvm.tuning.records import RecordWriter, load_records
from utvm.tuning.tasks import places_of, tasks_of
from utvm.tuning.tuner import Effort, tune

CASES: dict[str, Callable[[], Model]] = {
    "softmax of 10": lambda: cases.softmax(1, 10),
    "softmax of 64, 16 rows": lambda: cases.softmax(16, 64),
    "mul 16x16x32, by channel": lambda: cases.multiply(1, 16, 16, 32),
    "mean 8x8x64": lambda: cases.mean(1, 8, 8, 64),
    "resize bilinear 16x16x16 to 32x32": lambda: cases.resize_bilinear(1, 16, 16, 16),
    "resize nearest 16x16x16 to 32x32": lambda: cases.resize_nearest(1, 16, 16, 16),
    "transposed conv 3x3, 8x8x16 to 16x16": lambda: cases.transposed_convolution(8, 8, 16),
    "transpose 16x16x16 to 16x256": lambda: cases.transpose(1, 16, 16, 16),
    "pad 16x16x16": lambda: cases.pad(1, 16, 16, 16),
    "quantize 80 floats": cases.quantize,
    "dequantize 80": cases.dequantize,
}


def main() -> None:
    """Print a line per operator."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--board", default="stm32f746-disco")
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    board = load_board(arguments.board)
    print(f"{board.name}, modelled with its memories, {find_compiler(board).version}, {arguments.trials} trials each")
    print("| operator | portable | MetaSchedule | gain | tried | our template |")
    print("|---|---|---|---|---|---|")
    counting = CycleCounting(None, "board")
    with MetaScheduleProcess() as process, Benches(board, lambda: open_transport(board, None, counting)) as benches:
        measurer = Measurer(board, benches)
        for name, make in CASES.items():
            effort = Effort(arguments.trials, arguments.jobs, seed=arguments.seed)
            model = make()
            portable, best, tried = _tuned(model, board, measurer, process, effort)
            cells = f"{portable:,} | {best:,} | {portable / best:.2f}x | {tried} | {_template(model, board, measurer)}"
            print(f"| {name} | {cells} |", flush=True)


def _tuned(
    model: Model, board: Board, measurer: Measurer, process: MetaScheduleProcess, effort: Effort
) -> tuple[int, int, int]:
    """Cycles of the portable kernel and of the best one, and how many were tried; whatever templates there are."""
    places = places_of(model, board)
    conditions = Conditions(
        board.name, board.core.name, "virtual", places[0].arena, find_compiler(board).version, utvm_version()
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "records.jsonl"
        with RecordWriter(file) as writer:
            searches = partial(MetaScheduleSearch, process)
            tune(tasks_of(places), measurer, conditions, writer, (), effort, None, searches)
        cycles = {record.schedule: record.cycles for record in load_records([file])}
    measured = [count for count in cycles.values() if count is not None]
    return cycles[PORTABLE] or 0, min(measured), len(cycles)


def _template(model: Model, board: Board, measurer: Measurer) -> str:
    """The default schedule's cycles, where it is a template of ours."""
    (place,) = places_of(model, board)
    default = default_schedule(place.site, place.scratch_limit_bytes)
    if default == PORTABLE:
        return ""
    ((_, outcome),) = measurer.measure(Experiment(place), [default])
    return f"{outcome:,}" if isinstance(outcome, int) else outcome.kind


if __name__ == "__main__":
    main()
