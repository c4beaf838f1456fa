"""The one error tree. A message says what happened, where, and what to try."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class UtvmError(Exception):
    """Base of every error a user can cause or meet; the command line prints it without a traceback."""


class UsageError(UtvmError):
    """The caller asked for something that does not exist or does not fit together."""


class BoardError(UtvmError):
    """A board file is missing, malformed or contradictory."""


class ModelError(UtvmError):
    """A model graph is inconsistent: shapes, types, order or constants."""


class ImportModelError(UtvmError):
    """A model file is truncated, corrupted or not of the announced format."""


@dataclass(frozen=True)
class UnsupportedOperator:
    """One operator of a model file that cannot be imported, and why."""

    operator: str
    node: str
    version: int
    dtypes: str
    reason: str

    def __str__(self) -> str:
        return f"{self.operator} v{self.version} at {self.node} ({self.dtypes}): {self.reason}"


class UnsupportedModelError(UtvmError):
    """A well-formed model uses operators that are not supported; lists all of them at once."""

    def __init__(self, source: str, unsupported: Sequence[UnsupportedOperator]) -> None:
        self.unsupported = tuple(unsupported)
        lines = "\n".join(f"  {item}" for item in self.unsupported)
        super().__init__(
            f"{source}: {len(self.unsupported)} operator(s) are not supported:\n{lines}\n"
            "Quantize the model to int8 where it is not, and replace what is left in the network."
        )


class OutOfMemoryError(UtvmError):
    """A model does not fit a board; names the shortage and the largest tensors or constants."""


class OutOfDeviceMemory(OutOfMemoryError):
    """No room on the device for a tensor or module; names the sizes and what holds the rest."""


class CodegenError(UtvmError):
    """An operator could not be lowered to C."""


class ScheduleError(UtvmError):
    """A schedule is malformed or illegal for its operator or core; names the knob."""


class LibraryError(UsageError):
    """A library of the user's kernels is missing files, malformed, or lacks what its templates call."""


class TuningEngineError(UtvmError):
    """The process of a search engine ended or does not answer; says how it ended and what it said last."""


class ToolchainError(UtvmError):
    """No compiler for a board, or a compile or link that failed; carries the command and its messages."""

    def __init__(self, message: str, command: Sequence[str] = (), output: str = "") -> None:
        self.command = tuple(command)
        self.output = output
        super().__init__(message)


class ProgramError(UtvmError):
    """A saved program folder is missing files, malformed or from another version."""


class ExportError(UtvmError):
    """A library or project could not be written: the folder holds something else, or files were changed since."""


class TransportError(UtvmError):
    """A board could not be reached, or its answer could not be understood."""


class TransportTimeout(TransportError):
    """A board did not answer or stop in time; the transport can be reset and used again."""


class ArenaEnded(TransportError):
    """The process of the host arena has ended: `status` is its exit status, negative for a signal."""

    def __init__(self, message: str, status: int | None) -> None:
        self.status = status
        super().__init__(message)


class VirtualBoardError(UtvmError):
    """The virtual board could not be started or ended unexpectedly."""


class DeviceFault(UtvmError):
    """Code on the board faulted; carries the registers and the decoded cause."""

    def __init__(self, message: str, registers: dict[str, int] | None = None) -> None:
        self.registers = dict(registers or {})
        super().__init__(message)


class KernelError(UtvmError):
    """A kernel ended with a status other than 0, its own or one of the device runtime; carries it as `status`."""

    def __init__(self, message: str, status: int) -> None:
        self.status = status
        super().__init__(message)


class CycleLimitError(UtvmError):
    """Code ran for more cycles than it was given."""


class MismatchError(UtvmError):
    """An answer differs from the reference."""
