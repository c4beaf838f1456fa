"""Operators whose inputs are all known at compile time."""

from __future__ import annotations

from utvm.model.graph import Model
from utvm.model.operator_types import Operator, Padding
from utvm.model.tensor import Tensor, constant
from utvm.operators import rule_of

# A result takes flash for good, its operator only a kernel: large ones stay computed.
MAX_RESULT_BYTES = 1 << 20
# Elements read and written and multiply-accumulates, over all operators: what a hostile model may cost.
MAX_WORK = 1 << 24


def fold_constants(model: Model) -> Model:
    """Evaluate operators of constants by their reference, but for results of the model, which stay computed."""
    # A constant listed as model input is given a value at run time.
    given = set(model.inputs)
    known = {name: t for name, t in model.tensors.items() if t.is_constant and name not in given}
    protected = set(model.results)
    tensors = dict(model.tensors)
    kept: list[Operator] = []
    work_left = MAX_WORK
    for operator in model.operators:
        work = _work(model, operator)
        foldable = all(name in known for name in operator.inputs) and protected.isdisjoint(operator.outputs)
        bounded = work <= work_left and _result_bytes(model, operator) <= MAX_RESULT_BYTES
        if not foldable or not bounded or _pads_implicitly(operator):
            kept.append(operator)
            continue
        work_left -= work
        for result in _evaluate(model, operator, known):
            tensors[result.name] = known[result.name] = result
    return model.with_operators(tuple(kept), tensors)


def _evaluate(model: Model, operator: Operator, known: dict[str, Tensor]) -> list[Tensor]:
    arguments = tuple(known[name].data for name in operator.inputs)
    results = rule_of(operator).reference(operator, tuple(data for data in arguments if data is not None))
    return [
        constant(tensor.name, data, tensor.quantization)
        for tensor, data in zip(model.output_tensors(operator), results, strict=True)
    ]


def _work(model: Model, operator: Operator) -> int:
    inputs, outputs = model.input_tensors(operator), model.output_tensors(operator)
    elements = sum(tensor.element_count for tensor in (*inputs, *outputs))
    return elements + rule_of(operator).macs(operator, inputs, outputs)


def _pads_implicitly(operator: Operator) -> bool:
    """Whether the reference works on an image larger than the operands, by an amount that their sizes do not bound."""
    padding = getattr(operator, "padding", None)
    return isinstance(padding, Padding) and padding.any


def _result_bytes(model: Model, operator: Operator) -> int:
    return sum(tensor.size_bytes for tensor in model.output_tensors(operator))
