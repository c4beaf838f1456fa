"""A portable kernel's loops as stages: every local variable becomes an array over the loops around it.

A kernel keeps partial results in local variables and reads them within the same iteration. Given one element per
iteration, each assignment can be a loop nest of its own (scalar expansion and loop distribution), which is what TVM
schedules. Nothing here is particular to an operator.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from utvm.errors import ScheduleError
from utvm.operators.kernel import Kernel
from utvm.schedules.metaschedule.expressions import Expression, is_load_of, replaced, walk

# Points at which the bounds of a loop are computed to know its longest run.
_MOST_POINTS = 4096


@dataclass(frozen=True, eq=False)
class Axis:
    """A loop of `extent` iterations from 0; only those happen where `guard` holds, if there is one."""

    variable: Any
    extent: int
    guard: Expression | None = None


@dataclass(frozen=True, eq=False)
class Stage:
    """target[indices] = value, for all points of `axes`.

    With `reduced` axes it is a sum or the like: `first` is assigned, then `value`, which reads the target, for each of
    their points. A local variable has no indices: it stands for one element per point of `axes`.
    """

    target: Any
    indices: tuple[Expression, ...]
    axes: tuple[Axis, ...]
    value: Expression
    reduced: tuple[Axis, ...] = ()
    first: Expression | None = None

    @property
    def is_local(self) -> bool:
        """Whether the target is a local variable of the portable kernel."""
        return not self.indices

    @property
    def name(self) -> str:
        """The target's name."""
        return str(self.target.name)

    def expressions(self) -> tuple[Expression, ...]:
        """All that is read."""
        guards = tuple(axis.guard for axis in (*self.axes, *self.reduced) if axis.guard is not None)
        return (self.value, *self.indices, *guards, *(() if self.first is None else (self.first,)))

    def reads(self, buffer: Any) -> int:
        """How often the buffer is read, where it is not what the stage itself updates."""
        if self.reduced and self.target.same_as(buffer):
            return 0
        return sum(is_load_of(e, buffer) for expression in self.expressions() for e in walk(expression))


def stages_of(kernel: Kernel) -> tuple[Stage, ...]:
    """The kernel's stages in an order in which they can run. ScheduleError for what has no such form: branches that
    depend on data, scratch memory, variables that several loops change."""
    if any(argument.role == "scratch" for argument in kernel.arguments):
        raise ScheduleError("the kernel keeps data in scratch memory")
    reader = _Reader(kernel)
    reader.statements(kernel.function.body, ())
    stages = _inlined(reader.stages)
    _check_use(stages)
    return tuple(stages)


class _Reader:
    def __init__(self, kernel: Kernel) -> None:
        self.stages: list[Stage] = []
        self._stores = Counter(_stored(kernel.function.body))
        self._locals: list[Any] = []
        self._values: dict[Any, Expression] = {}  # of loop variables, and of locals that are index arithmetic

    def statements(self, statement: Any, axes: tuple[Axis, ...]) -> None:
        kind = type(statement).__name__
        if kind == "SeqStmt":
            for item in statement.seq:
                self.statements(item, axes)
        elif kind == "AllocBuffer":
            self._locals.append(statement.buffer)
        elif kind == "For":
            self._loop(statement, axes)
        elif kind == "BufferStore":
            self._store(statement, axes)
        else:
            raise ScheduleError(f"the statement {kind} has no form with blocks")

    def _loop(self, loop: Any, axes: tuple[Axis, ...]) -> None:
        from tvm import tirx

        begin, extent = self._rewritten(loop.min), self._rewritten(loop.extent)
        lengths = _lengths(extent, axes)
        if max(lengths) <= 0:
            raise ScheduleError(f"the loop over {loop.loop_var.name} never runs")
        variable = tirx.Var(loop.loop_var.name, "int32")
        guard = None if len(lengths) == 1 else variable < extent
        self._values[loop.loop_var] = begin + variable
        self.statements(loop.body, (*axes, Axis(variable, max(lengths), guard)))

    def _store(self, store: Any, axes: tuple[Axis, ...]) -> None:
        value = self._rewritten(store.value)
        if store.buffer not in self._locals:
            indices = tuple(self._rewritten(index) for index in store.indices)
            self.stages.append(Stage(store.buffer, indices, axes, value))
        elif self._stores[store.buffer] == 1 and _is_arithmetic(value):
            self._values[store.buffer] = value
        else:
            self._assign(Stage(store.buffer, (), axes, value))

    def _assign(self, stage: Stage) -> None:
        """A local's first assignment, or one that goes on from it: at the same place, or in loops within."""
        earlier = [item for item in self.stages if item.target.same_as(stage.target)]
        if not earlier:
            self.stages.append(stage)
            return
        (before,) = earlier
        used = any(item.reads(stage.target) for item in self.stages if item is not before)
        inside = stage.axes[: len(before.axes)] == before.axes
        if used or before.reduced or not inside:
            raise ScheduleError(f"the variable {stage.name} is changed in several places")
        self.stages.remove(before)
        if stage.axes == before.axes:
            follow = replaced(stage.value, lambda e: before.value if is_load_of(e, stage.target) else None)
            self.stages.append(replace(before, value=follow))
        else:
            reduced = stage.axes[len(before.axes) :]
            self.stages.append(replace(stage, axes=before.axes, reduced=reduced, first=before.value))

    def _rewritten(self, expression: Expression) -> Expression:
        from tvm.sym import Analyzer

        def value(e: Expression) -> Expression | None:
            kind = type(e).__name__
            if kind == "Var":
                return self._values.get(e)
            return self._values.get(e.source) if kind == "TensorLoad" else None

        return Analyzer().simplify(replaced(expression, value))


def _stored(statement: Any) -> Iterator[Any]:
    kind = type(statement).__name__
    if kind == "SeqStmt":
        for item in statement.seq:
            yield from _stored(item)
    elif kind == "For":
        yield from _stored(statement.body)
    elif kind == "BufferStore":
        yield statement.buffer


def _is_arithmetic(expression: Expression) -> bool:
    """Whether it depends on loop variables alone and is cheap to compute again."""
    return all(type(e).__name__ not in ("TensorLoad", "Call") for e in walk(expression))


def _lengths(extent: Expression, axes: Sequence[Axis]) -> set[int]:
    """The numbers of iterations that a loop has, at all points of the loops around it."""
    from tvm import tirx
    from tvm.sym import Analyzer

    names = {e for e in walk(extent) if type(e).__name__ == "Var"}
    moving = [axis for axis in axes if axis.variable in names]
    if not _is_arithmetic(extent) or len(moving) < len(names):
        raise ScheduleError("a loop's length depends on data")
    if _product(axis.extent for axis in moving) > _MOST_POINTS:
        raise ScheduleError("a loop's length depends on too many places")
    lengths = set()
    for point in itertools.product(*(range(axis.extent) for axis in moving)):
        values = {axis.variable: tirx.const(place, "int32") for axis, place in zip(moving, point, strict=True)}
        lengths.add(int(Analyzer().simplify(replaced(extent, values.get)).value))
    return lengths


def _product(numbers: Iterator[int] | Any) -> int:
    product = 1
    for number in numbers:
        product *= number
    return product


def _inlined(stages: list[Stage]) -> list[Stage]:
    """Locals that are read once, in the very iteration that computes them, become part of what reads them."""
    left = list(stages)
    for stage in stages:
        if not stage.is_local or stage.reduced:
            continue
        readers = [item for item in left if item.reads(stage.target)]
        if len(readers) != 1 or readers[0].reads(stage.target) > 1:
            continue
        (reader,) = readers
        place = (
            reader.axes if reader.first is not None and _in(reader.first, stage) else (*reader.axes, *reader.reduced)
        )
        if place != stage.axes:
            continue
        current = next(item for item in left if item.target.same_as(stage.target))

        def inlined(expression: Expression, current: Stage = current) -> Expression:
            return replaced(expression, lambda e: current.value if is_load_of(e, current.target) else None)

        first = None if reader.first is None else inlined(reader.first)
        left[left.index(reader)] = replace(reader, value=inlined(reader.value), first=first)
        left.remove(current)
    return left


def _in(expression: Expression, stage: Stage) -> bool:
    return any(is_load_of(e, stage.target) for e in walk(expression))


def _check_use(stages: Sequence[Stage]) -> None:
    """Outputs are not read, and a local is read before the next output is written."""
    written = [stage.target for stage in stages if not stage.is_local]
    for index, stage in enumerate(stages):
        if any(stage.reads(target) for target in written):
            raise ScheduleError("the kernel reads what it writes")
        if not stage.is_local:
            continue
        end = next((at for at in range(index, len(stages)) if not stages[at].is_local), len(stages))
        if any(later.reads(stage.target) for later in stages[end + 1 :]):
            raise ScheduleError(f"the variable {stage.name} serves several outputs")
