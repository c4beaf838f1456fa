"""What a board has for a model: RAM for arenas, flash for constants."""

from __future__ import annotations

from utvm.boards import Board
from utvm.codegen.memory_plan import ArenaRegion
from utvm.errors import OutOfMemoryError
from utvm.model.graph import Model
from utvm.model.storage import is_view

# .data and .bss of the runtime besides the cycles of each layer; the linker has the last word.
RUNTIME_DATA_BYTES = 768
LAYER_CYCLES_BYTES = 8
# Vector table, start-up, runtime and the smallest kernels.
SMALLEST_TEXT_BYTES = 2048


def arena_regions(model: Model, board: Board, max_ram_bytes: int | None = None) -> tuple[ArenaRegion, ...]:
    """The board's RAM regions in order of preference, less stack and data; of no more than `max_ram_bytes` in all."""
    calls = sum(not is_view(model, operator) for operator in model.operators)
    taken = {name: 0 for name in board.placement.arena}
    if board.placement.stack in taken:
        taken[board.placement.stack] += board.placement.stack_bytes
    if board.placement.data in taken:
        taken[board.placement.data] += RUNTIME_DATA_BYTES + LAYER_CYCLES_BYTES * calls
    regions: list[ArenaRegion] = []
    left = max_ram_bytes
    for name in board.placement.arena:
        room = max(board.region(name).size_bytes - taken[name], 0)
        room = room if left is None else min(room, left)
        left = None if left is None else left - room
        regions.append(ArenaRegion(name, room))
    return tuple(regions)


def kernel_flash_bytes(board: Board, max_flash_bytes: int | None = None) -> int:
    """Bytes of flash for kernels and constants: what the board has, or the user grants, without the runtime's."""
    names = {board.placement.constants, board.placement.code}
    flash = [board.region(name).size_bytes for name in names if board.region(name).kind == "flash"]
    capacity = sum(flash) if flash else sum(region.size_bytes for region in board.regions)
    granted = capacity if max_flash_bytes is None else min(capacity, max_flash_bytes)
    return granted - SMALLEST_TEXT_BYTES


def check_constants(model: Model, board: Board) -> None:
    """Raise OutOfMemoryError when the constants alone overflow their region; names the largest."""
    region = board.region(board.placement.constants)
    capacity = region.size_bytes - (SMALLEST_TEXT_BYTES if board.placement.code == region.name else 0)
    constants = sorted((t for t in model.tensors.values() if t.is_constant), key=lambda t: (-t.size_bytes, t.name))
    total = sum(tensor.size_bytes for tensor in constants)
    if total <= capacity:
        return
    largest = "\n".join(f"  {tensor.size_bytes:>9,} bytes  {tensor.name}" for tensor in constants[:6])
    raise OutOfMemoryError(
        f"{model.name}: constants need {total:,} bytes, {region.name} of {board.name} has {capacity:,} for them:"
        f" short by {total - capacity:,}.\nThe largest:\n{largest}\nTry a board with more flash."
    )
