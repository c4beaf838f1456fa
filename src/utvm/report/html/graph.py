"""The graph of calls, one below the other; connections that skip calls bow out to the right."""

from __future__ import annotations

from dataclasses import dataclass

from utvm.codegen.program import PlacedTensor, Program

ROW_HEIGHT = 44
BOX_HEIGHT = 30
BOX_WIDTH = 420
_BOW_STEP = 22
_TOP = 8


@dataclass(frozen=True)
class Node:
    """A box: an input, a call or an output. `call` is None where it is none."""

    title: str
    subtitle: str
    kind: str
    call: int | None
    y: float


@dataclass(frozen=True)
class Edge:
    """A tensor on its way from one box to another; `path` is an SVG path."""

    tensor: str
    path: str
    skips: bool


@dataclass(frozen=True)
class Graph:
    """Boxes in order and the connections between them."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    width: float
    height: float


def program_graph(program: Program) -> Graph:
    """Inputs, calls, outputs. A view of a tensor is its producer's."""
    nodes = [_port_node(program, name, "input", index) for index, name in enumerate(program.inputs)]
    first_call = len(nodes)
    for index, call in enumerate(program.calls):
        output = program.tensor(call.outputs[0])
        nodes.append(Node(call.layer, f"{call.operator}, {_type(output)}", "call", index, _y(first_call + index)))
    nodes += [_port_node(program, name, "output", len(nodes) + index) for index, name in enumerate(program.outputs)]
    row_of = {name: index for index, name in enumerate(program.inputs)}
    row_of |= {name: first_call + index for index, call in enumerate(program.calls) for name in call.outputs}
    wanted = [
        (first_call + index, argument.name)
        for index, call in enumerate(program.calls)
        for argument in call.arguments
        if argument.kind == "tensor" and argument.name not in call.outputs
    ]
    wanted += [(len(nodes) - len(program.outputs) + index, name) for index, name in enumerate(program.outputs)]
    edges = tuple(_edge(name, _producer(program, name, row_of, first_call), row) for row, name in wanted)
    bow = max((_bow(edge_rows) for edge_rows in _spans(program, wanted, row_of, first_call)), default=0.0)
    return Graph(tuple(nodes), edges, BOX_WIDTH + bow + 24, _y(len(nodes)))


def _spans(program: Program, wanted: list[tuple[int, str]], row_of: dict[str, int], first_call: int) -> list[int]:
    return [row - _producer(program, name, row_of, first_call) for row, name in wanted]


def _producer(program: Program, name: str, row_of: dict[str, int], first_call: int) -> int:
    """The row of the box that made a tensor; of a view, the one that last wrote where it lies."""
    if name in row_of:
        return row_of[name]
    view = program.tensor(name)
    makers = [
        (tensor.first, row_of[tensor.name])
        for tensor in program.tensors
        if tensor.name in row_of and (tensor.region, tensor.offset) == (view.region, view.offset)
        and tensor.first <= view.first
    ]  # fmt: skip
    return max(makers)[1] if makers else first_call


def _port_node(program: Program, name: str, kind: str, row: int) -> Node:
    return Node(name, f"{kind}, {_type(program.tensor(name))}", kind, None, _y(row))


def _type(tensor: PlacedTensor) -> str:
    return f"{tensor.dtype} {'x'.join(str(extent) for extent in tensor.shape) or '1'}"


def _y(row: int) -> float:
    return _TOP + row * ROW_HEIGHT


def _bow(rows: int) -> float:
    return 0.0 if rows <= 1 else 24 + _BOW_STEP * min(rows, 8)


def _edge(tensor: str, source: int, target: int) -> Edge:
    begin, end = _y(source) + BOX_HEIGHT, _y(target)
    if target - source <= 1:
        middle = BOX_WIDTH / 2
        return Edge(tensor, f"M{middle} {begin} L{middle} {end}", False)
    begin, end = _y(source) + BOX_HEIGHT / 2, _y(target) + BOX_HEIGHT / 2
    out = BOX_WIDTH + _bow(target - source)
    return Edge(tensor, f"M{BOX_WIDTH} {begin} C{out} {begin} {out} {end} {BOX_WIDTH} {end}", True)
