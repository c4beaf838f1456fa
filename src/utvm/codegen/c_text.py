"""Structured writing of C: lines, indentation, comments, array literals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from utvm.model.tensor import Array

C_TYPES = {
    "bool": "uint8_t",
    "int8": "int8_t",
    "uint8": "uint8_t",
    "int16": "int16_t",
    "uint16": "uint16_t",
    "int32": "int32_t",
    "uint32": "uint32_t",
    "int64": "int64_t",
    "uint64": "uint64_t",
    "float32": "float",
}

LINE_WIDTH = 110


class CWriter:
    """Collects lines at the current indentation."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._depth = 0

    def line(self, text: str = "") -> None:
        """One line; empty lines are not indented."""
        self._lines.append("    " * self._depth + text if text else "")

    @contextmanager
    def block(self, head: str, tail: str = "}") -> Iterator[None]:
        """`head {`, an indented body, `tail`."""
        self.line(f"{head} {{")
        self._depth += 1
        yield
        self._depth -= 1
        self.line(tail)

    def indented(self, body: Callable[[], None]) -> None:
        """What `body` writes, one level deeper."""
        self._depth += 1
        body()
        self._depth -= 1

    def comment(self, lines: Sequence[str]) -> None:
        """A block comment."""
        safe = [text.replace("*/", "* /") for text in lines]
        if len(safe) == 1:
            self.line(f"/* {safe[0]} */")
            return
        self.line("/*")
        for text in safe:
            self.line(f" * {text}".rstrip())
        self.line(" */")

    def text(self) -> str:
        """All lines so far."""
        return "\n".join(self._lines) + "\n"


def literal(value: int | float, dtype: str) -> str:
    """A C literal of a numpy value."""
    if dtype == "float32":
        return float_literal(float(value))
    number = int(value)
    if dtype == "int64":
        return f"(-INT64_C({-number - 1}) - 1)" if number == -(1 << 63) else f"INT64_C({number})"
    if dtype == "int32" and number == -(1 << 31):
        return "(-2147483647 - 1)"
    return str(number)


def float_literal(value: float) -> str:
    """A float literal that reads back as the same float32."""
    if not np.isfinite(value):
        raise ValueError(f"{value} has no C literal")
    text = f"{np.float32(value):.9g}"
    if not any(mark in text for mark in ".en"):
        text += ".0"
    return text + "f"


def array_literal(data: Array) -> list[str]:
    """Lines of an array initialiser's elements, in C order."""
    dtype = data.dtype.name
    flat = data.reshape(-1)
    if dtype == "bool":
        flat, dtype = flat.astype(np.uint8), "uint8"
    items = [literal(value, dtype) for value in flat.tolist()]
    lines: list[str] = []
    line = ""
    for item in items:
        if line and len(line) + len(item) + 2 > LINE_WIDTH:
            lines.append(line)
            line = ""
        line += (" " if line else "") + item + ","
    if line:
        lines.append(line)
    return lines
