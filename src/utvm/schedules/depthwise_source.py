"""The C of depthwise convolutions on planes."""

from __future__ import annotations

from utvm.microkernels.conv.clamp import clamp_bytes, clamp_operands
from utvm.microkernels.depthwise import (
    CHANNELS,
    PLANE_EDGES,
    PLANE_SINGLE,
    depthwise_records,
    record_words,
    widen_planes,
    window_unit,
)
from utvm.model.operator_types import DepthwiseConv2D
from utvm.operators.kernel import CKernel, CodeUnit, KernelArgument
from utvm.schedules.depthwise_plan import Plan, channel_sums, folded_bias
from utvm.schedules.template import Site

_FULL_RANGE = (-128, 127)


def depthwise_kernel(site: Site, plan: Plan) -> CKernel:
    """The kernel of a plan."""
    operator = site.operator
    assert isinstance(operator, DepthwiseConv2D)
    image, weights, bias = site.inputs
    output = site.outputs[0]
    assert weights.data is not None and bias.data is not None
    turned = weights.data.transpose(0, 2, 1, 3) if plan.along == "columns" else weights.data
    records = depthwise_records(
        turned[0],
        folded_bias(operator, weights.data, bias.data),
        operator.requantization,
        operator.output_zero_point,
        channel_sums(operator, weights.data, bias.data),
        plan.window.shift,
    )
    units = [PLANE_EDGES, window_unit(plan.window, site.core)]
    if image.shape[3] >= CHANNELS:
        units.append(widen_planes(plan.layout, plan.pixel_step, plan.row_step, site.core))
    if image.shape[3] % CHANNELS:
        units.append(PLANE_SINGLE)
    body = _images(site, operator, plan)
    if operator.clamp != _FULL_RANGE:
        clamp = clamp_bytes(site.core)
        units.append(clamp)
        operands = ", ".join(f"{operand}U" for operand in clamp_operands(operator.clamp))
        body.append(f"{clamp.name}(output, {output.element_count}, {operands});")
    return CKernel(
        stem="depthwise_conv2d_planes",
        body="\n".join(body),
        types=("const int8_t", "int8_t", "const int32_t", "int16_t"),
        arguments=(
            KernelArgument("input", "tensor", image.name),
            KernelArgument("output", "tensor", output.name, written=True),
            KernelArgument("records", "constant", data=records),
            KernelArgument("planes", "scratch", size_bytes=plan.scratch_bytes(site)),
        ),
        comments=_comments(site, operator, plan),
        units=tuple(units),
    )


def _comments(site: Site, operator: DepthwiseConv2D, plan: Plan) -> tuple[str, ...]:
    image, weights = site.inputs[:2]
    shapes = " -> ".join("x".join(str(extent) for extent in tensor.shape) for tensor in (image, site.outputs[0]))
    return (
        f"{shapes}, window {weights.shape[1]}x{weights.shape[2]}, strides {operator.strides}",
        f"four channels at a time in int16 planes of {plan.layout.rows}x{plan.layout.pitch}",
        f"whose rows are {plan.along} of the image",
    )


def _images(site: Site, operator: DepthwiseConv2D, plan: Plan) -> list[str]:
    batch, height, width, channels = site.inputs[0].shape
    if batch == 1:
        return _bands(site, operator, plan, "input", "output")
    outputs = site.outputs[0].element_count // batch
    lines = [
        f"for (int32_t n = 0; n < {batch}; ++n) {{",
        f"    const int8_t *const image = input + n * {height * width * channels};",
        f"    int8_t *const result = output + n * {outputs};",
    ]
    return [*lines, *(f"    {line}" for line in _bands(site, operator, plan, "image", "result")), "}"]


def _bands(site: Site, operator: DepthwiseConv2D, plan: Plan, image: str, result: str) -> list[str]:
    """Rows of outputs, and the rows of the image under their windows."""
    layout, taps = plan.layout, plan.window.size[0]
    elements = layout.rows * layout.pitch
    planes = min(site.inputs[0].shape[3], CHANNELS)
    lines = [
        f"for (int32_t first = 0; first < {plan.rows}; first += {plan.band}) {{",
        f"    const int32_t rows = utvm_min_int32({plan.band}, {plan.rows} - first);",
        f"    const int32_t origin = first * {plan.row_stride} - {plan.above};",
        "    const int32_t begin = utvm_max_int32(origin, 0);",
        f"    const int32_t end = utvm_min_int32(origin + (rows - 1) * {plan.row_stride} + {taps}, {plan.extent});",
        f"    const int8_t *const source = {image} + begin * {plan.row_step};",
        f"    int8_t *const target = {result} + first * {plan.window.output_row_step};",
        f"    int16_t *const place = planes + (begin - origin) * {layout.pitch} + {layout.left};",
        f"    for (int32_t p = 0; p < {planes}; ++p) {{",
        f"        {PLANE_EDGES.name}(planes + p * {elements}, {layout.pitch}, {layout.rows}, begin - origin,",
        f"                             end - begin, {layout.left}, {layout.columns}, {operator.input_zero_point});",
        "    }",
    ]
    return [*lines, *(f"    {line}" for line in _channels(site, operator, plan)), "}"]


def _channels(site: Site, operator: DepthwiseConv2D, plan: Plan) -> list[str]:
    """Four channels at a time, then one."""
    layout, channels, multiplier = plan.layout, site.inputs[0].shape[3], operator.depth_multiplier
    window = window_unit(plan.window, site.core)
    words = channels - channels % CHANNELS
    lines: list[str] = []
    if words:
        widen = widen_planes(layout, plan.pixel_step, plan.row_step, site.core)
        lines.append(f"for (int32_t c = 0; c < {words}; c += {CHANNELS}) {{")
        lines.append(f"    {widen.name}(source + c, place, end - begin);")
        if multiplier == 1:
            records = f"records + c * {record_words(plan.window.size)}"
            lines.append(f"    {window.name}(planes, target + c, {records}, {CHANNELS}, rows);")
        else:
            plane = f"planes + p * {layout.rows * layout.pitch}"
            lines.append(f"    for (int32_t p = 0; p < {CHANNELS}; ++p) {{")
            lines += [f"        {_multiplied(window, plane, '(c + p)', plan, multiplier)}", "    }"]
        lines.append("}")
    if words < channels:
        steps = f"{layout.columns}, {layout.pitch}, {plan.pixel_step}, {plan.row_step}"
        lines.append(f"for (int32_t c = {words}; c < {channels}; ++c) {{")
        lines.append(f"    {PLANE_SINGLE.name}(source + c, place, end - begin, {steps});")
        lines += [f"    {_multiplied(window, 'planes', 'c', plan, multiplier)}", "}"]
    return lines


def _multiplied(window: CodeUnit, plane: str, channel: str, plan: Plan, multiplier: int) -> str:
    """All output channels of one plane."""
    words = multiplier * record_words(plan.window.size)
    target, records = f"target + {channel} * {multiplier}", f"records + {channel} * {words}"
    return f"{window.name}({plane}, {target}, {records}, {multiplier}, rows);"
