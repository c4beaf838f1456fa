"""VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE, and CALL_ONCE, which initialises what they name."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import tflite

from utvm.importers.tflite.node import Node, Unsupported
from utvm.importers.tflite.variables import Handle
from utvm.model.operator_types import Operator, Reshape


def announce_variables(nodes: Sequence[Node]) -> None:
    """Find the handles of a graph and which variables it assigns to, before any operator is converted."""
    assigned: set[Handle] = set()
    for node in nodes:
        try:
            if node.code == "VAR_HANDLE":
                _declare(node)
            elif node.code == "ASSIGN_VARIABLE" and (handle := node.known_handle()) is not None:
                assigned.add(handle)
        except struct.error as error:
            raise node.corrupted() from error
    if nodes:
        nodes[0].variables.announce(assigned)


def var_handle(node: Node) -> list[Operator]:
    """A name for a variable; it has been declared already."""
    node.require_dtype(node.output(), "resource")
    return []


def read_variable(node: Node) -> list[Operator]:
    """The variable's value under another name; a constant where nothing ever assigns to the variable."""
    handle, result = node.handle(), node.output()
    value = node.variables.constant(handle)
    if value is not None and (value.shape, value.dtype.name) == (result.shape, result.dtype):
        node.become_constant(value)
        return []
    current = node.variables.read(handle, result)
    return [Reshape(name=node.name, inputs=(current,), outputs=(result.name,), shape=result.shape)]


def assign_variable(node: Node) -> list[Operator]:
    """Nothing is computed: the variable is another tensor from now on."""
    node.variables.assign(node.handle(), node.input(1))
    return []


def call_once(node: Node) -> list[Operator]:
    """A subgraph that gives variables their first values, which must be constants."""
    if node.variables.in_use:
        raise Unsupported("it runs after variables were read or written")
    index = node.options(tflite.CallOnceOptions).InitSubgraphIndex()
    for inner in node.subgraph(index):
        if problem := inner.problem():
            raise Unsupported(f"its subgraph {index}: {inner.code}: {problem}")
        if inner.code == "VAR_HANDLE":
            _declare(inner)
        elif inner.code == "ASSIGN_VARIABLE":
            node.variables.initialise(inner.handle(), inner.constant_input(1))
        else:
            raise Unsupported(f"its subgraph {index} computes with {inner.code}; only constants are supported there")
    return []


def _declare(node: Node) -> None:
    options = node.options(tflite.VarHandleOptions)
    node.declare_handle((options.Container() or b"", options.SharedName() or b""))
