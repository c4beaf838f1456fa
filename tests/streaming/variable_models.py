"""Models with variables behind handles, as TensorFlow 2 writes streaming networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tests.litert import ModelBuilder, TensorHandle
from tests.litert.builder import GraphBuilder
from utvm.model import Array


def handle(graph: GraphBuilder, name: str, container: str = "") -> TensorHandle:
    """A handle of the variable `name`."""
    tensor = graph.tensor(f"{name}_handle", (), "resource")
    graph.operator("VAR_HANDLE", [], [tensor], {"Container": container, "SharedName": name})
    return tensor


def initialise(builder: ModelBuilder, values: Mapping[str, Array], scale: float | None = 0.1) -> None:
    """CALL_ONCE of a subgraph that assigns constants to variables."""
    index, graph = builder.subgraph("NoOp")
    for name, value in values.items():
        quantized = scale if np.issubdtype(value.dtype, np.integer) else None
        initial = graph.constant(f"{name}_initial", value, scale=quantized)
        graph.operator("ASSIGN_VARIABLE", [handle(graph, name), initial], [])
    builder.operator("CALL_ONCE", [], [], {"InitSubgraphIndex": index})


def ring_buffer(
    rows: int = 5,
    width: int = 4,
    dtype: str = "int8",
    read_out: bool = False,
    seed: int = 0,
    initial: Array | None = None,
) -> bytes:
    """The last `rows` inputs, oldest first, kept in a variable; without its oldest row it takes the new input.

    int8 models also multiply the whole buffer by a matrix.
    """
    random = np.random.default_rng(seed)
    scale = 0.1 if dtype in ("int8", "int16") else None
    builder = ModelBuilder()
    values = np.zeros((rows, width), dtype) if initial is None else initial
    initialise(builder, {"buffer": values}, scale)
    x = builder.input("x", (1, width), dtype, scale=scale)
    variable = handle(builder, "buffer")
    before = builder.tensor("before", (rows, width), dtype, scale=scale)
    kept = builder.tensor("kept", (rows - 1, width), dtype, scale=scale)
    after = builder.tensor("after", (rows, width), dtype, scale=scale)
    builder.operator("READ_VARIABLE", [variable], [before])
    begin, end, strides = (
        builder.constant(f"s{i}", np.array(v, np.int32)) for i, v in enumerate([[1, 0], [rows, width], [1, 1]])
    )
    builder.operator("STRIDED_SLICE", [before, begin, end, strides], [kept])
    builder.operator("CONCATENATION", [kept, x], [after], {"Axis": 0})
    builder.operator("ASSIGN_VARIABLE", [variable, after], [])
    if dtype == "int8":
        flat = builder.tensor("flat", (1, rows * width), dtype, scale=scale)
        builder.operator("RESHAPE", [after, builder.constant("shape", np.array([1, rows * width], np.int32))], [flat])
        weights = builder.constant("w", random.integers(-127, 128, (3, rows * width), dtype=np.int8), scale=0.02)
        bias = builder.constant("b", random.integers(-500, 500, 3, dtype=np.int32), scale=0.002)
        y = builder.tensor("y", (1, 3), scale=0.2, zero_point=-5)
        builder.operator("FULLY_CONNECTED", [flat, weights, bias], [y])
        builder.output(y)
    else:
        y = builder.tensor("y", (rows, width), dtype, scale=scale)
        builder.operator("TRANSPOSE", [after, builder.constant("p", np.array([0, 1], np.int32))], [y])
        builder.output(y)
    if read_out:
        builder.output(before)
    return builder.finish()


def accumulator(order: Sequence[str] = ("read", "add", "assign"), width: int = 6) -> bytes:
    """y = x + v, v becomes y, with the variable read or assigned to again as `order` says.

    read: into a tensor of its own; add: the last tensor read to x; assign: the last sum; again: read and add once more.
    """
    builder = ModelBuilder()
    initialise(builder, {"v": np.arange(width, dtype=np.int8).reshape(1, width)})
    x = builder.input("x", (1, width), scale=0.1)
    variable = handle(builder, "v")
    read, total = x, x
    for number, step in enumerate(order):
        tensor = builder.tensor(f"t{number}", (1, width), scale=0.1)
        if step == "read":
            builder.operator("READ_VARIABLE", [variable], [tensor])
            read = tensor
        elif step == "add":
            builder.operator("ADD", [read, total], [tensor])
            total = tensor
        elif step == "assign":
            builder.operator("ASSIGN_VARIABLE", [variable, total], [])
        elif step == "assign input":
            builder.operator("ASSIGN_VARIABLE", [variable, x], [])
        elif step == "show read":
            builder.output(read)
        elif step == "show":
            builder.output(total)
    if order[-1] not in ("show", "show read"):
        builder.output(total)
    return builder.finish()
