"""Convolutions, depthwise ones too, by code that holds the weights, for cores without DSP instructions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from utvm.microkernels.weight_code import (
    MOST_WIDTH,
    PairConvolution,
    PairDepthwise,
    Run,
    column_cycles,
    convolution_unit,
    depthwise_column_cycles,
    depthwise_unit,
    scale_words,
    strip_units,
)
from utvm.model.operator_types import Conv2D, DepthwiseConv2D
from utvm.operators.kernel import CKernel, CodeUnit, KernelArgument
from utvm.operators.overlap import Overlap
from utvm.schedules.plain_scales import rows_of_weights, scales_of
from utvm.schedules.schedule import KnobValue, Schedule
from utvm.schedules.template import Site, Template
from utvm.schedules.weight_code_plan import PairGeometry
from utvm.schedules.weight_code_source import pair_loops
from utvm.schedules.weight_words import THUMB_CORES

_MOST_WEIGHTS = 20_000
_WORD_BYTES = 4
# Modelled on the Cortex-M0+: cycles per word of a strip, per block of columns and row of the window, and per call.
_WORD_CYCLES = 8.0
_STRIP_CYCLES = 150.0
_CALL_CYCLES = 300


class WeightCode(Template):
    """Constant weights, not too many of them, and requantization that splits into 32-bit products."""

    name = "weights_in_code"
    memory_knobs = ("columns",)

    def refusal(self, site: Site) -> str:
        """Other operators, unknown weights, too many of them, windows or scales there is no code for, other cores."""
        operator = site.operator
        if not isinstance(operator, Conv2D | DepthwiseConv2D):
            return f"{type(operator).__name__} is not a convolution"
        if site.core.name not in THUMB_CORES:
            return f"{site.core.name} has no code of this kind"
        image, weights, bias = site.inputs
        if weights.data is None or bias.data is None:
            return "weights and bias are not constants"
        if isinstance(operator, Conv2D) and weights.shape[3] != image.shape[3]:
            return "channels are in groups"
        if isinstance(operator, DepthwiseConv2D) and weights.shape[2] > MOST_WIDTH:
            return f"a window of {weights.shape[2]} columns, not {MOST_WIDTH} at most"
        count = int(np.count_nonzero(weights.data))
        if count > _MOST_WEIGHTS:
            return f"{count} weights would make too much code; {_MOST_WEIGHTS} are allowed"
        found = scales_of(site)
        return found if isinstance(found, str) else ""

    def knobs(self, site: Site) -> Mapping[str, tuple[KnobValue, ...]]:
        """`columns`: of outputs for which a strip is filled at a time."""
        return {"columns": PairGeometry.of(site).blocks()}

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """Cycles of the generated code, and a rate for filling strips."""
        geometry, block = PairGeometry.of(site), int(schedule.knob("columns"))
        fills = geometry.fills(block)
        columns = geometry.columns(block) * _column_cycles(site)
        words = geometry.strip_bytes(block) // _WORD_BYTES
        strips = fills * (words * _WORD_CYCLES + geometry.window[0] * _STRIP_CYCLES)
        return columns + strips + _CALL_CYCLES

    def scratch_bytes(self, site: Site, schedule: Schedule) -> int:
        """The strip."""
        return PairGeometry.of(site).strip_bytes(int(schedule.knob("columns")))

    def overlap(self, site: Site, schedule: Schedule) -> Overlap | None:
        """As far as strips have been filled."""
        return PairGeometry.of(site).overlap(int(schedule.knob("columns")))

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """Strips of paired rows, one function of code for all columns of a block."""
        operator = site.operator
        assert isinstance(operator, Conv2D | DepthwiseConv2D)
        geometry, block = PairGeometry.of(site), int(schedule.knob("columns"))
        unit, scales = _unit(site, geometry, block), scales_of(site)
        assert not isinstance(scales, str)
        pair, rows = strip_units(quads=geometry.channels % 4 == 0)
        zero = f"const int32_t zero = {operator.input_zero_point};\n"
        return CKernel(
            stem=f"{'conv2d' if isinstance(operator, Conv2D) else 'depthwise_conv2d'}_code",
            body=zero + pair_loops(geometry, block, rows.name, unit.name),
            types=("const int8_t", "int8_t", "const int32_t", "int32_t"),
            arguments=(
                KernelArgument("image", "tensor", site.inputs[0].name),
                KernelArgument("output", "tensor", site.outputs[0].name, written=True),
                KernelArgument("scales", "constant", data=scale_words(scales)),
                KernelArgument("strip", "scratch", size_bytes=geometry.strip_bytes(block)),
            ),
            comments=(
                f"{geometry.height}x{geometry.width}x{geometry.channels}, window {geometry.window}, "
                f"{geometry.out_channels} outputs: weights are in the code",
                f"two rows at a time, {block} columns",
            ),
            units=(pair, rows, unit),
        )


@lru_cache(maxsize=512)
def _column_cycles(site: Site) -> int:
    """Of a column of two rows; blocks make little difference."""
    geometry = PairGeometry.of(site)
    code = _code(site, geometry, geometry.out_width)
    return column_cycles(code) if isinstance(code, PairConvolution) else depthwise_column_cycles(code)


def _unit(site: Site, geometry: PairGeometry, block: int) -> CodeUnit:
    code = _code(site, geometry, block)
    digest = hashlib.sha256(code.weights.tobytes() + repr(code).encode()).hexdigest()[:12]
    if isinstance(code, PairConvolution):
        return convolution_unit(f"utvm_conv_code_{digest}", code)
    return depthwise_unit(f"utvm_depthwise_code_{digest}", code)


def _code(site: Site, geometry: PairGeometry, block: int) -> PairConvolution | PairDepthwise:
    operator, weights, scales = site.operator, site.inputs[1].data, scales_of(site)
    assert isinstance(operator, Conv2D | DepthwiseConv2D) and weights is not None and not isinstance(scales, str)
    channels, row_words = geometry.channels, geometry.strip_columns(block) * geometry.channels
    column_step = _WORD_BYTES * geometry.strides[1] * channels
    if isinstance(operator, DepthwiseConv2D):
        return PairDepthwise(
            weights[0],
            operator.depth_multiplier,
            _WORD_BYTES * row_words,
            _WORD_BYTES * channels * geometry.dilation[1],
            column_step,
            geometry.second_output(block),
            scales,
            operator.clamp[0],
        )
    height, width = geometry.window
    if geometry.dilation[1] == 1:
        runs = [Run(row * row_words, width * channels) for row in range(height)]
    else:
        step = geometry.dilation[1] * channels
        runs = [Run(row * row_words + column * step, channels) for row in range(height) for column in range(width)]
    return PairConvolution(
        rows_of_weights(site),
        tuple(runs),
        column_step,
        geometry.second_output(block),
        scales,
        operator.clamp[0],
    )
