"""The instructions of a trace, applied one by one with everything checked.

TVM would replay a trace by itself, but trusts it: one wrong word in a file ends the process.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from utvm.errors import ScheduleError

Kind = Literal["block", "loop", "factor"]
# Larger numbers than any loop has; TVM's integers are of 64 bits.
_LARGEST = 1 << 31
_MOST_INSTRUCTIONS = 4096


def apply(schedule: Any, instructions: Sequence[Any], decisions: Mapping[int, Any]) -> None:
    """Apply instructions `[kind, inputs, attributes, outputs]`; `decisions` are tile sizes by instruction.

    Raises ScheduleError for what is no instruction of ours, and what TVM raises where it does not fit the schedule.
    """
    if len(instructions) > _MOST_INSTRUCTIONS:
        raise ScheduleError(f"{len(instructions)} instructions are no trace of ours")
    values = _Values(schedule)
    for index, instruction in enumerate(instructions):
        try:
            kind, inputs, attributes, outputs = instruction
            method = _INSTRUCTIONS[kind]
            results = method(values, list(inputs), list(attributes), decisions.get(index))
            values.name(list(outputs), results)
        except (TypeError, KeyError, ValueError) as error:
            raise ScheduleError(f"instruction {index} is garbled: {str(instruction)[:80]}") from error


class _Values:
    """What the instructions named so far: blocks, loops and tile sizes."""

    def __init__(self, schedule: Any) -> None:
        self.schedule = schedule
        self._named: dict[str, tuple[Kind, Any]] = {}

    def get(self, kind: Kind, name: object) -> Any:
        if not isinstance(name, str) or name not in self._named or self._named[name][0] != kind:
            raise ValueError(f"{name!r} is no {kind}")
        return self._named[name][1]

    def name(self, outputs: list[Any], results: list[tuple[Kind, Any]]) -> None:
        if len(outputs) != len(results) or not all(isinstance(output, str) for output in outputs):
            raise ValueError("results and names differ")
        self._named.update(zip(outputs, results, strict=True))


_Results = list[tuple[Kind, Any]]


def _get_block(values: _Values, inputs: list[Any], attributes: list[Any], decision: Any) -> _Results:
    name, function = attributes
    _expect(not inputs and decision is None and isinstance(name, str) and function == "main")
    return [("block", values.schedule.get_sblock(name, "main"))]


def _get_loops(values: _Values, inputs: list[Any], attributes: list[Any], decision: Any) -> _Results:
    _expect(not attributes and decision is None)
    (block,) = inputs
    return [("loop", loop) for loop in values.schedule.get_loops(values.get("block", block))]


def _sample_tile(values: _Values, inputs: list[Any], attributes: list[Any], decision: Any) -> _Results:
    (name,) = inputs
    count, largest = attributes
    loop = values.get("loop", name)
    sizes = [_integer(size, 1) for size in decision]
    extent = int(values.schedule.get(loop).extent)
    _expect(len(sizes) == _integer(count, 1) and math.prod(sizes) == extent)
    chosen = values.schedule.sample_perfect_tile(loop, count, _integer(largest, 1), decision=sizes)
    return [("factor", factor) for factor in chosen]


def _split(values: _Values, inputs: list[Any], attributes: list[Any], decision: Any) -> _Results:
    _expect(attributes == [True, False] and decision is None)
    loop, *factors = inputs
    _expect(bool(factors))
    parts = values.schedule.split(values.get("loop", loop), [values.get("factor", factor) for factor in factors])
    return [("loop", part) for part in parts]


def _reorder(values: _Values, inputs: list[Any], attributes: list[Any], decision: Any) -> _Results:
    _expect(not attributes and decision is None and bool(inputs))
    values.schedule.reorder(*(values.get("loop", loop) for loop in inputs))
    return []


def _compute_at(values: _Values, inputs: list[Any], attributes: list[Any], decision: Any) -> _Results:
    block, loop = inputs
    _expect(attributes == [True, -1] and decision is None)
    values.schedule.compute_at(values.get("block", block), values.get("loop", loop), preserve_unit_loops=True)
    return []


def _decompose(values: _Values, inputs: list[Any], attributes: list[Any], decision: Any) -> _Results:
    block, loop = inputs
    _expect(not attributes and decision is None)
    return [("block", values.schedule.decompose_reduction(values.get("block", block), values.get("loop", loop)))]


def _unroll(values: _Values, inputs: list[Any], attributes: list[Any], decision: Any) -> _Results:
    (loop,) = inputs
    _expect(not attributes and decision is None)
    values.schedule.unroll(values.get("loop", loop))
    return []


_INSTRUCTIONS = {
    "GetSBlock": _get_block,
    "GetLoops": _get_loops,
    "SamplePerfectTile": _sample_tile,
    "Split": _split,
    "Reorder": _reorder,
    "ComputeAt": _compute_at,
    "DecomposeReduction": _decompose,
    "Unroll": _unroll,
}


def _integer(value: object, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value < _LARGEST:
        raise ValueError(f"{value!r} is no size")
    return value


def _expect(condition: bool) -> None:
    if not condition:
        raise ValueError("not as our traces are")
