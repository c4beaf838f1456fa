"""How far default schedules are from tuned ones, on MLPerf Tiny's four models: modelled cycles of a virtual board.

    python benchmarks/default_vs_tuned.py [--models DIR] [--board stm32f746-disco] [--trials 64] [--time-limit SECONDS]
                                          [--records DIR] [--memory board] [--toolchain auto] [MODEL ...]

Tunes each model, for `--time-limit` seconds each where given, and compares the cycles of all operators that were
measured, as often as a run has them: the default's and the best schedule's. What is slower than the best by more than
3 % by default is listed. `--records` keeps what was measured, and goes on from there.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from utvm.boards import Board, load_board
from utvm.compiler import load_model
from utvm.session.benches import Benches
from utvm.toolchain import find_compiler
from utvm.transports import CycleCounting, Transport, open_transport
from utvm.tuning.conditions import Conditions, utvm_version
from utvm.tuning.measure import Measurer
from utvm.tuning.records import Records, RecordWriter, load_records
from utvm.tuning.tasks import places_of, tasks_of
from utvm.tuning.tuner import Effort, TuningResult, tune

MODELS = {
    "ad": "ad01_int8.tflite",
    "ic": "pretrainedResnet_quant.tflite",
    "kws": "kws_ref_model.tflite",
    "vww": "vww_96_int8.tflite",
}
LISTED_SHARE = 1.03


def tuned(path: Path, board: Board, records: Path, arguments: argparse.Namespace) -> TuningResult:
    """The model's tuning, which goes on with what the file of records holds."""
    compiler = find_compiler(board, arguments.toolchain)
    places = places_of(load_model(path), board)
    counting = f"virtual, timing {board.core.name}, memory {arguments.memory}"
    arena = places[0].arena if places else ""
    conditions = Conditions(board.name, board.core.name, counting, arena, compiler.version, utvm_version())

    def opened() -> Transport:
        return open_transport(board, "virtual", CycleCounting(memory=arguments.memory))

    known = load_records([records]) if records.exists() else Records()
    with RecordWriter(records) as writer, Benches(board, opened, arguments.toolchain) as benches:
        effort = Effort(arguments.trials, arguments.jobs, arguments.time_limit)
        return tune(tasks_of(places), Measurer(board, benches), conditions, writer, known, effort)


def main() -> None:
    """A line per model, and one per operator whose default is behind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="MODEL", default=list(MODELS), help="ad, ic, kws, vww; all four")
    parser.add_argument("--models", type=Path, default=os.environ.get("UTVM_MODELS"), help="their folder")
    parser.add_argument("--board", default="stm32f746-disco")
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--time-limit", type=float)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--records", type=Path, help="folder of records, one file per model and board")
    parser.add_argument("--memory", choices=("board", "zero-wait"), default="board")
    parser.add_argument("--toolchain", choices=("auto", "gcc", "zig"), default="auto")
    arguments = parser.parse_args()
    if arguments.models is None:
        raise SystemExit("say where the models are: --models DIR, or the environment variable UTVM_MODELS")
    board = load_board(arguments.board)
    print(
        f"{board.name}, memory {arguments.memory}: modelled cycles of the operators measured, {arguments.trials} trials"
    )
    print(f"{'':4} {'operators':>9} {'schedules':>9} {'default':>11} {'tuned':>11} {'gap':>7}")
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.names:
            directory = arguments.records or Path(folder)
            directory.mkdir(parents=True, exist_ok=True)
            result = tuned(arguments.models / MODELS[name], board, directory / f"{name}-{board.name}.jsonl", arguments)
            print_result(name, result)


def print_result(name: str, result: TuningResult) -> None:
    """The model's sum, and the operators whose default is behind."""
    both = [task for task in result.tasks if task.default_cycles is not None and task.best_cycles is not None]
    default = sum(task.count * (task.default_cycles or 0) for task in both)
    best = sum(task.count * (task.best_cycles or 0) for task in both)
    tried = sum(task.tried for task in result.tasks)
    gap = f"{100 * (default / best - 1):.2f} %" if best else "-"
    ended = " (the time was up)" if result.out_of_time else ""
    print(
        f"{name:4} {len(both):4} of {len(result.tasks):2} {tried:8} {default:11,} {best:11,} {gap:>7}{ended}",
        flush=True,
    )
    for task in both:
        if (task.default_cycles or 0) > LISTED_SHARE * (task.best_cycles or 0):
            print(f"     {task.layer}: {task.default_cycles:,} by {task.default}, {task.best_cycles:,} by {task.best}")


if __name__ == "__main__":
    main()
