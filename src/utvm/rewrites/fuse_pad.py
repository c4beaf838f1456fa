"""Pads that a convolution or pool can do by itself."""

from __future__ import annotations

from dataclasses import replace

from utvm.model.graph import Model
from utvm.model.operator_types import Conv2D, DepthwiseConv2D, Operator, Pad, Padding, Pool2D
from utvm.rewrites.editing import renamed


def fuse_pad(model: Model) -> Model:
    """A Pad in height and width becomes the padding of the operators that read it, when all of them can take it.

    Convolutions skip padded taps, which equals reading their input zero point. A maximum skips them too, which is the
    same where the padded value cannot win: it is no larger than the smallest output, and no window lies in it alone.
    """
    consumers = model.consumers()
    results = set(model.results)
    fused: dict[str, Pad] = {}
    for operator in model.operators:
        if isinstance(operator, Pad) and _is_spatial(operator) and operator.outputs[0] not in results:
            readers = consumers[operator.outputs[0]]
            if readers and all(_takes(reader, operator) for reader in readers):
                fused[operator.outputs[0]] = operator
    operators = [operator for operator in model.operators if operator.outputs[0] not in fused]
    return model.with_operators(tuple(_with_padding(operator, fused) for operator in operators))


def _is_spatial(pad: Pad) -> bool:
    return len(pad.paddings) == 4 and pad.paddings[0] == pad.paddings[3] == (0, 0)


def _takes(reader: Operator, pad: Pad) -> bool:
    name = pad.outputs[0]
    if reader.inputs[0] != name or name in reader.inputs[1:]:
        return False
    if isinstance(reader, Conv2D | DepthwiseConv2D):
        return pad.value == reader.input_zero_point
    if isinstance(reader, Pool2D) and reader.kind == "max":
        total = _sum(reader.padding, pad)
        inside = max(total.top, total.bottom) < reader.window[0] and max(total.left, total.right) < reader.window[1]
        return inside and pad.value <= reader.clamp[0]
    return False


def _sum(padding: Padding, pad: Pad) -> Padding:
    (top, bottom), (left, right) = pad.paddings[1:3]
    return Padding(padding.top + top, padding.bottom + bottom, padding.left + left, padding.right + right)


def _with_padding(operator: Operator, fused: dict[str, Pad]) -> Operator:
    pad = fused.get(operator.inputs[0]) if operator.inputs else None
    if pad is None or not isinstance(operator, Conv2D | DepthwiseConv2D | Pool2D):
        return operator
    padded = replace(operator, padding=_sum(operator.padding, pad))
    return renamed(padded, {pad.outputs[0]: pad.inputs[0]})
