"""Queued calls run on the device: the queue filled, run, and its outcome given to the calls or raised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from utvm.errors import TransportError, TransportTimeout, UsageError, UtvmError
from utvm.session.arguments import decode_result
from utvm.session.device import Device
from utvm.session.failures import Code, fault_error, kernel_error, timeout_error
from utvm.session.task_queue import HEADER, Reply, Task, TaskQueue

_E = TypeVar("_E", bound=UtvmError)


class Runner:
    """Owns the queue. `code` says what is loaded; its modules are loaded again after a fault."""

    def __init__(self, device: Device, code: Code, word_bytes: int, timeout_s: float) -> None:
        self.device, self.code, self.timeout_s = device, code, timeout_s
        self._word_bytes = word_bytes
        self._queue = self._new_queue()

    @property
    def pending(self) -> Sequence[Task]:
        """What is queued."""
        return self._queue.tasks

    def add(self, task: Task) -> None:
        """Queue a task; a full queue is run first. Raises UsageError for one that no queue can hold."""
        if not self._queue.has_room_for(task):
            self.sync()
            if not self._queue.has_room_for(task):
                raise UsageError(
                    f"{task.call.name}: {len(task.args)} words of arguments do not fit the queue of "
                    f"{self._queue.task_capacity_bytes} bytes; open the session with a larger queue_bytes"
                )
        self._queue.append(task)

    def settle(self, addr: int, size_bytes: int) -> None:
        """Run what is queued if any of it may use the memory."""
        if self._queue.touches(addr, size_bytes):
            self.sync()

    def sync(self) -> None:
        """Run what is queued; see Session.sync."""
        queue, self._queue = self._queue, self._new_queue()
        if not queue.tasks:
            return
        try:
            faulty = self.device.run(queue.encode(self.code.sections.queue_addr), self.timeout_s)
            reply = queue.decode(self.device.read_queue(*queue.reply_extent())) if faulty is None else None
        except TransportTimeout as error:
            index = self._running(queue)
            raise self._given_up(
                queue, index, timeout_error(self.device, self.code, _name(queue, index), self.timeout_s)
            ) from error
        except TransportError as error:
            raise self._given_up(queue, 0, error) from None
        if faulty is not None:
            index = self._running(queue)
            raise self._given_up(queue, index, fault_error(self.device, self.code, _name(queue, index), faulty))
        if reply is not None:
            self._complete(queue, reply)

    def drop(self, reason: str) -> None:
        """Forget what is queued."""
        for task in self._queue.tasks:
            task.call.drop(reason)
        self._queue = self._new_queue()

    def recover(self) -> None:
        """Reset the board and load everything again."""
        self.device.recover(self.code.modules)

    def _new_queue(self) -> TaskQueue:
        sections = self.code.sections
        return TaskQueue(sections.result_bytes, sections.task_bytes, self._word_bytes)

    def _complete(self, queue: TaskQueue, reply: Reply) -> None:
        for index, (task, outcome) in enumerate(zip(queue.tasks, reply.outcomes, strict=False)):
            value = None if task.result is None else decode_result(task.result, outcome.returned)
            task.call.complete(outcome.cycles, outcome.status, value)
            if outcome.status == 0:
                continue
            later = queue.tasks[index + 1 :]
            for skipped in later:
                skipped.call.drop(f"the earlier call of {task.call.name} failed")
            error = kernel_error(self.device, self.code, task.call.name, outcome.status, len(later), reply)
            self.device.restore_canaries()
            raise error

    def _running(self, queue: TaskQueue) -> int:
        """Which task was running, as far as the board can tell."""
        try:
            current = HEADER.unpack(self.device.read_queue(0, HEADER.size))[1]
        except TransportError:
            return 0
        return min(int(current), len(queue.tasks) - 1)

    def _given_up(self, queue: TaskQueue, index: int, error: _E) -> _E:
        """The same error, after the queue was dropped and the board made usable again."""
        for position, task in enumerate(queue.tasks):
            task.call.drop(str(error) if position == index else f"the call of {_name(queue, index)} failed")
        try:
            self.recover()
        except TransportError as lost:
            error.args = (f"{error}. The board could not be recovered: {lost}",)
        return error


def _name(queue: TaskQueue, index: int) -> str:
    return queue.tasks[index].call.name
