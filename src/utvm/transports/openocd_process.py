"""An OpenOCD of our own: start it for a board, wait until it serves, end it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from utvm.errors import ToolchainError, TransportError

START_TIMEOUT_S = 20.0
END_TIMEOUT_S = 2.0
POLL_S = 0.01
LOG_TAIL_BYTES = 8192
READ_BYTES = 1 << 16
_SERVING = re.compile(r"Listening on port (\d+) for tcl connections")
_EXAMINED = re.compile(r"target has \d+ breakpoints")


class OpenOcdProcess:
    """A running OpenOCD. It ends with `close`, and by itself when this process does.

    `configuration` is OpenOCD commands: adapter, transport, target. `tcl_port` 0 takes any free port; `port` is the one
    that was taken. Raises ToolchainError where there is no OpenOCD, and TransportError, with OpenOCD's messages, when
    it does not start or finds no target.
    """

    def __init__(
        self,
        configuration: Sequence[str],
        *,
        tcl_port: int = 0,
        start_timeout_s: float = START_TIMEOUT_S,
        executable: str = "openocd",
    ) -> None:
        self.command = openocd_command(find_openocd(executable), configuration, tcl_port)
        self.host = "127.0.0.1"
        self._log = b""
        # OpenOCD ends when its "telnet client" on standard input does: with us, even if we are killed.
        self._process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        self._reader = threading.Thread(target=self._keep_log, daemon=True, name="openocd log")
        self._reader.start()
        try:
            self.port = self._wait_until_ready(start_timeout_s)
        except TransportError:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def messages(self) -> str:
        """The end of what OpenOCD wrote."""
        return self._log.decode("utf-8", "replace").strip()

    def _keep_log(self) -> None:
        """OpenOCD logs every reply, so only the end is kept."""
        assert self._process.stderr is not None  # asked for above
        descriptor = self._process.stderr.fileno()
        while data := os.read(descriptor, READ_BYTES):
            self._log = (self._log + data)[-LOG_TAIL_BYTES:]

    def close(self) -> None:
        """End the process; may be called twice."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(END_TIMEOUT_S)
        if self._process.stderr is not None:
            self._process.stderr.close()

    def _wait_until_ready(self, timeout_s: float) -> int:
        deadline = time.monotonic() + timeout_s
        while True:
            messages = self.messages()
            serving, examined = _SERVING.search(messages), _EXAMINED.search(messages)
            if serving and examined:
                return int(serving[1])
            if not self.is_running:
                raise TransportError(f"OpenOCD did not start; it said:\n{messages}")
            if time.monotonic() > deadline:
                raise TransportError(
                    f"OpenOCD found no Cortex-M target within {timeout_s:g} s; check its configuration, and that the "
                    f"board is powered. It said:\n{messages}"
                )
            time.sleep(POLL_S)


def find_openocd(executable: str = "openocd") -> str:
    """The path of OpenOCD; ToolchainError says how to get it."""
    path = shutil.which(executable)
    if path is None:
        raise ToolchainError(
            f"{executable} is not on the PATH; install OpenOCD 0.12 or later (on Debian: apt install openocd)"
        )
    return path


def openocd_command(executable: str, configuration: Sequence[str], tcl_port: int) -> list[str]:
    """The command line that serves a configuration on a Tcl port, and nothing else."""
    ports = [f"tcl_port {tcl_port}", "telnet_port pipe", "gdb_port disabled"]
    return [executable, *(part for line in [*ports, *configuration] for part in ("-c", line))]


def virtual_board_configuration(jtag_place: str, target: str = "stm32f7x") -> list[str]:
    """Commands that reach a virtual board's JTAG door, at HOST:PORT or a Unix socket's path, with a target file."""
    host, colon, port = jtag_place.rpartition(":")
    place = (
        [f"remote_bitbang host {{{jtag_place}}}"]
        if "/" in jtag_place or not colon
        else [f"remote_bitbang host {host}", f"remote_bitbang port {port}"]
    )
    return [
        "adapter driver remote_bitbang",
        *place,
        f"source [find {Path('target') / target}.cfg]",
        # The file's handler sets the adapter's speed, which this driver cannot.
        f"{target}.cpu configure -event reset-start {{}}",
    ]
