"""Calls on their way to the device: the host's copy of `UTVMQueue`, encoded and decoded."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from utvm.session.call import Call
from utvm.session.signatures import CType
from utvm.session.tensor import Tensor

HEADER = struct.Struct("<IIiI")
"""num_tasks, current, error, detail."""

_TASKS = {4: struct.Struct("<IIIIQiI"), 8: struct.Struct("<QQIIQiI")}
"""func, args, num_args, repeat, cycles, status, reserved; by word size."""


@dataclass(frozen=True)
class Task:
    """One queued call. `operands` are (address, bytes) ranges of memory that it may use, None for any memory.

    `keeps` holds the tensors of its arguments alive; what it returns, of type `result`, takes `result_slots` words behind
    the arguments.
    """

    call: Call
    func_addr: int
    args: tuple[int, ...]
    repeat: int
    operands: tuple[tuple[int, int], ...] | None
    keeps: tuple[Tensor, ...] = ()
    result: CType | None = None
    result_slots: int = 0

    def touches(self, addr: int, size_bytes: int) -> bool:
        """Whether the call may use any byte of that memory."""
        if self.operands is None:
            return True
        return any(start < addr + size_bytes and addr < start + size for start, size in self.operands)


@dataclass
class TaskQueue:
    """Tasks up to a number of bytes on the device."""

    capacity_bytes: int
    word_bytes: int
    tasks: list[Task] = field(default_factory=list)

    @property
    def task_bytes(self) -> int:
        """Bytes of one UTVMTask."""
        return _TASKS[self.word_bytes].size

    def bytes_with(self, task: Task | None = None) -> int:
        """Bytes of the queue with one more task."""
        tasks = self.tasks if task is None else [*self.tasks, task]
        words = sum(len(item.args) + item.result_slots for item in tasks)
        return HEADER.size + len(tasks) * self.task_bytes + words * self.word_bytes

    def has_room_for(self, task: Task) -> bool:
        """Whether the queue can take the task too."""
        return self.bytes_with(task) <= self.capacity_bytes

    def touches(self, addr: int, size_bytes: int) -> bool:
        """Whether any queued call may use the memory."""
        return any(task.touches(addr, size_bytes) for task in self.tasks)

    def encode(self, addr: int) -> bytes:
        """The queue as the device reads it at `addr`: header, tasks, arguments."""
        layout = _TASKS[self.word_bytes]
        arguments = bytearray()
        arguments_addr = addr + HEADER.size + len(self.tasks) * layout.size
        tasks = bytearray()
        for task in self.tasks:
            tasks += layout.pack(
                task.func_addr, arguments_addr + len(arguments), len(task.args), task.repeat, 0, 0, 0
            )
            words = (*task.args, *[0] * task.result_slots)
            arguments += b"".join(word.to_bytes(self.word_bytes, "little") for word in words)
        return HEADER.pack(len(self.tasks), 0, 0, 0) + bytes(tasks) + bytes(arguments)

    @property
    def reply_bytes(self) -> int:
        """Bytes to read back after a run: up to the tasks, or all if a call returns a value."""
        if any(task.result_slots for task in self.tasks):
            return self.bytes_with()
        return HEADER.size + len(self.tasks) * self.task_bytes

    def decode(self, data: bytes) -> list[TaskReply]:
        """Cycles, status and returned bytes of each task."""
        layout = _TASKS[self.word_bytes]
        replies = []
        position = HEADER.size + len(self.tasks) * layout.size
        for index, task in enumerate(self.tasks):
            fields = layout.unpack_from(data, HEADER.size + index * layout.size)
            position += len(task.args) * self.word_bytes
            end = position + task.result_slots * self.word_bytes
            replies.append(TaskReply(cycles=fields[4], status=fields[5], returned=data[position:end]))
            position = end
        return replies


@dataclass(frozen=True)
class TaskReply:
    """What the device wrote into one task."""

    cycles: int
    status: int
    returned: bytes
