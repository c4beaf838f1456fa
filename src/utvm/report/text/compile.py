"""A compiled program as text."""

from __future__ import annotations

from rich.console import RenderableType
from rich.table import Table

from utvm.codegen.program import Program
from utvm.report.compile import CompileReport
from utvm.report.text.run import cycles_line
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
        *_code_lines(report),
        _layers(report),
        *([cycles_line(report.run)] if report.run is not None else []),
        _largest_constants(program),
    ]
    for kind, names in (("input", program.inputs), ("output", program.outputs)):
        for name in names:
            tensor = program.tensor(name)
            parts.append(f"{kind} {name} {shape(tensor.dtype, tensor.shape)}: {tensor.region}+{tensor.offset}")
    for state in program.states:
        tensor = program.tensor(state.tensor)
        parts.append(f"state {tensor.name} {shape(tensor.dtype, tensor.shape)}, kept from run to run")
    if report.saved_to is not None:
        parts.append(f"saved to {report.saved_to}; run it with: utvm run {report.saved_to}")
    return parts


def _code_lines(report: CompileReport) -> list[str]:
    if report.code is None:
        return []
    code = report.code
    return [f"code: {code.kernels_bytes:,} bytes of kernels, {code.rest_bytes:,} of everything else\n"]


def _layers(report: CompileReport) -> Table:
    """One row per call; cycles where a run was measured, code where an image was built."""
    program, run = report.program, report.run
    numbers = ("MACs", "cycles", "share", "scratch", "code")
    made = table("layer", "operator", "output", "schedule", *numbers, right=numbers)
    code = {} if report.code is None else report.code.kernel_bytes
    shown: set[str] = set()
    for index, call in enumerate(program.calls):
        output = program.tensor(call.outputs[0])
        cycles = None if run is None else run.layers[index].cycles
        share = "-" if cycles is None or run is None or not run.cycles else f"{cycles / run.cycles:.1%}"
        made.add_row(
            call.layer, call.operator, shape(output.dtype, output.shape), call.schedule, count(call.macs),
            count(cycles), share, count(call.scratch_bytes),
            "shared" if call.kernel in shown else count(code.get(call.kernel)),
        )  # fmt: skip
        shown.add(call.kernel)
    return made


def _largest_constants(program: Program) -> Table:
    made = table("largest constants", "of layer", "as", "bytes", right=("bytes",))
    largest = sorted(program.constants, key=lambda constant: (-constant.size_bytes, constant.symbol))
    for constant in largest[:_SHOWN_CONSTANTS]:
        made.add_row(constant.symbol, constant.owner, constant.role, count(constant.size_bytes))
    rest = largest[_SHOWN_CONSTANTS:]
    if rest:
        made.add_row(f"{len(rest)} more", "", "", count(sum(constant.size_bytes for constant in rest)))
    return made
