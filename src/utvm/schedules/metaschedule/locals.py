"""Where a scheduled kernel keeps its partial results: in variables if each has a place of its own, else in scratch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from utvm.errors import ScheduleError
from utvm.model.tensor import ITEM_SIZE_BYTES
from utvm.operators.kernel import Kernel, KernelArgument
from utvm.schedules.metaschedule.expressions import Expression, replaced, walk

# More would not stay in registers, and would take stack that no plan counts.
_MOST_VARIABLES = 32


def with_locals(kernel: Kernel, function: Any) -> Kernel:
    """The kernel with `function`, a PrimFunc without blocks, whose arrays became variables or scratch arguments."""
    from tvm import tirx

    arrays = [statement.buffer for statement in _statements(function.body) if _kind(statement) == "AllocBuffer"]
    variables = {array: _variables(array) for array in arrays if _is_variables(array, function.body)}
    scratch = [array for array in arrays if array not in variables]
    names = _names([argument.parameter for argument in kernel.arguments], scratch)
    body = _Exchange(variables).statement(function.body)
    # Bound as before, but in another order of reads and writes: nothing else that is said of an argument holds on.
    bound = tuple(KernelArgument(a.parameter, a.role, a.tensor, a.data, written=a.written) for a in kernel.arguments)
    added = tuple(
        KernelArgument(name, "scratch", size_bytes=_count(array) * ITEM_SIZE_BYTES[str(array.dtype)], written=True)
        for name, array in zip(names, scratch, strict=True)
    )
    comments = tuple(
        f"{name}: {array.dtype} {'x'.join(str(extent) for extent in array.shape)}, scratch"
        for name, array in zip(names, scratch, strict=True)
    )
    scheduled = tirx.PrimFunc([*function.params, *scratch], body, attrs=function.attrs)
    return replace(
        kernel,
        function=scheduled,
        arguments=(*bound, *added),
        comments=(*kernel.comments, *comments, "loops as found by MetaSchedule"),
    )


class _Exchange:
    """Rebuilds statements with elements of arrays as variables, and without allocations of the other arrays."""

    def __init__(self, variables: dict[Any, dict[tuple[int, ...], Any]]) -> None:
        self._variables = variables

    def statement(self, s: Any) -> Any:
        """The statement, rebuilt."""
        from tvm import tirx

        statements = list(self._rebuilt(s))
        if not statements:
            return tirx.Evaluate(0)
        return statements[0] if len(statements) == 1 else tirx.SeqStmt(statements)

    def _rebuilt(self, s: Any) -> Iterator[Any]:
        from tvm import tirx

        kind = _kind(s)
        if kind == "SeqStmt":
            for item in s.seq:
                yield from self._rebuilt(item)
        elif kind == "AllocBuffer":
            yield from (tirx.AllocBuffer(variable) for variable in self._variables.get(s.buffer, {}).values())
        elif kind == "For":
            yield tirx.For(s.loop_var, s.min, s.extent, s.kind, self.statement(s.body))
        elif kind == "IfThenElse":
            other = None if s.else_case is None else self.statement(s.else_case)
            yield tirx.IfThenElse(self._value(s.condition), self.statement(s.then_case), other)
        elif kind == "BufferStore":
            variables = self._variables.get(s.buffer)
            if variables is not None:
                yield tirx.BufferStore(variables[_place(s.indices)], self._value(s.value), [0])
            else:
                yield tirx.BufferStore(s.buffer, self._value(s.value), [self._value(index) for index in s.indices])
        elif kind != "Evaluate":
            raise ScheduleError(f"scheduling left the statement {kind}")

    def _value(self, expression: Expression) -> Expression:
        def variable(e: Expression) -> Expression | None:
            if type(e).__name__ != "TensorLoad" or e.source not in self._variables:
                return None
            return self._variables[e.source][_place(e.indices)][0]

        return replaced(expression, variable)


def _variables(array: Any) -> dict[tuple[int, ...], Any]:
    from tvm import tirx

    shape = tuple(int(extent) for extent in array.shape)
    places = [()] if not shape else _points(shape)
    return {
        place: tirx.decl_buffer(
            (1,),
            array.dtype,
            array.name if len(places) == 1 else f"{array.name}{number}",
            scope="local",
            layout=None,
        )
        for number, place in enumerate(places)
    }


def _points(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    points: list[tuple[int, ...]] = [()]
    for extent in shape:
        points = [(*point, index) for point in points for index in range(extent)]
    return points


def _is_variables(array: Any, body: Any) -> bool:
    """Whether the array is small and every access names its element."""
    accesses = [indices for buffer, indices in _accesses(body) if buffer.same_as(array)]
    return _count(array) <= _MOST_VARIABLES and all(
        _kind(index) == "IntImm" for indices in accesses for index in indices
    )


def _accesses(body: Any) -> Iterator[tuple[Any, Any]]:
    for statement in _statements(body):
        kind = _kind(statement)
        expressions: tuple[Expression, ...] = ()
        if kind == "BufferStore":
            yield statement.buffer, statement.indices
            expressions = (statement.value, *statement.indices)
        elif kind == "IfThenElse":
            expressions = (statement.condition,)
        for expression in expressions:
            for e in walk(expression):
                if _kind(e) == "TensorLoad":
                    yield e.source, e.indices


def _statements(s: Any) -> Iterator[Any]:
    yield s
    kind = _kind(s)
    inner: tuple[Any, ...] = ()
    if kind == "SeqStmt":
        inner = tuple(s.seq)
    elif kind == "For":
        inner = (s.body,)
    elif kind == "IfThenElse":
        inner = (s.then_case,) if s.else_case is None else (s.then_case, s.else_case)
    for item in inner:
        yield from _statements(item)


def _names(taken: list[str], arrays: list[Any]) -> list[str]:
    names: list[str] = []
    for array in arrays:
        name, suffix = str(array.name), 1
        while name in (*taken, *names):
            suffix += 1
            name = f"{array.name}{suffix}"
        names.append(name)
    return names


def _count(array: Any) -> int:
    return math.prod(int(extent) for extent in array.shape)


def _place(indices: Any) -> tuple[int, ...]:
    return tuple(int(index.value) for index in indices)


def _kind(node: Any) -> str:
    return type(node).__name__
