"""Calls on their way to the device: the host's copy of `UTVMQueue`, encoded and decoded."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from utvm.session.call import Call
from utvm.session.signatures import CType
from utvm.session.tensor import Tensor

HEADER = struct.Struct("<IIiI")
"""num_tasks, current, error, detail."""

_TASKS = {4: struct.Struct("<IIII"), 8: struct.Struct("<QQII")}
"""UTVMTask: func, args, num_args, repeat; by word size."""

_RESULT = struct.Struct("<Qi")
"""UTVMResult: cycles, status."""


@dataclass(frozen=True)
class Task:
    """One queued call. `operands` are (address, bytes) ranges of memory that it may use, None for any memory.

    `keeps` holds the tensors of its arguments alive; what it returns, of type `result`, takes `result_slots` words
    behind the arguments.
    """

    call: Call
    func_addr: int
    args: tuple[int, ...]
    repeat: int
    operands: tuple[tuple[int, int], ...] | None
    keeps: tuple[Tensor, ...] = ()
    result: CType | None = None
    result_slots: int = 0
    shares_args: bool = False
    """Whether it leaves its argument array alone, so that calls with equal arguments can use one."""

    def touches(self, addr: int, size_bytes: int) -> bool:
        """Whether the call may use any byte of that memory."""
        if self.operands is None:
            return True
        return any(start < addr + size_bytes and addr < start + size for start, size in self.operands)


@dataclass(frozen=True)
class Outcome:
    """What the device wrote for one task."""

    cycles: int
    status: int
    returned: bytes


@dataclass(frozen=True)
class Reply:
    """The queue after a run: outcomes of the tasks that ran, the last of which may have failed."""

    outcomes: tuple[Outcome, ...]
    error: int
    detail: int


@dataclass
class TaskQueue:
    """Tasks as far as there is room for their results, and for them and their arguments, on the device."""

    result_capacity_bytes: int
    task_capacity_bytes: int
    word_bytes: int
    tasks: list[Task] = field(default_factory=list)
    _args_at: list[int] = field(default_factory=list)
    _shared: dict[tuple[int, ...], int] = field(default_factory=dict)
    _args_words: int = 0

    def has_room_for(self, task: Task) -> bool:
        """Whether the queue can take the task too."""
        count, words = len(self.tasks) + 1, self._args_words + self._new_words(task)
        return (
            self._bytes_of(count, words) <= self.task_capacity_bytes
            and count * _RESULT.size <= self.result_capacity_bytes
        )

    def append(self, task: Task) -> None:
        """Add a task for which there is room."""
        words = self._new_words(task)
        end = self._args_words
        self._args_at.append(self._shared.setdefault(task.args, end) if task.shares_args else end)
        self._args_words += words
        self.tasks.append(task)

    def touches(self, addr: int, size_bytes: int) -> bool:
        """Whether any queued call may use the memory."""
        return any(task.touches(addr, size_bytes) for task in self.tasks)

    def encode(self, addr: int) -> bytes:
        """Header, tasks and arguments as the device reads them at `addr`."""
        layout = _TASKS[self.word_bytes]
        args_addr = addr + HEADER.size + len(self.tasks) * layout.size
        tasks = bytearray()
        words = [0] * self._args_words
        for task, at in zip(self.tasks, self._args_at, strict=True):
            tasks += layout.pack(task.func_addr, args_addr + at * self.word_bytes, len(task.args), task.repeat)
            words[at : at + len(task.args)] = task.args
        arguments = b"".join(word.to_bytes(self.word_bytes, "little") for word in words)
        return HEADER.pack(len(self.tasks), 0, 0, 0) + bytes(tasks) + arguments

    def reply_extent(self) -> tuple[int, int]:
        """What to read back, in bytes before the header's address and from there on.

        That is results and header, and the arguments too if a call returns a value behind them.
        """
        returns = any(task.result_slots for task in self.tasks)
        size_bytes = self._bytes_of(len(self.tasks), self._args_words) if returns else HEADER.size
        return len(self.tasks) * _RESULT.size, size_bytes

    def decode(self, data: bytes) -> Reply:
        """The bytes of `reply_extent` after a run."""
        count = len(self.tasks)
        _, current, error, detail = HEADER.unpack_from(data, count * _RESULT.size)
        args_start = count * _RESULT.size + self._bytes_of(count, 0)
        outcomes = []
        for index, task in enumerate(self.tasks[: current + 1]):
            cycles, status = _RESULT.unpack_from(data, (count - 1 - index) * _RESULT.size)
            start = args_start + (self._args_at[index] + len(task.args)) * self.word_bytes
            outcomes.append(Outcome(cycles, status, data[start : start + task.result_slots * self.word_bytes]))
        return Reply(tuple(outcomes), error, detail)

    def _new_words(self, task: Task) -> int:
        if task.shares_args and task.args in self._shared:
            return 0
        return len(task.args) + task.result_slots

    def _bytes_of(self, count: int, args_words: int) -> int:
        return HEADER.size + count * _TASKS[self.word_bytes].size + args_words * self.word_bytes
