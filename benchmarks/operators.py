"""Cycles per element of representative operators on a virtual board: the portable kernel and the default schedule.

    python benchmarks/operators.py [WORD ...] [--board stm32f746-disco] [--memory zero-wait]

Cases are those with one of the words in their name. Each runs alone, with random inputs; by default it is rewritten as
in a model. A wrong answer ends the run. Cycles are modelled: those of the second call, in which caches and predictors
are warm, per element of the output, or of the input where that is larger. To add an operator, add a case to `CASES`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from utvm.boards import Board, load_board
from utvm.codegen.assemble import Target, assemble
from utvm.codegen.budget import arena_regions
from utvm.compiler import provenance
from utvm.model import Array, Model
from utvm.model.fixed_point import quantize_multiplier
from utvm.model.operator_types import (
    Add,
    Concatenation,
    Conv2D,
    DepthwiseConv2D,
    Lookup,
    Mean,
    Mul,
    Operator,
    Pad,
    Padding,
    Pool2D,
    Requantization,
    ResizeNearest,
    Softmax,
    StridedSlice,
    Transpose,
    TransposeConv2D,
)
from utvm.model.tensor import Tensor, constant
from utvm.operators import check_model, rule_of, run_reference
from utvm.rewrites import rewrite
from utvm.schedules import PORTABLE, Schedule
from utvm.session.standalone import StandaloneSession
from utvm.transports.virtual import CycleCounting, VirtualBoardTransport

_LEFT_SHIFT = 20
# What a table function is does not matter.
_TABLE = tuple(int(value) for value in np.random.default_rng(3).integers(-128, 128, 256))
FULL_RANGE = (-128, 127)


@dataclass(frozen=True)
class Case:
    """An operator on tensors named in its `inputs`; those in `constants` are known at compile time."""

    operator: Operator
    shapes: dict[str, tuple[int, ...]]
    constants: dict[str, Array]

    def model(self) -> Model:
        """The operator alone."""
        tensors = {name: Tensor(name, shape, "int8") for name, shape in self.shapes.items()}
        tensors |= {name: constant(name, data) for name, data in self.constants.items()}
        inputs = tuple(tensors[name] for name in self.operator.inputs)
        (inferred,) = rule_of(self.operator).infer(self.operator, inputs)
        tensors["y"] = Tensor("y", inferred.shape, inferred.dtype)
        return Model("operator", tensors, (self.operator,), tuple(self.shapes), ("y",))


def scaling(real: float) -> Requantization:
    """Rounded twice, as LiteRT's elementwise operators do."""
    multiplier, shift = quantize_multiplier(real)
    return Requantization((multiplier,), (shift,))


def _sum(a: tuple[int, ...], b: tuple[int, ...], known: bool = False) -> Case:
    operator = Add(
        name="sum",
        inputs=("a", "b"),
        outputs=("y",),
        subtract=False,
        left_shift=_LEFT_SHIFT,
        input_zero_points=(-128, 4),
        input_requantizations=(scaling(0.5), scaling(0.31)),
        output_requantization=scaling(0.22 / ((1 << _LEFT_SHIFT) * 0.15)),
        output_zero_point=-3,
        clamp=FULL_RANGE,
    )
    return _two(operator, a, b, known)


def _product(a: tuple[int, ...], b: tuple[int, ...], known: bool = False) -> Case:
    operator = Mul(
        name="product",
        inputs=("a", "b"),
        outputs=("y",),
        input_zero_points=(-3, -128),
        requantization=scaling(0.0077),
        output_zero_point=5,
        clamp=FULL_RANGE,
    )
    return _two(operator, a, b, known)


def _two(operator: Operator, a: tuple[int, ...], b: tuple[int, ...], known: bool) -> Case:
    if not known:
        return Case(operator, {"a": a, "b": b}, {})
    return Case(operator, {"a": a}, {"b": _random(np.random.default_rng(1), b)})


def _one(operator: Operator, shape: tuple[int, ...]) -> Case:
    return Case(operator, {"a": shape}, {})


def _named(make: Callable[..., Operator], on: tuple[int, ...], **fields: object) -> Case:
    return _one(make(name="operator", inputs=("a",), outputs=("y",), **fields), on)


def _softmax(rows: int, classes: int) -> Case:
    multiplier, shift = quantize_multiplier(0.1 * (1 << 26))
    return _named(
        Softmax, (rows, classes), input_multiplier=multiplier, input_left_shift=shift, diff_min=-((31 << 26) >> shift)
    )


def _mean(shape: tuple[int, ...]) -> Case:
    scale = scaling(1.3 / (shape[1] * shape[2]))
    return _named(
        Mean, shape, axes=(1, 2), keep_dims=False, input_zero_point=-128, requantization=scale, output_zero_point=-128
    )


def _pool(kind: str, shape: tuple[int, ...], window: int) -> Case:
    size, padding = (window, window), Padding()
    return _named(Pool2D, shape, kind=kind, window=size, strides=size, padding=padding, clamp=FULL_RANGE)


def _transpose_conv(shape: tuple[int, ...], channels: int) -> Case:
    weights = np.maximum(_random(np.random.default_rng(2), (channels, 2, 2, shape[3])), -127)
    operator = TransposeConv2D(
        name="up",
        inputs=("a", "w", "b"),
        outputs=("y",),
        size=(2 * shape[1], 2 * shape[2]),
        strides=(2, 2),
        crop=(0, 0),
        input_zero_point=-128,
        requantization=Requantization((1 << 30,) * channels, (-8,) * channels),
        output_zero_point=-128,
        clamp=FULL_RANGE,
    )
    return Case(operator, {"a": shape}, {"w": weights, "b": np.zeros(channels, np.int32)})


def _conv(shape: tuple[int, ...], channels: int, dilation: int = 1, groups: int = 1) -> Case:
    weights = np.maximum(_random(np.random.default_rng(5), (channels, 3, 3, shape[3] // groups)), -127)
    operator = Conv2D(
        name="conv",
        inputs=("a", "w", "b"),
        outputs=("y",),
        strides=(1, 1),
        padding=Padding(dilation, dilation, dilation, dilation),
        dilation=(dilation, dilation),
        input_zero_point=-128,
        requantization=Requantization((1 << 30,) * channels, (-8,) * channels),
        output_zero_point=-128,
        clamp=FULL_RANGE,
    )
    return Case(operator, {"a": shape}, {"w": weights, "b": np.zeros(channels, np.int32)})


def _depthwise(shape: tuple[int, ...], multiplier: int, stride: int, dilation: int = 1) -> Case:
    channels = shape[3] * multiplier
    weights = np.maximum(_random(np.random.default_rng(4), (1, 3, 3, channels)), -127)
    same = Padding(dilation, dilation, dilation, dilation)
    operator = DepthwiseConv2D(
        name="depthwise",
        inputs=("a", "w", "b"),
        outputs=("y",),
        strides=(stride, stride),
        padding=same if stride == 1 else Padding(0, 1, 0, 1),
        dilation=(dilation, dilation),
        depth_multiplier=multiplier,
        input_zero_point=-128,
        requantization=Requantization((1 << 30,) * channels, (-7,) * channels),
        output_zero_point=-128,
        clamp=FULL_RANGE,
    )
    return Case(operator, {"a": shape}, {"w": weights, "b": np.zeros(channels, np.int32)})


def _joined(*shapes: tuple[int, ...]) -> Case:
    names = [f"a{index}" for index in range(len(shapes))]
    operator = Concatenation(name="join", inputs=tuple(names), outputs=("y",), axis=len(shapes[0]) - 1)
    return Case(operator, dict(zip(names, shapes, strict=True)), {})


def _random(generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return generator.integers(-128, 128, shape, dtype=np.int16).astype(np.int8)


CASES: dict[str, Case] = {
    "add 14x14x96": _sum((1, 14, 14, 96), (1, 14, 14, 96)),
    "add 14x14x96 + constant 96": _sum((1, 14, 14, 96), (96,), known=True),
    "add 14x14x96 + 1x1x96": _sum((1, 14, 14, 96), (1, 1, 1, 96)),
    "add 14x14x96 + constant 1": _sum((1, 14, 14, 96), (1,), known=True),
    "mul 14x14x96": _product((1, 14, 14, 96), (1, 14, 14, 96)),
    "mul 14x14x96 * 1x1x96": _product((1, 14, 14, 96), (1, 1, 1, 96)),
    "mul 14x14x96 * constant 96": _product((1, 14, 14, 96), (96,), known=True),
    "mul 14x14x96 * 14x14x1": _product((1, 14, 14, 96), (1, 14, 14, 1)),
    "mul 14x14x96 * constant 1": _product((1, 14, 14, 96), (1,), known=True),
    "softmax 1x10": _softmax(1, 10),
    "softmax 1x1000": _softmax(1, 1000),
    "softmax 256x21": _softmax(256, 21),
    "mean 7x7x320": _mean((1, 7, 7, 320)),
    "mean 14x14x30": _mean((1, 14, 14, 30)),
    "lookup 14x14x96": _named(Lookup, (1, 14, 14, 96), function="table", table=_TABLE),
    "pad 32x32x16": _named(Pad, (1, 32, 32, 16), paddings=((0, 0), (1, 1), (1, 1), (0, 0)), value=-128),
    "pad 32x32x3": _named(Pad, (1, 32, 32, 3), paddings=((0, 0), (1, 1), (1, 1), (0, 0)), value=-128),
    "concatenation 14x14x(64+32)": _joined((1, 14, 14, 64), (1, 14, 14, 32)),
    "slice 28x28x32 of 32x32x32": _named(
        StridedSlice, (1, 32, 32, 32), begin=(0, 2, 2, 0), strides=(1, 1, 1, 1), shape=(1, 28, 28, 32)
    ),
    "slice 32x32x16, every second": _named(
        StridedSlice, (1, 32, 32, 32), begin=(0, 0, 0, 0), strides=(1, 1, 1, 2), shape=(1, 32, 32, 16)
    ),
    "resize nearest 13x13x32 to 26x26": _named(
        ResizeNearest, (1, 13, 13, 32), size=(26, 26), align_corners=False, half_pixel_centers=False
    ),
    "transpose 16x16x32 to 32x16x16": _named(Transpose, (1, 16, 16, 32), permutation=(0, 3, 1, 2)),
    "max pool 32x32x32, 2x2": _pool("max", (1, 32, 32, 32), 2),
    "average pool 32x32x32, 2x2": _pool("average", (1, 32, 32, 32), 2),
    "conv 24x24x16 to 24x24x16, 3x3": _conv((1, 24, 24, 16), 16),
    "conv 24x24x16 to 24x24x16, 3x3 dilated by 2": _conv((1, 24, 24, 16), 16, dilation=2),
    "conv 24x24x32 to 24x24x32, 3x3 in 4 groups": _conv((1, 24, 24, 32), 32, groups=4),
    "depthwise 24x24x16, 3x3 dilated by 2": _depthwise((1, 24, 24, 16), 1, 1, dilation=2),
    "depthwise 48x48x1 to 24x24x8": _depthwise((1, 48, 48, 1), 8, 2),
    "depthwise 24x24x8 to 24x24x16": _depthwise((1, 24, 24, 8), 2, 1),
    "transpose conv 14x14x32 to 28x28x16, 2x2": _transpose_conv((1, 14, 14, 32), 16),
}


@dataclass(frozen=True)
class Measured:
    """Cycles of the second call, and by which schedule."""

    cycles: int
    schedule: str


def measure(case: Case, board: Board, counting: CycleCounting, schedule: Schedule | None) -> Measured:
    """Build, run twice, compare; SystemExit if an answer is wrong."""
    original = case.model()
    check_model(original)
    model = original if schedule is PORTABLE else rewrite(original)
    target = Target(board.name, board.core, arena_regions(model, board))
    chosen = {} if schedule is None else {case.operator.name: schedule}
    program = assemble(model, target, provenance(model), chosen)
    generator = np.random.default_rng(2020)
    inputs = {name: _random(generator, shape) for name, shape in case.shapes.items()}
    transport = VirtualBoardTransport(board.reference, counting=counting)
    with StandaloneSession(program, board, transport=transport) as session:
        session.run(inputs)
        run = session.run(inputs)
    if not np.array_equal(run.outputs["y"], run_reference(original, inputs)["y"]):
        raise SystemExit(f"{case.operator}: {program.calls[0].schedule} gives a wrong answer")
    return Measured(run.layer_cycles[0], program.calls[0].schedule)


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", metavar="WORD", help="of the names of the cases to run; all")
    parser.add_argument("--board", default="stm32f746-disco")
    parser.add_argument("--memory", choices=("board", "zero-wait"), default="board")
    arguments = parser.parse_args()
    board = load_board(arguments.board)
    counting = CycleCounting(memory=arguments.memory)
    names = [name for name in CASES if not arguments.words or any(word in name for word in arguments.words)]
    if not names:
        raise SystemExit(f"no case has {' or '.join(arguments.words)} in its name; there are {', '.join(CASES)}")
    print(f"{board.title}, memory {arguments.memory}: modelled cycles per element\n")
    print("| operator | portable | default | faster | schedule |\n|---|---|---|---|---|")
    for name in names:
        case = CASES[name]
        model = case.model()
        elements = max(tensor.element_count for key, tensor in model.tensors.items() if key not in case.constants)
        portable, default = (measure(case, board, counting, schedule) for schedule in (PORTABLE, None))
        ratio = portable.cycles / default.cycles
        rates = " | ".join(f"{one.cycles / elements:.2f}" for one in (portable, default))
        print(f"| {name} | {rates} | {ratio:.1f}x | {default.schedule} |", flush=True)


if __name__ == "__main__":
    main()
