"""From the records of a .tflite file to a checked model graph."""

from __future__ import annotations

import hashlib

from utvm.errors import ImportModelError, ModelError, UnsupportedModelError, UnsupportedOperator
from utvm.importers.tflite.node import Node, Unsupported
from utvm.importers.tflite.reader import MALFORMED, RawModel, RawOperator, RawTensor, read_raw_model
from utvm.importers.tflite.table import ROWS
from utvm.model.graph import Model
from utvm.model.operator_types import Operator
from utvm.model.quantization import Quantization
from utvm.model.tensor import Tensor, constant
from utvm.operators import check_model


def import_tflite(data: bytes, source: str) -> Model:
    """The model in the bytes of a .tflite file; `source` names the file in errors.

    Raises ImportModelError for a malformed file and UnsupportedModelError, listing every operator that stands in the
    way, for a well-formed one that µTVM cannot express.
    """
    raw = read_raw_model(data, source)
    tensors = _tensors(raw.tensors)
    pool = {tensor.name: tensor for tensor in tensors}
    operators: list[Operator] = []
    unsupported: list[UnsupportedOperator] = []
    for raw_operator in raw.operators:
        try:
            operators += _convert(raw_operator, raw, tensors, pool, source)
        except Unsupported as reason:
            unsupported.append(_report(raw_operator, raw, str(reason)))
        except MALFORMED as error:
            raise ImportModelError(
                f"{source}: corrupted: operator {raw_operator.index} ({raw_operator.code}) cannot be read ({error})"
            ) from error
    if unsupported:
        raise UnsupportedModelError(source, unsupported)
    model = Model(
        name=source,
        tensors=pool,
        operators=tuple(operators),
        inputs=tuple(tensors[index].name for index in raw.inputs),
        outputs=tuple(tensors[index].name for index in raw.outputs),
        source_hash=hashlib.sha256(data).hexdigest(),
    )
    model = model.with_operators(model.operators)
    try:
        check_model(model)
    except ModelError as error:
        raise ImportModelError(f"{source}: inconsistent: {error}") from error
    return model


def _convert(
    raw: RawOperator, model: RawModel, tensors: list[Tensor], pool: dict[str, Tensor], source: str
) -> list[Operator]:
    row = ROWS.get(raw.code)
    if row is None:
        raise Unsupported("the operator is not supported")
    if raw.version > row.max_version:
        raise Unsupported(f"version {raw.version} is newer than {row.max_version}")
    for index in (*raw.inputs, *raw.outputs):
        if index >= 0 and model.tensors[index].problem:
            raise Unsupported(f"tensor {model.tensors[index].name}: {model.tensors[index].problem}")
    return row.convert(Node(raw, tensors, pool, source))


def _tensors(raw_tensors: tuple[RawTensor, ...]) -> list[Tensor]:
    """Tensors under unique names; those with a problem stand in as they are, and fail where they are used."""
    names: set[str] = set()
    tensors: list[Tensor] = []
    for raw in raw_tensors:
        name = raw.name if raw.name not in names else f"{raw.name}#{raw.index}"
        while name in names:
            name += "_"
        names.add(name)
        quantization = Quantization(raw.scales, raw.zero_points, raw.axis) if raw.scales else None
        if raw.data is None:
            tensors.append(Tensor(name, raw.shape, raw.dtype, quantization))
        else:
            tensors.append(constant(name, raw.data, quantization))
    return tensors


def _report(raw: RawOperator, model: RawModel, reason: str) -> UnsupportedOperator:
    dtypes = ", ".join(model.tensors[index].dtype for index in raw.inputs if index >= 0)
    results = ", ".join(model.tensors[index].dtype for index in raw.outputs)
    output = model.tensors[raw.outputs[0]].name if raw.outputs else "no output"
    return UnsupportedOperator(raw.code, f"node {raw.index} '{output}'", raw.version, f"{dtypes} -> {results}", reason)
