"""Boards as text: all in short, or one in full."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table

from utvm.boards import Board
from utvm.report.text.tables import kibibytes, megahertz, table


def boards_text(boards: Sequence[Board]) -> Table:
    """One row per board."""
    numbers = ("clock", "flash", "RAM")
    made = table("name", "title", "core", *numbers, right=numbers)
    for board in boards:
        sizes = (kibibytes(_total(board, kind)) for kind in ("flash", "ram"))
        made.add_row(board.name, board.title, board.core.name, megahertz(board.clock_hz), *sizes)
    return made


def board_text(board: Board) -> list[RenderableType]:
    """Core, memory with what is placed where, and compiler flags."""
    core, tools = board.core, board.toolchain
    units = [core.fpu or "no FPU", "DSP" if core.dsp else "no DSP", *(["MVE"] if core.mve else [])]
    regions = table("region", "address", "size", "kind", "bus", "holds", right=("address", "size"))
    for region in board.regions:
        regions.add_row(
            region.name, f"0x{region.base_addr:08X}", kibibytes(region.size_bytes), region.kind, region.bus,
            ", ".join(_held(board, region.name)),
        )  # fmt: skip
    return [
        f"{board.name}: {board.title} ({board.chip}), {board.vendor_url}",
        f"core: {core.name} at {megahertz(board.clock_hz)}, {', '.join(units)}; cycles counted by {core.cycle_counter}",
        regions,
        f"gcc: {tools.gcc_prefix}gcc {' '.join(tools.gcc_flags)}",
        f"zig: -target {tools.zig_target} -mcpu={tools.zig_cpu}",
    ]


def _held(board: Board, region: str) -> list[str]:
    placement = board.placement
    held = [kind for kind in ("code", "constants", "data") if getattr(placement, kind) == region]
    if placement.stack == region:
        held.append(f"stack of {placement.stack_bytes:,} bytes")
    if region in placement.arena:
        held.append(f"activations (choice {placement.arena.index(region) + 1})")
    return held


def _total(board: Board, kind: str) -> int:
    return sum(region.size_bytes for region in board.regions if region.kind == kind)
