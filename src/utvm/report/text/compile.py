"""A compiled program as text."""

from __future__ import annotations

from rich.console import RenderableType
from rich.table import Table

from utvm.codegen.program import Program
from utvm.report.compile import CompileReport
from utvm.report.text.sizes import sizes_text
from utvm.report.text.tables import count, megahertz, shape, table

_SHOWN_CONSTANTS = 6


def compile_text(report: CompileReport) -> list[RenderableType]:
    """What the program is, what it needs, where it went."""
    program, board = report.program, report.board
    built = f"built by {report.toolchain.version}" if report.toolchain is not None else "C generated, no image built"
    parts: list[RenderableType] = [
        f"{program.model} for {board.title} ({board.name}, {board.core} at {megahertz(board.clock_hz)})\n"
        f"{len(program.calls)} layers, {len(program.kernels)} kernels, {program.macs:,} MACs; {built}",
        sizes_text(report.sizes),
        _largest_constants(program),
    ]
    for kind, names in (("input", program.inputs), ("output", program.outputs)):
        for name in names:
            tensor = program.tensor(name)
            parts.append(f"{kind} {name} {shape(tensor.dtype, tensor.shape)}: {tensor.region}+{tensor.offset}")
    if report.saved_to is not None:
        parts.append(f"saved to {report.saved_to}; run it with: utvm run {report.saved_to}")
    return parts


def _largest_constants(program: Program) -> Table:
    made = table("largest constants", "of layer", "as", "bytes", right=("bytes",))
    largest = sorted(program.constants, key=lambda constant: (-constant.size_bytes, constant.symbol))
    for constant in largest[:_SHOWN_CONSTANTS]:
        made.add_row(constant.symbol, constant.owner, constant.role, count(constant.size_bytes))
    rest = largest[_SHOWN_CONSTANTS:]
    if rest:
        made.add_row(f"{len(rest)} more", "", "", count(sum(constant.size_bytes for constant in rest)))
    return made
