"""A run as text: answers, cycles by layer, memory, check."""

from __future__ import annotations

from rich.console import RenderableType
from rich.table import Table

from utvm.report.outputs import OutputReport
from utvm.report.run import RunReport
from utvm.report.text.sizes import sizes_text
from utvm.report.text.tables import count, duration, megahertz, shape, table

_SHOWN_VALUES = 8
_SHOWN_RUNS = 10


def run_text(report: RunReport) -> list[RenderableType]:
    """All parts, in the order in which a reader asks for them."""
    parts: list[RenderableType] = [heading(report), *(line for out in report.outputs for line in _output_lines(out))]
    parts += [cycles_line(report), layers_text(report), sizes_text(report.sizes)]
    if report.check is not None:
        parts.append(f"check: {report.check}")
    return parts


def heading(report: RunReport) -> str:
    """What ran where."""
    board = report.board
    runs = "1 run" if report.runs == 1 else f"{report.runs} runs"
    if report.keeps_state and report.runs > 1:
        runs += " in a row" if report.reset_every is None else f", the state reset every {report.reset_every}"
    return (
        f"{report.model} on {board.title} ({board.name}, {board.core} at {megahertz(board.clock_hz)}), "
        f"{report.via} board\n"
        f"built by {report.toolchain.version}; {runs}, input: {report.input_source}"
    )


def cycles_line(report: RunReport) -> str:
    """Cycles and time, and what kind of cycles they are."""
    line = f"cycles: {report.cycles:,} = {duration(report.time_us)} at {megahertz(report.board.clock_hz)}"
    if report.fewest_cycles != report.most_cycles:
        line += f", median of {report.runs} runs from {report.fewest_cycles:,} to {report.most_cycles:,}"
    return f"{line} ({report.cycles_kind})"


def layers_text(report: RunReport) -> Table:
    """One row per call."""
    numbers = ("MACs", "cycles", "time", "cycles/MAC", "share")
    made = table("layer", "operator", "output", *numbers, "kernel", right=numbers)
    for layer in report.layers:
        made.add_row(
            layer.name,
            layer.operator,
            shape(layer.output_dtype, layer.output_shape),
            count(layer.macs),
            count(layer.cycles),
            duration(report.microseconds(layer.cycles)),
            f"{layer.cycles / layer.macs:.2f}" if layer.macs else "-",
            f"{layer.cycles / report.cycles:.1%}" if report.cycles else "-",
            layer.kernel,
        )
    made.add_section()
    per_mac = f"{report.cycles / report.macs:.2f}" if report.macs else "-"
    made.add_row(
        "total", "", "", count(report.macs), count(report.cycles), duration(report.time_us), per_mac, "100.0%", ""
    )  # fmt: skip
    return made


def _output_lines(output: OutputReport) -> list[str]:
    name = f"output {output.tensor.name} {shape(output.tensor.dtype, output.tensor.shape)}"
    lines = [f"{name}: {_values(output, run)}" for run in range(min(len(output.reals), _SHOWN_RUNS))]
    left_out = len(output.reals) - len(lines)
    if len(output.reals) > 1:
        lines = [line.replace(name, f"{name}, run {run}", 1) for run, line in enumerate(lines)]
    return [*lines, f"  ({left_out} more runs; --output writes all)"] if left_out else lines


def _values(output: OutputReport, run: int) -> str:
    values = output.reals[run].ravel()
    top = output.top_class(run)
    if top is not None:
        return f"class {top} ({values[top]:.3f})"
    text = ", ".join(f"{value:.5g}" for value in values[:_SHOWN_VALUES])
    return text if len(values) <= _SHOWN_VALUES else f"{text}, ... ({len(values):,} values; --output writes all)"
