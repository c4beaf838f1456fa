"""MLPerf Tiny's four models on a machine of QEMU: instructions by kind of layer, with portable kernels and by default.

    python benchmarks/qemu_instructions.py [--models DIR] [--board qemu-mps3-an547] [--toolchain auto] [--layers]
                                           [MODEL ...]

QEMU counts instructions; it knows nothing of cycles. Of two runs on random inputs the second counts, and its answer is
compared with the reference. The estimated cycles are those by which default schedules were chosen: nobody has measured
them, and for the Cortex-M55 there is no published table that they could follow.
"""

from __future__ import annotations

import argparse
import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utvm.boards import Board, load_board
from utvm.codegen.program import Program
from utvm.compiler import compile_model, compile_portable, load_model
from utvm.model import Model
from utvm.operators import run_reference
from utvm.rewrites import rewrite
from utvm.schedules import Site, candidates
from utvm.schedules.registry import template_named
from utvm.session.standalone import Prefer, StandaloneSession

MODELS = {
    "ad": "ad01_int8.tflite",
    "ic": "pretrainedResnet_quant.tflite",
    "kws": "kws_ref_model.tflite",
    "vww": "vww_96_int8.tflite",
}


@dataclass(frozen=True)
class Layer:
    """Instructions with both kinds of kernels, and the estimated cycles of the default."""

    kind: str
    macs: int
    portable: float
    default: float
    estimated: float
    schedule: str


def instructions(model: Model, program: Program, board: Board, toolchain: Prefer) -> list[float]:
    """Per call, counted in the second of two runs. Raises SystemExit if its answer is wrong."""
    generator = np.random.default_rng(2020)
    inputs = {
        name: generator.integers(-128, 128, model.tensors[name].shape, dtype=np.int16).astype(np.int8)
        for name in model.inputs
    }
    with StandaloneSession(program, board, toolchain) as session:
        session.run(inputs)
        run = session.run(inputs)
    for name, expected in run_reference(model, inputs).items():
        if not np.array_equal(run.outputs[name], expected):
            raise SystemExit(f"{model.name}: output {name} differs from the reference")
    assert board.qemu is not None
    # An instruction takes 2**icount_shift ns of the time that timers see.
    per_count = 1e9 / board.clock_hz / (1 << board.qemu.icount_shift)
    return [count * per_count for count in run.layer_cycles]


def kind_of(site: Site) -> str:
    """What sort of layer, for the table."""
    name = type(site.operator).__name__
    if name != "Conv2D":
        return name
    window, channels = site.inputs[1].shape[1:3], site.inputs[0].shape[3]
    first = ", first" if channels <= 4 else ""
    return f"{name} {window[0]}x{window[1]}{first}"


def measure(path: Path, board: Board, toolchain: Prefer) -> tuple[list[Layer], tuple[int, int]]:
    """The layers of a model, and the bytes of the arena with portable kernels and by default."""
    model = load_model(path)
    rewritten = rewrite(model)
    programs = compile_portable(model, board), compile_model(model, board)
    portable, default = (instructions(model, program, board, toolchain) for program in programs)
    operators = {operator.name: operator for operator in rewritten.operators}
    layers = []
    for call, before, after in zip(programs[1].calls, portable, default, strict=True):
        operator = operators[call.layer]
        tensors = rewritten.input_tensors(operator), rewritten.output_tensors(operator)
        site = Site(operator, *tensors, board.core)
        schedule = next(found for found in candidates(site) if str(found) == call.schedule)
        estimated = template_named(schedule.template).estimated_cycles(site, schedule)
        layers.append(Layer(kind_of(site), call.macs, before, after, estimated, call.schedule))
    return layers, (programs[0].arena_bytes, programs[1].arena_bytes)


def print_row(label: str, layers: list[Layer], remark: str = "") -> None:
    """Sums of some layers."""
    macs = sum(layer.macs for layer in layers)
    before, after = sum(layer.portable for layer in layers), sum(layer.default for layer in layers)
    estimated = sum(layer.estimated for layer in layers)

    def rate(value: float) -> str:
        return f"{value / macs:7.3f}" if macs else f"{'-':>7}"

    print(
        f"    {label:18} {macs:11,} {before:12,.0f} {rate(before)} {after:12,.0f} {rate(after)} "
        f"{before / after:6.1f} {estimated:11,.0f}  {remark}",
        flush=True,
    )


def main() -> None:
    """A table for each model: a line for each kind of layer, and one for all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="MODEL", default=list(MODELS), help="ad, ic, kws, vww; all four")
    parser.add_argument("--models", type=Path, default=os.environ.get("UTVM_MODELS"), help="their folder")
    parser.add_argument("--board", default="qemu-mps3-an547")
    parser.add_argument("--toolchain", choices=("auto", "gcc", "zig"), default="auto")
    parser.add_argument("--layers", action="store_true", help="also print every layer")
    arguments = parser.parse_args()
    if arguments.models is None:
        raise SystemExit("say where the models are: --models DIR, or the environment variable UTVM_MODELS")
    unknown = set(arguments.names) - set(MODELS)
    if unknown:
        raise SystemExit(f"no model is named {', '.join(sorted(unknown))}; there are {', '.join(MODELS)}")
    board = load_board(arguments.board)
    if board.qemu is None:
        raise SystemExit(f"{board.name} is no machine of QEMU; benchmarks/mlperf_tiny.py has cycles of virtual boards")
    print(f"{board.title}: instructions, counted by QEMU; cycles are estimated, not measured")
    heads = ("", "MACs", "portable", "a MAC", "default", "a MAC", "times", "est. cycles")
    print("    {:18} {:>11} {:>12} {:>7} {:>12} {:>7} {:>6} {:>11}".format(*heads))
    for name in arguments.names:
        layers, arenas = measure(arguments.models / MODELS[name], board, arguments.toolchain)
        print(f"{name}: arena {arenas[0]:,} bytes with portable kernels, {arenas[1]:,} by default")
        kinds = defaultdict(list)
        for layer in layers:
            kinds[layer.kind].append(layer)
            if arguments.layers:
                print_row(layer.kind, [layer], layer.schedule)
        for kind, found in kinds.items() if len(kinds) > 1 or not arguments.layers else ():
            print_row(kind, found, f"{len(found)} layer(s)")
        print_row("all", layers)


if __name__ == "__main__":
    main()
