"""A list scheduler for straight-line code: dependencies are kept, the order is chosen for a core's pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from utvm.boards import Core
from utvm.errors import CodegenError
from utvm.microkernels.assembly.cortex_m7 import CortexM7
from utvm.microkernels.assembly.cortex_m55 import CortexM55
from utvm.microkernels.assembly.instruction import STORES, Instruction, Kind
from utvm.microkernels.assembly.pipeline import Pipeline
from utvm.microkernels.assembly.single_issue import CortexM4, CortexM33

PIPELINES: dict[str, type[Pipeline]] = {"cortex-m4": CortexM4, "cortex-m7": CortexM7, "cortex-m33": CortexM33}
"""The cores with the DSP instructions whose pipelines we know, by name."""

TUNINGS = {"cortex-m4": "m4", "cortex-m7": "m7", "cortex-m33": "m33"}
"""How a core is named in the names of the functions scheduled for it."""

_STEADY_ROUNDS = 4


def supports(core: Core) -> bool:
    """Whether assembly with DSP instructions can be scheduled for the core."""
    return core.dsp and core.name in PIPELINES


def has_vectors(core: Core) -> bool:
    """Whether the core has the integer vector instructions of Armv8.1-M (MVE, Helium)."""
    return core.mve


def pipeline_of(core: Core) -> Pipeline:
    """A fresh pipeline of the core; CodegenError for a core without one."""
    if has_vectors(core):
        return CortexM55()
    if not supports(core):
        raise CodegenError(f"{core.name}: assembly can be scheduled for {', '.join(PIPELINES)} with DSP only")
    return PIPELINES[core.name]()


def schedule(block: Sequence[Instruction], core: Core, loop: bool = False) -> list[Instruction]:
    """The block in the best order found; a branch stays last.

    `loop`: the block repeats, so its cycles are counted in the steady state. The order given is kept if no better one
    is found.
    """
    tail = 1 if block and block[-1].kind is Kind.BRANCH else 0
    body = list(block[: len(block) - tail])
    nodes = _dependencies(body, pipeline_of(core))
    scheduled = _list_schedule(body, nodes, core)
    orders = [list(block), scheduled + list(block[len(body) :])]
    return min(orders, key=lambda order: cycles(order, core, loop))


def cycles(block: Sequence[Instruction], core: Core, loop: bool = False) -> float:
    """Cycles of the block on the core; in the steady state if it loops."""
    pipeline = pipeline_of(core)
    if not loop:
        return pipeline.run(block)
    marks = []
    for _ in range(_STEADY_ROUNDS):
        pipeline.run(block)
        pipeline.taken_branch()
        marks.append(pipeline.cycles)
    return (marks[-1] - marks[0]) / (_STEADY_ROUNDS - 1)


@dataclass
class _Node:
    """Successors with the cycles to them, the number of predecessors, and the longest path to the end of the block."""

    successors: dict[int, int]
    predecessors: int = 0
    height: int = 0


def _dependencies(body: Sequence[Instruction], pipeline: Pipeline) -> list[_Node]:
    nodes = [_Node({}) for _ in body]
    writers: dict[str, int] = {}
    readers: dict[str, list[int]] = {}
    stores: dict[str, int] = {}
    loads: dict[str, list[int]] = {}
    for index, instruction in enumerate(body):
        for register in dict.fromkeys(instruction.read_registers):
            if register in writers:
                producer = writers[register]
                _edge(nodes, producer, index, pipeline.latency(body[producer], instruction, register))
        for register in instruction.writes:
            for reader in readers.pop(register, ()):
                _edge(nodes, reader, index, 0)
            if register in writers:
                _edge(nodes, writers[register], index, 1)
            writers[register] = index
        for register in instruction.read_registers:
            readers.setdefault(register, []).append(index)
        if instruction.space:
            if instruction.space in stores:
                _edge(nodes, stores[instruction.space], index, 0)
            if instruction.kind in STORES:
                for load in loads.pop(instruction.space, ()):
                    _edge(nodes, load, index, 0)
                stores[instruction.space] = index
            else:
                loads.setdefault(instruction.space, []).append(index)
    for node in reversed(nodes):
        node.height = max((gap + nodes[successor].height for successor, gap in node.successors.items()), default=0)
    return nodes


def _edge(nodes: list[_Node], first: int, then: int, gap: int) -> None:
    if first == then:
        return
    if then not in nodes[first].successors:
        nodes[then].predecessors += 1
    nodes[first].successors[then] = max(gap, nodes[first].successors.get(then, 0))


def _list_schedule(body: Sequence[Instruction], nodes: Sequence[_Node], core: Core) -> list[Instruction]:
    pipeline = pipeline_of(core)
    waiting = [node.predecessors for node in nodes]
    ready = [index for index, count in enumerate(waiting) if count == 0]
    order: list[Instruction] = []
    while ready:
        chosen = min(ready, key=lambda index: (pipeline.earliest(body[index]), -nodes[index].height, index))
        ready.remove(chosen)
        pipeline.issue(body[chosen])
        order.append(body[chosen])
        for successor in nodes[chosen].successors:
            waiting[successor] -= 1
            if waiting[successor] == 0:
                ready.append(successor)
    return order
