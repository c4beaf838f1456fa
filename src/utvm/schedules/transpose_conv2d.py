"""Transposed convolutions, row by row as plain ones by the strip template."""

from __future__ import annotations

import itertools

from utvm.operators.kernel import CKernel, KernelArgument
from utvm.schedules.conv2d_strip import Conv2DStrip
from utvm.schedules.schedule import Schedule
from utvm.schedules.template import Site, Template
from utvm.schedules.transpose_conv2d_phases import (
    IMAGE,
    RowRange,
    phases_refusal,
    plain_site,
    row_ranges,
    transpose_conv_of,
)

_STRIP = Conv2DStrip()


class TransposeConv2DRows(Template):
    """Every row of the output reached by some row of the input, whole strides of columns, known weights."""

    name = "transpose_conv2d_rows"

    def refusal(self, site: Site) -> str:
        """What transpose_conv2d_phases.py says, or the strip template of a row."""
        reason = phases_refusal(site)
        if reason:
            return reason
        reasons = (_STRIP.refusal(plain_site(site, rows)) for rows in row_ranges(site))
        return next((reason for reason in reasons if reason), "")

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """Of all rows."""
        del schedule
        batch = site.inputs[0].shape[0]
        total = 0.0
        for rows in row_ranges(site):
            plain = plain_site(site, rows)
            total += (rows.end - rows.first) * _STRIP.estimated_cycles(plain, _best_guess(plain))
        return batch * total

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """Per range of rows a loop around the body of a plain convolution, on the rows' part of the tensors."""
        del schedule
        operator = transpose_conv_of(site)
        batch, height, width, channels = site.inputs[0].shape
        ranges = row_ranges(site)
        plain = [plain_site(site, rows) for rows in ranges]
        kernels = [_STRIP.kernel(one, _best_guess(one)) for one in plain]
        arguments = {
            "image": KernelArgument("image", "tensor", site.inputs[0].name),
            "rows": KernelArgument("rows", "tensor", site.outputs[0].name, written=True),
        }
        types = {"image": "const int8_t", "rows": "int8_t"}
        lines = [f"for (int32_t n = 0; n < {batch}; ++n) {{"]
        for index, (rows, kernel) in enumerate(zip(ranges, kernels, strict=True)):
            steps = (width * channels, operator.size[1] * site.inputs[1].shape[0])
            lines += [f"    for (int32_t i = {rows.first}; i < {rows.end}; ++i) {{"]
            lines += _places(rows, operator.strides[0], steps, (height, operator.size[0]), kernel)
            for argument, c_type in zip(kernel.arguments, kernel.types, strict=True):
                if argument.role == "constant":
                    name = f"{argument.parameter}{index}"
                    arguments[name] = KernelArgument(name, "constant", data=argument.data)
                    types[name] = c_type
                    lines.append(f"        {c_type} *const {argument.parameter} = {name};")
                elif argument.role == "scratch":
                    before = arguments.get(argument.parameter)
                    size = max(argument.size_bytes, before.size_bytes if before else 0)
                    arguments[argument.parameter] = KernelArgument(
                        argument.parameter, "scratch", size_bytes=size, written=argument.written
                    )
                    types[argument.parameter] = c_type
            lines += [f"        {line}" for line in kernel.body.split("\n")]
            lines.append("    }")
        lines.append("}")
        units = {unit.name: unit for kernel in kernels for unit in kernel.units}
        return CKernel(
            stem="transpose_conv2d_rows",
            body="\n".join(lines),
            types=tuple(types.values()),
            arguments=tuple(arguments.values()),
            comments=(
                f"{batch} image(s) of {height}x{width}x{channels} to {operator.size[0]}x{operator.size[1]}",
                "a row of the output at a time, as a plain convolution of the input rows that reach it",
            ),
            units=tuple(units.values()),
        )


def _best_guess(plain: Site) -> Schedule:
    """The strip template's first legal schedule."""
    space = _STRIP.knobs(plain)
    for values in itertools.product(*space.values()):
        schedule = Schedule.of(_STRIP.name, dict(zip(space, values, strict=True)))
        if not _STRIP.conflict(plain, schedule):
            return schedule
    raise AssertionError(f"no schedule of {_STRIP.name} is legal")


def _places(
    rows: RowRange, stride: int, steps: tuple[int, int], heights: tuple[int, int], kernel: CKernel
) -> list[str]:
    """The plain convolution's input and output, under the names that its body has for them."""
    offset = f" + {rows.offset}" if rows.offset > 0 else f" - {-rows.offset}" if rows.offset else ""
    phase = f" + {rows.phase}" if rows.phase else ""
    lines = []
    for argument, c_type in zip(kernel.arguments, kernel.types, strict=True):
        if argument.role == "tensor":
            place = (
                f"image + (n * {heights[0]} + i{offset}) * {steps[0]}"
                if argument.tensor == IMAGE
                else f"rows + (n * {heights[1]} + i * {stride}{phase}) * {steps[1]}"
            )
            lines.append(f"        {c_type} *{argument.parameter} = {place};")
    return lines
