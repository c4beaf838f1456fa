"""MLPerf Tiny's four models on a virtual board, beside the published figures: modelled cycles, RAM, text.

    python benchmarks/mlperf_tiny.py [--models DIR] [--board stm32f746-disco] [--timing MODEL[,RULE=VALUE...]]
                                     [--memory zero-wait] [--toolchain gcc] [--layers] [--library PATH ...]
                                     [MODEL ...]

Cycles are those of the virtual board's timing model, with its caches and wait states unless `--memory zero-wait`; no
hardware was measured. The second of two runs counts, on random inputs, and its answer was compared with the reference.
Each `--library` is one of the user's kernels (docs/bring-your-own-kernels.md). With any, a second line per model is of
programs where they serve every operator that they can, and our kernels the rest.
Published latencies are from the public results of MLPerf Tiny v1.0 to v1.3.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utvm.boards import Board, load_board
from utvm.codegen.program import Program
from utvm.compiler import compile_model, load_model
from utvm.libraries import Library, load_library, use_libraries
from utvm.model import Array
from utvm.model.tensor import Tensor
from utvm.operators import run_reference
from utvm.session.standalone import Prefer, Run, StandaloneSession
from utvm.transports.gdb import GdbTransport

MODELS = {
    "ad": "ad01_int8.tflite",
    "ic": "pretrainedResnet_quant.tflite",
    "kws": "kws_ref_model.tflite",
    "vww": "vww_96_int8.tflite",
}

# Best published latencies in ms per board, in the order of MODELS, with weights in flash.
PUBLISHED_MS = {
    "stm32f746-disco": {"HALE 1.2": (1.711, 62.56, 18.96, 57.25), "Plumerai 1.1": (1.709, 62.88, 17.75, 34.08)},
    "nucleo-h7a3zi-q": {
        "HALE 1.2": (1.359, 45.85, 14.69, 43.76),
        "Plumerai 1.1": (1.348, 50.93, 13.86, 26.82),
        "ST 1.3": (1.225, 40.85, 11.32, 23.80),
    },
    "nucleo-l4r5zi": {
        "microTVM + CMSIS-NN": (8.61, 389.6, 99.8, 300.8),
        "HALE 1.2": (5.84, 180.5, 60.2, 180.5),
        "Plumerai 1.1": (4.05, 167.8, 47.8, 98.8),
        "ST 1.3": (4.79, 165.1, 43.2, 88.9),
    },
    "nucleo-u575zi-q": {
        "HALE 1.2": (3.80, 120.5, 38.6, 119.8),
        "Plumerai 1.1": (3.67, 104.3, 30.0, 59.5),
        "ST 1.3": (3.21, 109.5, 29.0, 59.3),
    },
    "nucleo-g0b1re": {"HALE 1.2": (40.9, 1522.0, 475.0, 1414.0)},
}


class TimedBoard(GdbTransport):
    """A virtual board with a timing and memory model of one's choice, started and ended with the connection."""

    def __init__(self, board: Board, timing: str | None, memory: str) -> None:
        command = [sys.executable, "-m", "utvm.virtual_board", board.reference, "--gdb", "0", "--exit-with-stdin"]
        command += ["--memory", memory, *(["--timing", timing] if timing else [])]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self._process.stdout is None:
            raise RuntimeError("the virtual board has no standard output")
        _, place = self._process.stdout.readline().split()
        host, _, port = place.rpartition(":")
        super().__init__(host, int(port))

    def close(self) -> None:
        """Disconnect and end the board."""
        super().close()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()


@dataclass(frozen=True)
class Result:
    """One model's run on one board."""

    program: Program
    run: Run
    text_bytes: int
    constants_bytes: int
    sha256: str


def measure(
    path: Path,
    board: Board,
    timing: str | None,
    memory: str,
    toolchain: Prefer,
    libraries: Sequence[Library] = (),
    given: Array | None = None,
) -> Result:
    """Compile, build and run a model twice, on random inputs or the first row of `given`; the second run.

    Raises SystemExit if its answer is wrong, or if a row is no input of the model.
    """
    model = load_model(path)
    with use_libraries(libraries, [library.name for library in libraries]):
        program = compile_model(model, board)
    generator = np.random.default_rng(2020)
    inputs = {
        name: generator.integers(-128, 128, model.tensors[name].shape, dtype=np.int16).astype(np.int8)
        for name in model.inputs
    }
    if given is not None:
        inputs = {name: _first_row(given, model.tensors[name]) for name in model.inputs}
    session = StandaloneSession(program, board, toolchain, transport=TimedBoard(board, timing, memory))
    with session:
        session.run(inputs)
        run = session.run(inputs)
        sizes = session.image.sizes
    for name, expected in run_reference(model, inputs).items():
        if not np.array_equal(run.outputs[name], expected):
            raise SystemExit(f"{path.name}: output {name} differs from the reference")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Result(program, run, sizes.text_bytes, sizes.constants_bytes, digest)


def _first_row(given: Array, tensor: Tensor) -> Array:
    """Real numbers are quantized as the tensor is."""
    row = given[0]
    if row.size != tensor.element_count:
        raise SystemExit(f"--input has rows of {row.size} elements, {tensor} has {tensor.element_count}")
    if tensor.quantization is not None and row.dtype.kind == "f":
        stored = np.round(row / tensor.quantization.scale) + tensor.quantization.zero_point
        row = np.clip(stored, -128, 127)
    return row.reshape(tensor.shape).astype(np.int8)


def print_layers(result: Result) -> None:
    """One line per call of a program."""
    for call, cycles in zip(result.program.calls, result.run.layer_cycles, strict=True):
        per_mac = f"{cycles / call.macs:7.3f}" if call.macs else "      -"
        print(f"    {call.operator:18} {call.macs:9,} MACs {cycles:10,} cycles {per_mac} a MAC  {call.schedule}")


def main() -> None:
    """Print one line per model, then the published figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="MODEL", default=list(MODELS), help="ad, ic, kws, vww; all four")
    parser.add_argument("--models", type=Path, default=os.environ.get("UTVM_MODELS"), help="their folder")
    parser.add_argument("--board", default="stm32f746-disco")
    parser.add_argument("--timing", help="a timing model and its rules; the core's own by default")
    parser.add_argument("--memory", choices=("board", "zero-wait"), default="board")
    parser.add_argument("--toolchain", choices=("auto", "gcc", "zig"), default="auto")
    parser.add_argument("--input", type=Path, help="an .npy file: its first row, not random inputs, for one model")
    parser.add_argument("--layers", action="store_true", help="also print every layer")
    parser.add_argument("--library", type=Path, action="append", default=[], help="kernels of your own, as rows beside")
    arguments = parser.parse_args()
    libraries = [load_library(path) for path in arguments.library]
    if arguments.models is None:
        raise SystemExit("say where the models are: --models DIR, or the environment variable UTVM_MODELS")
    unknown = set(arguments.names) - set(MODELS)
    if unknown:
        raise SystemExit(f"no model is named {', '.join(sorted(unknown))}; there are {', '.join(MODELS)}")
    board = load_board(arguments.board)
    if board.qemu is not None:
        raise SystemExit(f"{board.name} is a machine of QEMU, which has no cycles: benchmarks/qemu_instructions.py")
    timing = arguments.timing or f"{board.core.name}'s own"
    print(f"{board.title}, {board.clock_hz / 1e6:g} MHz; timing {timing}, memory {arguments.memory}: modelled cycles")
    published = PUBLISHED_MS.get(board.name, {})
    print(f"{'':4} {'cycles':>11} {'ms':>8} {'arena':>7} {'stack':>6} {'text':>7} {'constants':>9}  published ms")
    given = None if arguments.input is None else np.load(arguments.input)
    for name in arguments.names:
        others = ", ".join(f"{who} {figures[list(MODELS).index(name)]:g}" for who, figures in published.items())
        for served in ([], libraries) if libraries else ([],):
            path = arguments.models / MODELS[name]
            result = measure(path, board, arguments.timing, arguments.memory, arguments.toolchain, served, given)
            remark = f"{others or '-'}  (sha256 {result.sha256[:12]})" if not served else shares(result)
            print_row("" if served else name, result, board, remark)
            if arguments.layers:
                print_layers(result)


def shares(result: Result) -> str:
    """How many calls each library served."""
    by = Counter(call.schedule.partition("/")[0] for call in result.program.calls if "/" in call.schedule)
    counts = ", ".join(f"{name} {count}" for name, count in by.items()) or "none"
    return f"served by {counts} of {len(result.program.calls)} calls"


def print_row(name: str, result: Result, board: Board, remark: str) -> None:
    """One line of the table."""
    run, arena = result.run, sum(result.program.arenas.values())
    ms = 1e3 * run.cycles / board.clock_hz
    print(
        f"{name:4} {run.cycles:11,} {ms:8.3f} {arena:7,} {run.stack_bytes:6,} {result.text_bytes:7,} "
        f"{result.constants_bytes:9,}  {remark}",
        flush=True,
    )


if __name__ == "__main__":
    main()
