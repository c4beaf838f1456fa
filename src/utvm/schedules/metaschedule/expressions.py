"""TIR expressions, rebuilt with some of their parts replaced. TVM has no such visitor in Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from utvm.errors import ScheduleError

Expression = Any
Replacement = Callable[[Expression], Expression | None]

_BINARY = frozenset(
    {"Add", "Sub", "Mul", "Div", "Mod", "FloorDiv", "FloorMod", "Min", "Max"}
    | {"EQ", "NE", "LT", "LE", "GT", "GE", "And", "Or"}
)
_LEAVES = frozenset({"Var", "IntImm", "FloatImm", "StringImm"})


def parts(e: Expression) -> tuple[Expression, ...]:
    """The expressions that an expression is made of; ScheduleError for a kind that no kernel has had so far."""
    kind = type(e).__name__
    if kind in _BINARY:
        return (e.a, e.b)
    if kind in _LEAVES:
        return ()
    if kind == "Cast":
        return (e.value,)
    if kind == "Not":
        return (e.a,)
    if kind == "Select":
        return (e.condition, e.true_value, e.false_value)
    if kind == "TensorLoad":
        return tuple(e.indices)
    if kind == "Call":
        return tuple(e.args)
    raise ScheduleError(f"the expression {kind} has no form with blocks: {e}")


def replaced(e: Expression, replacement: Replacement) -> Expression:
    """The expression with each part for which `replacement` gives one exchanged, outermost first."""
    new = replacement(e)
    if new is not None:
        return new
    old_parts = parts(e)
    new_parts = tuple(replaced(part, replacement) for part in old_parts)
    if all(new.same_as(old) for new, old in zip(new_parts, old_parts, strict=True)):
        return e
    return _rebuilt(e, new_parts)


def walk(e: Expression) -> Iterator[Expression]:
    """The expression and all that it is made of."""
    yield e
    for part in parts(e):
        yield from walk(part)


def is_load_of(e: Expression, buffer: Any) -> bool:
    """Whether the expression is an element of the buffer."""
    return type(e).__name__ == "TensorLoad" and bool(e.source.same_as(buffer))


def _rebuilt(e: Expression, new_parts: tuple[Expression, ...]) -> Expression:
    from tvm import ir, tirx

    kind = type(e).__name__
    if kind == "Cast":
        return tirx.Cast(e.ty, *new_parts)
    if kind == "TensorLoad":
        return e.source[new_parts]
    if kind == "Call":
        return ir.Call(e.op, new_parts, attrs=e.attrs, ret_ty=e.ty)
    return type(e)(*new_parts)
