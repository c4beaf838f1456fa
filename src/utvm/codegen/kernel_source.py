"""The C function of a kernel, whether its schedule gave loops in TIR or C of its own."""

from __future__ import annotations

from dataclasses import dataclass

from utvm.codegen.c_text import LINE_WIDTH, CWriter
from utvm.codegen.program import KernelSource
from utvm.codegen.tir_to_c import kernel_body, kernel_parameters
from utvm.operators.kernel import AnyKernel, CKernel


@dataclass(frozen=True)
class KernelText:
    """All of a kernel but its name: two kernels with equal texts are one function."""

    types: tuple[str, ...]
    parameters: tuple[str, ...]
    aliased: frozenset[str]
    comments: tuple[str, ...]
    body: str
    units: tuple[str, ...]
    library: str = ""

    def named(self, name: str) -> KernelSource:
        """The function under a name; it returns 0."""
        prototype = self._prototype(name)
        out = CWriter()
        out.comment([name, *(f"  {line}" for line in self.comments)])
        with out.block(prototype):
            for line in self.body.strip("\n").split("\n"):
                out.line(line)
            out.line("return 0;")
        return KernelSource(name, prototype, out.text(), self.types, self.units, self.library)

    def _prototype(self, name: str) -> str:
        """Typed, `const` where only read, `restrict` unless memory may be shared; a line per parameter where long."""
        parameters = [
            f"{c_type} *{'' if parameter in self.aliased else 'restrict '}{parameter}"
            for c_type, parameter in zip(self.types, self.parameters, strict=True)
        ]
        head = f"int32_t {name}("
        text = f"{head}{', '.join(parameters)})"
        return text if len(text) <= LINE_WIDTH else f"{head}{(f',{chr(10)}' + ' ' * len(head)).join(parameters)})"


def kernel_text(kernel: AnyKernel) -> KernelText:
    """Generate the kernel's C."""
    return KernelText(
        types=kernel.types if isinstance(kernel, CKernel) else kernel_parameters(kernel),
        parameters=tuple(argument.parameter for argument in kernel.arguments),
        aliased=kernel.aliased,
        comments=kernel.comments,
        body=kernel.body if isinstance(kernel, CKernel) else kernel_body(kernel),
        units=tuple(unit.name for unit in kernel.units) if isinstance(kernel, CKernel) else (),
        library=kernel.library.name if isinstance(kernel, CKernel) and kernel.library is not None else "",
    )
