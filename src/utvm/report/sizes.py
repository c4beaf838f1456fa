"""Where the bytes of an image go, by kind and memory region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from utvm.boards import Board
    from utvm.codegen.program import Program
    from utvm.toolchain import ImageSizes


@dataclass(frozen=True)
class SizePart:
    """Bytes of one kind in one region; None where only a C compiler knows them."""

    memory: Literal["ram", "flash"]
    kind: str
    region: str
    size_bytes: int | None


@dataclass(frozen=True)
class SizeReport:
    """RAM and flash of a program's image on a board.

    `runtime_bytes` is .data and .bss; `text_bytes` and `initial_data_bytes` lie in flash; those are None for a program
    that was not built. `stack_used_bytes` is the deepest use of all runs, None when nothing ran. `arena_bytes`,
    `state_bytes` and `capacity_bytes` are by region.
    """

    arena_bytes: Mapping[str, int]
    runtime_bytes: int | None
    stack_reserved_bytes: int
    stack_used_bytes: int | None
    text_bytes: int | None
    constants_bytes: int
    initial_data_bytes: int | None
    regions: Mapping[str, str]
    """The region of `text`, `constants`, `runtime`, `stack`."""
    capacity_bytes: Mapping[str, int]
    state_bytes: Mapping[str, int] = field(default_factory=dict)

    @property
    def ram_bytes(self) -> int | None:
        """All RAM taken, the whole reserved stack included."""
        placed = [*self.arena_bytes.values(), *self.state_bytes.values()]
        return _sum([*placed, self.runtime_bytes, self.stack_reserved_bytes])

    @property
    def flash_bytes(self) -> int | None:
        """All bytes of the image."""
        return _sum([self.text_bytes, self.constants_bytes, self.initial_data_bytes])

    @property
    def parts(self) -> tuple[SizePart, ...]:
        """One entry per kind and region."""
        regions = self.regions
        arenas = [SizePart("ram", "activations", region, size) for region, size in self.arena_bytes.items()]
        states = [SizePart("ram", "state", region, size) for region, size in self.state_bytes.items()]
        return (
            *arenas,
            *states,
            SizePart("ram", "runtime data", regions["runtime"], self.runtime_bytes),
            SizePart("ram", "stack, reserved", regions["stack"], self.stack_reserved_bytes),
            SizePart("flash", "code", regions["text"], self.text_bytes),
            SizePart("flash", "constants", regions["constants"], self.constants_bytes),
            SizePart("flash", "initial values of data", regions["text"], self.initial_data_bytes),
        )


def built_sizes(board: Board, sizes: ImageSizes, stack_used_bytes: int | None = None) -> SizeReport:
    """The sizes of a linked image."""
    return SizeReport(
        arena_bytes=dict(sizes.arena_bytes),
        state_bytes=dict(sizes.state_bytes),
        runtime_bytes=sizes.data_bytes + sizes.bss_bytes,
        stack_reserved_bytes=sizes.stack_bytes,
        stack_used_bytes=stack_used_bytes,
        text_bytes=sizes.text_bytes,
        constants_bytes=sizes.constants_bytes,
        initial_data_bytes=sizes.data_bytes,
        regions=_regions(board),
        capacity_bytes=_capacity(board),
    )


def planned_sizes(board: Board, program: Program) -> SizeReport:
    """What is known of a program before a C compiler saw it."""
    return SizeReport(
        arena_bytes=dict(program.arenas),
        state_bytes=program.states_by_region,
        runtime_bytes=None,
        stack_reserved_bytes=board.placement.stack_bytes,
        stack_used_bytes=None,
        text_bytes=None,
        constants_bytes=program.constant_bytes,
        initial_data_bytes=None,
        regions=_regions(board),
        capacity_bytes=_capacity(board),
    )


def _regions(board: Board) -> dict[str, str]:
    placement = board.placement
    return {
        "text": placement.code,
        "constants": placement.constants,
        "runtime": placement.data,
        "stack": placement.stack,
    }


def _capacity(board: Board) -> dict[str, int]:
    return {region.name: region.size_bytes for region in board.regions}


def _sum(sizes: list[int | None]) -> int | None:
    total = 0
    for size in sizes:
        if size is None:
            return None
        total += size
    return total
