"""What makes two operators the same to a tuner: everything a template may look at, and nothing else."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass

from utvm.model.tensor import Tensor
from utvm.schedules import Site

_NAMES = {"name", "inputs", "outputs"}
# Numbers of the quantization: a network trained again has others, and its fastest schedules are mostly the same.
_TRAINED = {
    "requantization",
    "input_requantizations",
    "output_requantization",
    "input_zero_point",
    "input_zero_points",
    "output_zero_point",
    "weights_zero_point",
    "clamp",
    "table",
    "scale",
    "zero_point",
}


@dataclass(frozen=True)
class OperatorKey:
    """`exact` is the operator with its constants; `structure` leaves out what training changes. Both are hashes."""

    exact: str
    structure: str


def operator_key(site: Site) -> OperatorKey:
    """The key of an operator on its core: the same in every process, and whatever names the model has."""
    attributes = {
        field.name: _plain(getattr(site.operator, field.name))
        for field in dataclasses.fields(site.operator)
        if field.name not in _NAMES
    }
    # A sum of a tensor and itself is another operator than a sum of two.
    order = list(dict.fromkeys(tensor.name for tensor in site.inputs))
    described: dict[str, object] = {
        "operator": type(site.operator).__name__,
        "core": site.core.name,
        "inputs": [[order.index(tensor.name), tensor.is_constant, *_type(tensor)] for tensor in site.inputs],
        "outputs": [_type(tensor) for tensor in site.outputs],
    }
    structure = {name: value for name, value in attributes.items() if name not in _TRAINED}
    data = [
        None if tensor.data is None else hashlib.sha256(tensor.data.tobytes()).hexdigest() for tensor in site.inputs
    ]
    return OperatorKey(
        exact=_hash({**described, "attributes": attributes, "data": data}),
        structure=_hash({**described, "attributes": structure}),
    )


def _type(tensor: Tensor) -> list[object]:
    return [tensor.dtype, list(tensor.shape)]


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _hash(description: object) -> str:
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()[:32]
