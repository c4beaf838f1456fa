"""How many candidates a second `utvm tune` measures on the virtual board, compilation included.

    python benchmarks/tuning_throughput.py [--models DIR] [--board stm32f746-disco] [--trials 64] [--seconds 30]
                                           [--jobs 2] [--memory board] [--toolchain auto] [MODEL ...]

Tunes each model from nothing, for so many seconds at most, and counts every schedule that came to an end, failed
ones too. Where other work runs on the machine wall time says little: the processor time of this process, of the
compilers it starts and of the virtual boards is printed beside it, and what it would allow on `--jobs` idle cores. The
search's share per operator follows the order of the model's slowest operators, as `utvm tune --time-limit` has it.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
from dataclasses import dataclass
from pathlib import Path

from utvm.boards import Board, load_board
from utvm.compiler import load_model
from utvm.session.benches import Benches
from utvm.toolchain import find_compiler
from utvm.transports import CycleCounting, Transport, VirtualBoardTransport
from utvm.tuning.conditions import Conditions, utvm_version
from utvm.tuning.measure import Measurer
from utvm.tuning.records import RecordWriter
from utvm.tuning.tasks import places_of, tasks_of
from utvm.tuning.tuner import Effort, TuningResult, tune

MODELS = {
    "ad": "ad01_int8.tflite",
    "ic": "pretrainedResnet_quant.tflite",
    "kws": "kws_ref_model.tflite",
    "vww": "vww_96_int8.tflite",
}


@dataclass(frozen=True)
class Spent:
    """A tuning, and processor time in seconds of who worked for it."""

    result: TuningResult
    own_s: float
    compilers_s: float
    boards_s: float

    @property
    def total_s(self) -> float:
        """All of them."""
        return self.own_s + self.compilers_s + self.boards_s


def process_seconds(pid: int) -> float:
    """Processor time that a running process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rusage_seconds(who: int) -> float:
    """Processor time of this process, or of its children that have ended."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def measure(path: Path, board: Board, arguments: argparse.Namespace) -> Spent:
    """Tune one model from nothing."""
    boards: list[VirtualBoardTransport] = []

    def opened() -> Transport:
        transport = VirtualBoardTransport(board.reference, counting=CycleCounting(arguments.timing, arguments.memory))
        boards.append(transport)
        return transport

    compiler = find_compiler(board, arguments.toolchain)
    conditions = Conditions(board.name, board.core.name, "throughput", "", compiler.version, utvm_version())
    before = rusage_seconds(resource.RUSAGE_SELF), rusage_seconds(resource.RUSAGE_CHILDREN)
    tasks = tasks_of(places_of(load_model(path), board))
    with (
        tempfile.TemporaryDirectory() as folder,
        RecordWriter(Path(folder) / "records.jsonl") as writer,
        Benches(board, opened, arguments.toolchain) as benches,
    ):
        effort = Effort(arguments.trials, arguments.jobs, arguments.seconds)
        result = tune(tasks, Measurer(board, benches), conditions, writer, effort=effort)
        # Boards that have not ended are not among the children yet.
        compilers = rusage_seconds(resource.RUSAGE_CHILDREN) - before[1]
        on_boards = sum(process_seconds(transport.process.pid) for transport in boards)
    return Spent(result, rusage_seconds(resource.RUSAGE_SELF) - before[0], compilers, on_boards)


def main() -> None:
    """One line per model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="MODEL", default=list(MODELS), help="ad, ic, kws, vww; all four")
    parser.add_argument("--models", type=Path, default=os.environ.get("UTVM_MODELS"), help="their folder")
    parser.add_argument("--board", default="stm32f746-disco")
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--timing", help="a timing model and its rules; the core's own by default")
    parser.add_argument("--memory", choices=("board", "zero-wait"), default="board")
    parser.add_argument("--toolchain", choices=("auto", "gcc", "zig"), default="auto")
    arguments = parser.parse_args()
    if arguments.models is None:
        raise SystemExit("say where the models are: --models DIR, or the environment variable UTVM_MODELS")
    board = load_board(arguments.board)
    load = os.getloadavg()[0]
    print(f"{board.name}, {arguments.jobs} boards, {os.cpu_count()} cores, load of the machine before: {load:.1f}")
    columns = (
        "candidates",
        "wall s",
        "a second",
        "CPU s",
        "own",
        "compilers",
        "boards",
        f"a second on {arguments.jobs} idle cores",
    )
    print(f"{'':4}", *(f"{column:>10}" for column in columns))
    for name in arguments.names:
        spent = measure(arguments.models / MODELS[name], board, arguments)
        count, wall = spent.result.measured, spent.result.seconds
        parts = (f"{count}", f"{wall:.1f}", f"{count / wall:.1f}", f"{spent.total_s:.1f}", f"{spent.own_s:.1f}")
        parts += (f"{spent.compilers_s:.1f}", f"{spent.boards_s:.1f}", f"{arguments.jobs * count / spent.total_s:.1f}")
        print(f"{name:4}", *(f"{part:>10}" for part in parts), flush=True)


if __name__ == "__main__":
    main()
