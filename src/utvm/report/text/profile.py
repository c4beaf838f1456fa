"""A profile as text: layers, then functions, then the hottest blocks with their code."""

from __future__ import annotations

from rich.console import RenderableType
from rich.table import Table

from utvm.report.profile import BlockReport, FunctionReport, ProfileReport
from utvm.report.text.run import cycles_line, heading, layers_text
from utvm.report.text.tables import count, table

LOST = "lost-"


def profile_text(report: ProfileReport, functions_shown: int, blocks_shown: int) -> list[RenderableType]:
    """Layers; of a hot profile also so many functions, and so many blocks of each."""
    parts: list[RenderableType] = [heading(report.run), cycles_line(report.run), layers_text(report.run)]
    if report.functions is None:
        return parts
    shown = report.functions[:functions_shown]
    parts.append(functions_text(report, shown))
    for function in shown:
        parts += ["", mix_line(function)]
        for block in [block for block in function.blocks if block.cycles][:blocks_shown]:
            parts += block_lines(function, block, report.counted_cycles)
    return parts


def functions_text(report: ProfileReport, shown: tuple[FunctionReport, ...]) -> Table:
    """One row per function; lost issue slots and stalls where the timing model tells them."""
    numbers = ("cycles", "share", "instructions", "IPC")
    made = table("function", *numbers, "lost issue slots", "other", right=numbers)
    for function in shown:
        made.add_row(
            function.name,
            count(function.cycles),
            _share(function.cycles, report.counted_cycles),
            count(function.instructions),
            f"{function.instructions / function.cycles:.2f}" if function.cycles else "-",
            _lost(function),
            ", ".join(f"{key} {value:,}" for key, value in function.details.items() if value and not _is_lost(key)),
        )
    return made


def mix_line(function: FunctionReport) -> str:
    """What kinds of instructions a function executed."""
    parts = [f"{kind} {_share(number, sum(function.mix.values()))}" for kind, number in function.mix.items() if number]
    used_by = f" ({', '.join(function.layers)})" if function.layers else ""
    return f"{function.name}{used_by}: {', '.join(parts)}"


def block_lines(function: FunctionReport, block: BlockReport, all_cycles: int) -> list[str]:
    """What a block cost, and its code."""
    lines = [
        f"  {function.name}+{block.offset:#x}: {block.cycles:,} cycles ({_share(block.cycles, all_cycles)}), "
        f"{block.runs:,} runs of {len(block.code)} instructions, {block.cycles / block.runs:.2f} cycles each"
    ]
    lost = [
        f"{_title(key)} {value / block.runs:.2f}" for key, value in block.details.items() if value / block.runs >= 0.005
    ]
    if lost:
        lines.append(f"    lost in each run: {', '.join(lost)}")
    return lines + [f"      {instruction.addr:08x}  {instruction.text}" for instruction in block.code]


def _lost(function: FunctionReport) -> str:
    """Shares of all issue slots, the largest first."""
    lost = {key: value for key, value in function.details.items() if value and _is_lost(key)}
    slots = function.instructions + sum(lost.values())
    ordered = sorted(lost.items(), key=lambda item: -item[1])
    return ", ".join(f"{key[len(LOST) :]} {_share(value, slots)}" for key, value in ordered if value / slots >= 0.0005)


def _is_lost(key: str) -> bool:
    return key.startswith(LOST)


def _title(key: str) -> str:
    return f"{key[len(LOST) :]} slots" if _is_lost(key) else key


def _share(cycles: int, of: int) -> str:
    return f"{cycles / of:.1%}" if of else "-"
