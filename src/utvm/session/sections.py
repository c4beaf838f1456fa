"""The fixed sections of a session: stack, task queue with its arguments, workspace; their sizes and places."""

from __future__ import annotations

from dataclasses import dataclass

from utvm.boards import Board, Region
from utvm.errors import UsageError
from utvm.session.memory import ALIGNMENT_BYTES, Block, DeviceMemory

CANARY = 0xCA7A_57E5
"""UTVM_CANARY in utvm_session.h."""

CANARY_BYTES = 16
"""Room behind a section for its canary, which keeps what follows aligned."""

NULL_CANARY_ADDRS = (0x0, 0x4, 0x8, 0xC, 0x10, 0x20, 0x40, 0x80)
"""Canaries where a write through a null pointer, or a structure at null, lands if there is RAM at address 0."""

DEFAULT_QUEUE_BYTES = 8192
DEFAULT_WORKSPACE_BYTES = 16384
_SHARE_OF_RAM = 16
"""A default size is at most this part of the largest RAM region."""


@dataclass(frozen=True)
class Sections:
    """The fixed sections; each but the stack ends with its canary, the stack begins with it."""

    stack: Block
    queue: Block
    workspace: Block

    @property
    def stack_bottom_addr(self) -> int:
        """Lowest address that the stack may use."""
        return self.stack.addr + CANARY_BYTES

    @property
    def queue_addr(self) -> int:
        """Where the queue's header is: results lie before it, tasks and arguments behind."""
        return self.queue.addr + self.result_bytes

    @property
    def result_bytes(self) -> int:
        """Bytes for results: a third, as a task with two arguments of its own takes twice what its result does."""
        return (self.queue.size_bytes - CANARY_BYTES) // 3 // ALIGNMENT_BYTES * ALIGNMENT_BYTES

    @property
    def task_bytes(self) -> int:
        """Bytes for header, tasks and arguments."""
        return self.queue.size_bytes - CANARY_BYTES - self.result_bytes

    @property
    def workspace_end_addr(self) -> int:
        """First address behind the workspace proper."""
        return self.workspace.end_addr - CANARY_BYTES

    @property
    def canary_addrs(self) -> tuple[int, ...]:
        """Where the canaries are."""
        return (self.stack.addr, self.queue.end_addr - CANARY_BYTES, self.workspace_end_addr)

    def symbols(self) -> dict[str, int]:
        """What the device runtime is linked with."""
        return {
            "utvm_stack_bottom": self.stack_bottom_addr,
            "utvm_stack_top": self.stack.end_addr,
            "utvm_queue": self.queue_addr,
            "utvm_workspace_bottom": self.workspace.addr,
            "utvm_workspace_top": self.workspace_end_addr,
        }


def place_sections(board: Board, memory: DeviceMemory) -> Sections:
    """Allocate them. Raises OutOfDeviceMemory naming the one that does not fit."""
    sizes, placement = board.hosted.section_sizes, board.placement
    stack_region = board.region(placement.stack)
    largest = max(region.size_bytes for region in board.regions if region.kind == "ram")
    stack_bytes = _rounded(sizes.stack or placement.stack_bytes) + CANARY_BYTES
    queue_bytes = sizes.args or min(DEFAULT_QUEUE_BYTES, largest // _SHARE_OF_RAM)
    workspace_bytes = sizes.workspace or min(DEFAULT_WORKSPACE_BYTES, largest // _SHARE_OF_RAM)
    data = list(dict.fromkeys([placement.data, *placement.arena]))
    return Sections(
        stack=_place_stack(memory, stack_region, stack_bytes),
        queue=memory.allocate(_rounded(queue_bytes) + CANARY_BYTES, data, "args", "task queue"),
        workspace=memory.allocate(_rounded(workspace_bytes) + CANARY_BYTES, data, "workspace", "workspace"),
    )


def _place_stack(memory: DeviceMemory, region: Region, size_bytes: int) -> Block:
    """At the bottom of its region: an overflow leaves the region and faults, instead of eating data."""
    holes = memory.holes([region.name])
    if not holes or holes[0].size_bytes < size_bytes:
        raise memory.shortage("the stack", size_bytes, [region.name])
    return memory.take(holes[0].addr, size_bytes, region.name, "stack", "stack")


def _rounded(size_bytes: int) -> int:
    if size_bytes <= 0:
        raise UsageError(f"a section of {size_bytes} bytes is not possible")
    return -(-size_bytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
