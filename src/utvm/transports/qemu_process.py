"""A running QEMU with a machine that waits for its debugger."""

from __future__ import annotations

import contextlib
import resource
import shutil
import socket
import subprocess
import tempfile

from utvm.boards import Qemu
from utvm.errors import TransportError

END_TIMEOUT_S = 2.0
STDERR_TAIL_CHARS = 4000
PACKAGES = {"qemu-system-arm": "qemu-system-arm", "qemu-system-riscv32": "qemu-system-misc"}


class QemuProcess:
    """QEMU, halted before its first instruction, with a GDB server on a port of its own.

    It ends with `close`, and by itself when this process does.
    """

    host = "127.0.0.1"

    def __init__(self, machine: Qemu) -> None:
        program = shutil.which(machine.emulator)
        if program is None:
            raise TransportError(
                f"{machine.emulator} is not on the PATH; install QEMU (Debian: {PACKAGES[machine.emulator]})"
            )
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
        # The listening socket is made here and handed over, so that no other process can take its port in between.
        with socket.create_server((self.host, 0)) as listener:
            self.port: int = listener.getsockname()[1]
            self._process = subprocess.Popen(
                [program, *qemu_arguments(machine, listener.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._stderr,
                pass_fds=(listener.fileno(),),
            )
        # QEMU does not notice when we are killed; this shell does, by the end of its input, and then kills QEMU.
        self._watchdog = subprocess.Popen(
            ["/bin/sh", "-c", 'read line; kill -9 "$0"', str(self._process.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with contextlib.suppress(OSError, AttributeError):  # a lockup aborts QEMU; nobody wants its memory on disk
            resource.prlimit(self._process.pid, resource.RLIMIT_CORE, (0, 0))

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def has_ended(self, timeout_s: float = END_TIMEOUT_S) -> bool:
        """Whether the process ends within that time."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_s)
        return not self.is_running

    def messages(self) -> str:
        """The end of what the process wrote to standard error."""
        if self._stderr.closed:
            return ""
        self._stderr.seek(0)
        return self._stderr.read().decode("utf-8", "replace")[-STDERR_TAIL_CHARS:].strip()

    def close(self) -> None:
        """End the process; may be called twice."""
        self._watchdog.kill()
        self._watchdog.wait()
        if self._watchdog.stdin is not None:
            self._watchdog.stdin.close()
        self._process.kill()
        self._process.wait()
        self._stderr.close()


def qemu_arguments(machine: Qemu, listener_fd: int) -> list[str]:
    """Arguments of QEMU for the machine, its GDB server on the listening socket `listener_fd`."""
    arguments = ["-M", machine.machine, "-display", "none", "-monitor", "none", "-serial", "null", "-S"]
    if machine.memory is not None:
        arguments += ["-m", machine.memory]
    if machine.emulator == "qemu-system-riscv32":
        arguments += ["-bios", "none"]
    # Virtual time follows the instructions, so that counts are the same in every run.
    arguments += ["-icount", f"shift={machine.icount_shift},sleep=off"]
    return [
        *arguments,
        "-chardev",
        f"socket,id=gdb,fd={listener_fd},server=on,wait=off,nodelay=on",
        "-gdb",
        "chardev:gdb",
    ]
