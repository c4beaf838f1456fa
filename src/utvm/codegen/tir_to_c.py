"""Lowered TIR functions as C functions."""

from __future__ import annotations

import re
from typing import Any

from utvm.codegen.c_text import C_TYPES, CWriter
from utvm.codegen.expressions import SUM, ExpressionWriter, dtype_of
from utvm.codegen.lowering import lower
from utvm.errors import CodegenError
from utvm.operators.kernel import Kernel

_RESERVED = frozenset(
    {"auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern", "float"}
    | {"for", "goto", "if", "inline", "int", "long", "register", "restrict", "return", "short", "signed", "sizeof"}
    | {"static", "struct", "switch", "typedef", "union", "unsigned", "void", "volatile", "while", "bool", "true"}
    | {"false", "main", "index"}
)


def kernel_body(kernel: Kernel) -> str:
    """The statements of the kernel as C text, not indented; parameters have the names of the kernel's arguments."""
    return _BodyWriter(kernel).body()


def kernel_parameters(kernel: Kernel) -> tuple[str, ...]:
    """The types that the kernel's parameters point to, `const` where only read."""
    return tuple(
        f"{'' if argument.written else 'const '}{C_TYPES[_element_dtype(variable)]}"
        for argument, variable in zip(kernel.arguments, kernel.function.params, strict=True)
    )


def _element_dtype(buffer: Any) -> str:
    dtype = buffer.ty.dtype
    return str(getattr(dtype, "dtype", dtype))


class _BodyWriter:
    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._function = lower(kernel.function, kernel.stem)
        self._out = CWriter()
        self._names: dict[Any, str] = {}
        self._used = set(_RESERVED)
        self._scalars: set[Any] = set()
        # Scalars declared but not yet assigned: their first assignment becomes the declaration.
        self._undeclared: dict[Any, str] = {}
        self._expressions = ExpressionWriter(self._name_of, lambda buffer: buffer in self._scalars)

    def body(self) -> str:
        for argument, parameter in zip(self._kernel.arguments, self._function.params, strict=True):
            self._names[parameter] = argument.parameter
            self._used.add(argument.parameter)
        self._statement(self._function.body)
        return self._out.text()

    def _name_of(self, variable: Any) -> str:
        if variable not in self._names:
            stem = re.sub(r"\W", "_", variable.name) or "v"
            name, suffix = stem, 1
            while name in self._used:
                suffix += 1
                name = f"{stem}{suffix}"
            self._used.add(name)
            self._names[variable] = name
        return self._names[variable]

    def _statement(self, s: Any) -> None:
        kind = type(s).__name__
        if kind in ("For", "IfThenElse"):
            self._declare()
        if kind == "SeqStmt":
            for item in s.seq:
                self._statement(item)
        elif kind == "For":
            self._loop(s)
        elif kind == "IfThenElse":
            self._conditional(s)
        elif kind == "BufferStore":
            self._store(s)
        elif kind == "AllocBuffer":
            self._allocate(s.buffer)
        elif kind == "DeclBuffer":
            self._alias(s.buffer, s.data)
        elif kind == "AttrStmt":
            self._statement(s.body)
        elif kind == "Evaluate":
            if type(s.value).__name__ != "IntImm":
                self._out.line(f"{self._expressions.write(s.value)};")
        else:
            raise CodegenError(f"kernel {self._kernel.stem}: no C for the TIR statement {kind}")

    def _declare(self) -> None:
        """Scalars that are first assigned in an inner scope are declared before it."""
        for declaration in self._undeclared.values():
            self._out.line(f"{declaration};")
        self._undeclared.clear()

    def _loop(self, s: Any) -> None:
        from tvm.sym import Analyzer

        variable = self._name_of(s.loop_var)
        end = Analyzer().simplify(s.min + s.extent)
        begin_text, end_text = self._expressions.write(s.min), self._expressions.write(end, SUM)
        c_type = C_TYPES[dtype_of(s.loop_var)]
        with self._out.block(f"for ({c_type} {variable} = {begin_text}; {variable} < {end_text}; ++{variable})"):
            self._statement(s.body)
        # Loops side by side may use one name again.
        self._used.discard(variable)
        del self._names[s.loop_var]

    def _conditional(self, s: Any) -> None:
        tail = "}" if s.else_case is None else "} else {"
        with self._out.block(f"if ({self._expressions.write(s.condition)})", tail):
            self._statement(s.then_case)
        if s.else_case is not None:
            self._out.indented(lambda: self._statement(s.else_case))
            self._out.line("}")

    def _store(self, s: Any) -> None:
        value = self._expressions.write(s.value)
        if s.buffer in self._undeclared:
            self._out.line(f"{self._undeclared.pop(s.buffer)} = {value};")
            return
        target = self._expressions.access(s.buffer, s.indices)
        if type(s.value).__name__ == "Add" and self._expressions.write(s.value.a) == target:
            self._out.line(f"{target} += {self._expressions.write(s.value.b)};")
        else:
            self._out.line(f"{target} = {value};")

    def _allocate(self, buffer: Any) -> None:
        extent = 1
        for dimension in buffer.ty.shape:
            extent *= int(dimension)
        c_type = C_TYPES[_element_dtype(buffer)]
        if extent != 1:
            raise CodegenError(
                f"kernel {self._kernel.stem}: local array {buffer.name}; use scratch, which the plan counts"
            )
        self._scalars.add(buffer)
        self._undeclared[buffer] = f"{c_type} {self._name_of(buffer)}"

    def _alias(self, buffer: Any, data: Any) -> None:
        source = data
        while type(source).__name__ == "Call":
            source = source.args[0]
        if source in self._scalars or source in self._undeclared:
            raise CodegenError(f"kernel {self._kernel.stem}: a view of the local {source}")
        self._names[buffer] = self._name_of(source)
