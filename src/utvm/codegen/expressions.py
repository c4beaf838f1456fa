"""TIR expressions as C expressions, with the fewest brackets that keep their meaning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from utvm.codegen.c_text import C_TYPES, float_literal, literal
from utvm.errors import CodegenError

# C's precedence levels, higher binds tighter.
CONDITIONAL, OR, AND, BIT_OR, BIT_XOR, BIT_AND, EQUALITY, RELATION, SHIFT, SUM, PRODUCT, UNARY, PRIMARY = range(1, 14)

_BINARY = {
    "Add": ("+", SUM),
    "Sub": ("-", SUM),
    "Mul": ("*", PRODUCT),
    "Div": ("/", PRODUCT),
    "Mod": ("%", PRODUCT),
    "EQ": ("==", EQUALITY),
    "NE": ("!=", EQUALITY),
    "LT": ("<", RELATION),
    "LE": ("<=", RELATION),
    "GT": (">", RELATION),
    "GE": (">=", RELATION),
    "And": ("&&", AND),
    "Or": ("||", OR),
}

_BINARY_CALLS = {
    "shift_left": ("<<", SHIFT),
    "shift_right": (">>", SHIFT),
    "bitwise_and": ("&", BIT_AND),
    "bitwise_or": ("|", BIT_OR),
    "bitwise_xor": ("^", BIT_XOR),
}

Names = Callable[[Any], str]


def dtype_of(expression: Any) -> str:
    """The dtype of a TIR expression."""
    return str(expression.ty.dtype)


class ExpressionWriter:
    """Prints expressions; `name_of` gives the C name of a variable or buffer, `scalars` those that are plain locals."""

    def __init__(self, name_of: Names, is_scalar: Callable[[Any], bool]) -> None:
        self._name_of = name_of
        self._is_scalar = is_scalar

    def write(self, expression: Any, level: int = CONDITIONAL) -> str:
        """C text, in brackets when it binds less tightly than `level`."""
        text, own = self._render(expression)
        return text if own >= level else f"({text})"

    def access(self, buffer: Any, indices: Any) -> str:
        """An element of a flat buffer, or a scalar local."""
        if self._is_scalar(buffer):
            return self._name_of(buffer)
        if len(indices) != 1:
            raise CodegenError(f"buffer {buffer} is accessed with {len(indices)} indices after flattening")
        return f"{self._name_of(buffer)}[{self.write(indices[0])}]"

    def _render(self, e: Any) -> tuple[str, int]:
        kind = type(e).__name__
        if kind in _BINARY:
            return self._binary(kind, e)
        if kind == "Var":
            return self._name_of(e), PRIMARY
        if kind == "IntImm":
            return self._integer(e)
        if kind == "FloatImm":
            text = float_literal(float(e.value))
            return text, UNARY if text.startswith("-") else PRIMARY
        if kind in ("Min", "Max"):
            function = f"utvm_{kind.lower()}_{dtype_of(e)}"
            return f"{function}({self.write(e.a)}, {self.write(e.b)})", PRIMARY
        if kind == "Not":
            return f"!{self.write(e.a, UNARY)}", UNARY
        if kind == "Cast":
            return f"({C_TYPES[dtype_of(e)]}){self.write(e.value, UNARY)}", UNARY
        if kind == "Select":
            return self._conditional(e.condition, e.true_value, e.false_value)
        if kind == "TensorLoad":
            return self.access(e.source, e.indices), PRIMARY
        if kind == "Call":
            return self._call(e)
        raise CodegenError(f"no C for the TIR expression {kind}: {e}")

    def _binary(self, kind: str, e: Any) -> tuple[str, int]:
        operator, level = _BINARY[kind]
        # x - (-5) reads better as x + 5, and TIR writes sums of negative literals either way round.
        if kind in ("Add", "Sub") and type(e.b).__name__ == "IntImm" and -(1 << 31) < int(e.b.value) < 0:
            flipped = "-" if kind == "Add" else "+"
            return f"{self.write(e.a, level)} {flipped} {literal(-int(e.b.value), dtype_of(e.b))}", level
        if kind == "And":
            level_of_parts = RELATION
            return f"{self.write(e.a, level_of_parts)} {operator} {self.write(e.b, level_of_parts)}", level
        return f"{self.write(e.a, level)} {operator} {self.write(e.b, level + 1)}", level

    def _integer(self, e: Any) -> tuple[str, int]:
        if dtype_of(e) == "bool":
            return ("true" if e.value else "false"), PRIMARY
        text = literal(int(e.value), dtype_of(e))
        return text, UNARY if text.startswith("-") else PRIMARY

    def _conditional(self, condition: Any, if_true: Any, if_false: Any) -> tuple[str, int]:
        text = f"{self.write(condition, OR)} ? {self.write(if_true, OR)} : {self.write(if_false, CONDITIONAL)}"
        return text, CONDITIONAL

    def _call(self, e: Any) -> tuple[str, int]:
        name = str(getattr(e.op, "name", e.op)).split(".")[-1]
        arguments = list(e.args)
        if name in ("call_extern", "call_pure_extern"):
            function = arguments[0].value
            return f"{function}({', '.join(self.write(argument) for argument in arguments[1:])})", PRIMARY
        if name == "if_then_else":
            return self._conditional(*arguments)
        if name in _BINARY_CALLS:
            operator, level = _BINARY_CALLS[name]
            return f"{self.write(arguments[0], SUM)} {operator} {self.write(arguments[1], SUM)}", level
        if name == "bitwise_not":
            return f"~{self.write(arguments[0], UNARY)}", UNARY
        if name == "likely":
            return self._render(arguments[0])
        if name == "tvm_access_ptr":
            return f"{self.write(arguments[1], SUM)} + {self.write(arguments[2], PRODUCT)}", SUM
        if name == "buffer_data":
            return self._name_of(arguments[0]), PRIMARY
        raise CodegenError(f"no C for the TIR call {name}: {e}")
