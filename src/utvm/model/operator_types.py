"""The operator kinds of the model graph: plain data, all arithmetic already in integers.

Importers turn scales into multipliers, so a reference and a kernel read the same numbers. Activations are NHWC,
convolution weights OHWI, depthwise weights 1HWO. The truth per operator is LiteRT's reference kernel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

Rounding = Literal["double", "single", "wide"]
ByteDtype = Literal["int8", "uint8"]
StoredDtype = Literal["int8", "uint8", "int16"]


@dataclass(frozen=True)
class Requantization:
    """Scale an int32 accumulator to the output: acc * multiplier * 2**(shift - 31), one pair per tensor or channel.

    `double` rounds twice (gemmlowp: rounding doubling high multiply, then rounding divide by a power of two), `single`
    once (halves away from zero, saturated to int32). `wide` rounds as double precision does: the multiplier is a
    mantissa of 53 bits, acc * multiplier * 2**(shift - 53) is rounded to 53 bits, then to an integer, halves away from
    zero.
    """

    multipliers: tuple[int, ...]
    shifts: tuple[int, ...]
    rounding: Rounding = "double"


@dataclass(frozen=True)
class Padding:
    """Rows and columns of zero point around an image."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0

    @property
    def any(self) -> bool:
        """Whether there is any padding."""
        return bool(self.top or self.bottom or self.left or self.right)


@dataclass(frozen=True, kw_only=True)
class Operator:
    """Base of all operators. `inputs` and `outputs` are tensor names.

    `in_place` is the index of an input whose memory the first output may take over. `updates` are the pairs (output,
    input) of a kind whose kernel always overwrites that input, a state, with that output.
    """

    updates: ClassVar[tuple[tuple[int, int], ...]] = ()

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    in_place: int | None = None


@dataclass(frozen=True, kw_only=True)
class Conv2D(Operator):
    """inputs: image NHWC int8, weights OHWI int8, bias O int32 (with I * groups == C). output: NHWC int8.

    acc[o] = bias[o] + sum (x - input_zero_point) * w; padded taps contribute nothing.
    """

    strides: tuple[int, int]
    padding: Padding
    dilation: tuple[int, int]
    input_zero_point: int
    requantization: Requantization
    output_zero_point: int
    clamp: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class DepthwiseConv2D(Operator):
    """inputs: image NHWC int8, weights 1HWO int8 with O = C * multiplier, bias O int32. output: NHWC int8."""

    strides: tuple[int, int]
    padding: Padding
    dilation: tuple[int, int]
    depth_multiplier: int
    input_zero_point: int
    requantization: Requantization
    output_zero_point: int
    clamp: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class TransposeConv2D(Operator):
    """inputs: image NHWC int8, weights OHWI int8, bias O int32. output: NHWC int8 of `size` (height, width).

    Pixel (y, x) adds its window to the output from (y * strides[0] - crop[0], x * strides[1] - crop[1]) on.
    """

    size: tuple[int, int]
    strides: tuple[int, int]
    crop: tuple[int, int]
    input_zero_point: int
    requantization: Requantization
    output_zero_point: int
    clamp: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class FullyConnected(Operator):
    """inputs: rows [N, K] int8, weights [O, K] int8, bias O int32. output: [N, O] int8."""

    input_zero_point: int
    weights_zero_point: int
    requantization: Requantization
    output_zero_point: int
    clamp: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class SVDF(Operator):
    """A layer of low rank over time: each filter is a product with the input, remembered for as many runs as it has
    weights in time; `rank` filters one after the other make a unit.

    inputs: rows [N, K] int8, feature weights [F, K] int8, time weights [F, M] int16, bias U int32, state [N, F * M]
    int16 with F = U * rank. outputs: [N, U] int8, the next state. A product is scaled by `feature`, saturated to int16
    and appended to its filter's M, of which the oldest leaves; their weighted sum, which wraps, by `requantization`.
    """

    updates: ClassVar[tuple[tuple[int, int], ...]] = ((1, 4),)

    rank: int
    input_zero_point: int
    feature: Requantization
    requantization: Requantization
    output_zero_point: int


@dataclass(frozen=True)
class LSTMGate:
    """How a gate scales its sums, over the input and over the last output, to 16 bits with three integer bits."""

    input: Requantization
    recurrent: Requantization


@dataclass(frozen=True, kw_only=True)
class UnidirectionalLSTM(Operator):
    """A long short-term memory of C cells over T steps, int8 with a cell state of 16 bits.

    inputs: sequence [T, N, K], or [N, T, K] unless `time_major`, int8; last output [N, C] int8 and cell state [N, C]
    int16, both states; then for each of `gates` weights [C, K] int8 and recurrent weights [C, C] int8, and the biases C
    int32 of both sums, zero points included. outputs: like the sequence with C for K, next output, next cell state.

    The gates are forget, cell, output, and input unless that is 1 - forget. A cell state is stored * 2**(cell_bits -
    15), limited to +-`cell_clip` unless that is 0. The product of output gate and tanh(cell state), of 30 fraction
    bits, is scaled by `hidden` and `hidden_zero_point` added.
    """

    updates: ClassVar[tuple[tuple[int, int], ...]] = ((1, 1), (2, 2))

    time_major: bool
    gates: tuple[LSTMGate, ...]
    cell_bits: int
    cell_clip: int
    hidden: Requantization
    hidden_zero_point: int


@dataclass(frozen=True, kw_only=True)
class Add(Operator):
    """Broadcasting sum of two int8 tensors.

    Each input, its zero point subtracted, is shifted left by `left_shift` and scaled by its own requantization; the sum
    is scaled by `output`. Subtraction is the same with `subtract`.
    """

    subtract: bool
    left_shift: int
    input_zero_points: tuple[int, int]
    input_requantizations: tuple[Requantization, Requantization]
    output_requantization: Requantization
    output_zero_point: int
    clamp: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Mul(Operator):
    """Broadcasting product of two int8 tensors, zero points subtracted, then requantized."""

    input_zero_points: tuple[int, int]
    requantization: Requantization
    output_zero_point: int
    clamp: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Pool2D(Operator):
    """Average (rounded half away from zero over the taps inside the image) or maximum of a window. NHWC int8."""

    kind: Literal["average", "max"]
    window: tuple[int, int]
    strides: tuple[int, int]
    padding: Padding
    clamp: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Mean(Operator):
    """Mean over `axes` of an int8 tensor, requantized (the element count is in the multiplier)."""

    axes: tuple[int, ...]
    keep_dims: bool
    input_zero_point: int
    requantization: Requantization
    output_zero_point: int


@dataclass(frozen=True, kw_only=True)
class Softmax(Operator):
    """Softmax over the last axis of int8, in LiteRT's fixed point; output scale 1/256, zero point -128."""

    input_multiplier: int
    input_left_shift: int
    diff_min: int


@dataclass(frozen=True, kw_only=True)
class Lookup(Operator):
    """An elementwise function of one byte as a table of 256 entries, indexed by the input's unsigned bits.

    `function` says what the table holds (logistic, tanh, hard_swish, leaky_relu, relu, requantize, ...).
    inputs: tensor (int8 or uint8). The output has the same shape; the table's entries are its stored values.
    """

    function: str
    table: tuple[int, ...]
    output_dtype: ByteDtype = "int8"


@dataclass(frozen=True, kw_only=True)
class Quantize(Operator):
    """float32 to int8, uint8 or int16: round half away from zero of x / scale in float32, plus zero point, saturated.

    What is not a number becomes the smallest stored value.
    """

    scale: float
    zero_point: int
    output_dtype: StoredDtype = "int8"


@dataclass(frozen=True, kw_only=True)
class Requantize(Operator):
    """Integers under another quantization, where one of both has 16 bits: zero point subtracted, scaled, zero point
    added, saturated. (Between bytes it is a Lookup.)"""

    input_zero_point: int
    requantization: Requantization
    output_zero_point: int
    output_dtype: StoredDtype


@dataclass(frozen=True, kw_only=True)
class Dequantize(Operator):
    """int8, uint8 or int16 to float32: scale * (x - zero_point), exact before the one rounding."""

    scale: float
    zero_point: int


@dataclass(frozen=True, kw_only=True)
class Pad(Operator):
    """Constant padding of any dtype: (before, after) per axis, filled with the stored `value`."""

    paddings: tuple[tuple[int, int], ...]
    value: int | float


@dataclass(frozen=True, kw_only=True)
class Reshape(Operator):
    """The same elements in another shape: reshape, squeeze, expand_dims.

    A view of its input's memory, unless that is a constant or `copies` asks for memory of its own.
    """

    shape: tuple[int, ...]
    copies: bool = False


@dataclass(frozen=True, kw_only=True)
class Concatenation(Operator):
    """Tensors of one dtype and equal quantization joined along `axis` (non-negative)."""

    axis: int


@dataclass(frozen=True, kw_only=True)
class StridedSlice(Operator):
    """output[i] = input[begin + i * stride] per axis, with `shape` elements; also slice, split and unpack.

    Strides may be negative; every index lies inside the input.
    """

    begin: tuple[int, ...]
    strides: tuple[int, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Transpose(Operator):
    """output axis i is input axis permutation[i]."""

    permutation: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class ResizeNearest(Operator):
    """Nearest-neighbour resize of NHWC to `size` (height, width)."""

    size: tuple[int, int]
    align_corners: bool
    half_pixel_centers: bool


@dataclass(frozen=True, kw_only=True)
class ResizeBilinear(Operator):
    """Bilinear resize of NHWC int8 to `size` (height, width), in LiteRT's 10-bit fixed point."""

    size: tuple[int, int]
    align_corners: bool
    half_pixel_centers: bool


@dataclass(frozen=True, kw_only=True)
class ArgMax(Operator):
    """Index of the first largest element along `axis` (non-negative); int32 or int64."""

    axis: int
    output_dtype: Literal["int32", "int64"]
