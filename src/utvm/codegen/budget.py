"""What a board has for a model: RAM for arenas, flash for constants."""

from __future__ import annotations

from utvm.boards import Board
from utvm.codegen.lifetimes import is_view
from utvm.codegen.memory_plan import ArenaRegion
from utvm.errors import OutOfMemoryError
from utvm.model.graph import Model

# .data and .bss of the runtime besides the cycles of each layer; the linker has the last word.
RUNTIME_DATA_BYTES = 768
LAYER_CYCLES_BYTES = 8
# Vector table, start-up, runtime and the smallest kernels.
SMALLEST_TEXT_BYTES = 2048
# The same with the kernels that a model may need otherwise.
ORDINARY_TEXT_BYTES = 32 * 1024


def arena_regions(model: Model, board: Board) -> tuple[ArenaRegion, ...]:
    """The board's RAM regions in order of preference, less stack and data."""
    calls = sum(not is_view(model, operator) for operator in model.operators)
    taken = {name: 0 for name in board.placement.arena}
    if board.placement.stack in taken:
        taken[board.placement.stack] += board.placement.stack_bytes
    if board.placement.data in taken:
        taken[board.placement.data] += RUNTIME_DATA_BYTES + LAYER_CYCLES_BYTES * calls
    return tuple(
        ArenaRegion(name, max(board.region(name).size_bytes - taken[name], 0)) for name in board.placement.arena
    )


def code_budget_bytes(model: Model, board: Board) -> int:
    """What fast code may take in flash beyond plain kernels, if every constant stays what it is in the model."""
    region = board.region(board.placement.code)
    taken = ORDINARY_TEXT_BYTES
    if board.placement.constants == region.name:
        taken += sum(tensor.size_bytes for tensor in model.tensors.values() if tensor.is_constant)
    return max(0, region.size_bytes - taken)


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
