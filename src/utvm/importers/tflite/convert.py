"""From the records of a .tflite file to a checked model graph."""

from __future__ import annotations

import hashlib
import struct

from utvm.errors import ImportModelError, ModelError, UnsupportedModelError, UnsupportedOperator
from utvm.importers.tflite.node import Graph, Node, Unsupported
from utvm.importers.tflite.reader import RawGraph, RawOperator, read_raw_model
from utvm.importers.tflite.rows.variables import announce_variables
from utvm.importers.tflite.table import ROWS
from utvm.model.graph import Model
from utvm.model.operator_types import Operator
from utvm.model.tensor import Tensor
from utvm.operators import check_model


def import_tflite(data: bytes, source: str) -> Model:
    """The model in the bytes of a .tflite file; `source` names the file in errors.

    Raises ImportModelError for a malformed file and UnsupportedModelError, listing every operator that stands in the
    way, for a well-formed one that µTVM cannot express.
    """
    file = read_raw_model(data, source)
    raw = file.main
    graph = Graph.of(source, file, raw)
    tensors = graph.tensors
    nodes = [Node(raw_operator, graph) for raw_operator in raw.operators]
    announce_variables(nodes)
    operators: list[Operator] = []
    unsupported: list[UnsupportedOperator] = []
    for raw_operator, node in zip(raw.operators, nodes, strict=True):
        try:
            operators += _convert(raw_operator, node)
        except Unsupported as reason:
            unsupported.append(_report(raw_operator, raw, str(reason)))
        except struct.error as error:
            raise node.corrupted() from error
        except ModelError as error:
            raise node.malformed(str(error)) from error
    if unsupported:
        raise UnsupportedModelError(source, unsupported)
    _check_ends(raw, tensors, source)
    model = Model(
        name=source,
        tensors=graph.pool,
        operators=tuple(operators),
        inputs=tuple(tensors[index].name for index in raw.inputs),
        outputs=tuple(tensors[index].name for index in raw.outputs),
        source_hash=hashlib.sha256(data).hexdigest(),
        states=graph.variables.states(),
    )
    model = model.with_operators(model.operators)
    try:
        check_model(model)
    except ModelError as error:
        problem = str(error).removeprefix(f"{source}: ")
        raise ImportModelError(f"{source}: inconsistent: {problem}; export the model again") from error
    return model


def _convert(raw: RawOperator, node: Node) -> list[Operator]:
    row = ROWS.get(raw.code)
    if row is None:
        raise Unsupported("the operator is not supported")
    if raw.version < 1:
        raise Unsupported("versions begin with 1")
    if raw.version > row.max_version:
        raise Unsupported(f"version {raw.version} is newer than {row.max_version}")
    if problem := node.problem():
        raise Unsupported(problem)
    operators = row.convert(node)
    node.check_used(operators)
    return operators


def _check_ends(model: RawGraph, tensors: list[Tensor], source: str) -> None:
    """Raise ImportModelError unless every input and output can be given or taken as a value."""
    for what, indices in (("input", model.inputs), ("output", model.outputs)):
        for index in indices:
            name = tensors[index].name
            if model.tensors[index].variable:
                raise ImportModelError(f"{source}: {what} {name!r} is a variable tensor; take it off the {what}s")
            if model.tensors[index].problem:
                raise ImportModelError(f"{source}: {what} {name!r} cannot be used: {model.tensors[index].problem}")
            if tensors[index].is_constant:
                raise ImportModelError(f"{source}: {what} {name!r} is a constant; take it off the model's {what}s")


def _report(raw: RawOperator, model: RawGraph, reason: str) -> UnsupportedOperator:
    dtypes = ", ".join("none" if index < 0 else model.tensors[index].dtype for index in raw.inputs)
    results = ", ".join(model.tensors[index].dtype for index in raw.outputs)
    node = f"node {raw.index}" + (f" '{model.tensors[raw.outputs[0]].name}'" if raw.outputs else "")
    return UnsupportedOperator(raw.code, node, raw.version, f"{dtypes} -> {results}", reason)
