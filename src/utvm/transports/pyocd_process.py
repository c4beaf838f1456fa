"""A running pyOCD with a GDB server: started for a board, waited for, ended."""

from __future__ import annotations

import contextlib
import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
import time

from utvm.errors import ToolchainError, TransportError

START_TIMEOUT_S = 30.0
END_TIMEOUT_S = 2.0
POLL_S = 0.02
LOG_TAIL_CHARS = 4000
_SERVING = re.compile(r"GDB server listening on port (\d+)")
_LOG_LINE = re.compile(r"^\d+ [DIWEC] ", re.MULTILINE)


class PyOcdProcess:
    """pyOCD on one probe. It ends with `close`, and by itself when this process does.

    `probe` is a probe's unique ID or a part of it, None for the only one there is; `target` is pyOCD's name of the
    chip, None to leave it to pyOCD: its configuration file, or what the probe tells of its board. Raises
    ToolchainError where there is no pyOCD, and TransportError, with pyOCD's messages, when it does not serve.
    """

    host = "127.0.0.1"

    def __init__(
        self, probe: str | None = None, target: str | None = None, *, start_timeout_s: float = START_TIMEOUT_S
    ) -> None:
        # Without --no-wait pyOCD waits for a probe for ever; without --persist it ends with the first connection.
        options = ["gdbserver", "--port", "0", "--telnet-port", "0", "--no-wait", "--persist"]
        options += [] if probe is None else ["--uid", probe]
        options += [] if target is None else ["--target", target]
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
        self._process = subprocess.Popen(
            [*find_pyocd(), *options], stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log
        )
        # pyOCD does not notice when we are killed; this shell does, by the end of its input, and then ends pyOCD.
        self._watchdog = subprocess.Popen(
            ["/bin/sh", "-c", 'read line; kill "$0"', str(self._process.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self.port = self._wait_until_serving(start_timeout_s)
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

    def has_ended(self, timeout_s: float) -> bool:
        """Whether the process ends within that time."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_s)
        return not self.is_running

    def messages(self) -> str:
        """The end of what pyOCD wrote."""
        if self._log.closed:
            return ""
        self._log.seek(0)
        text = self._log.read().decode("utf-8", "replace").strip()
        return _LOG_LINE.sub("", text)[-LOG_TAIL_CHARS:]

    def close(self) -> None:
        """End the process; may be called twice."""
        self._watchdog.kill()
        self._watchdog.wait()
        if self._watchdog.stdin is not None:
            self._watchdog.stdin.close()
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_TIMEOUT_S)
        self._process.kill()
        self._process.wait()
        self._log.close()

    def _wait_until_serving(self, timeout_s: float) -> int:
        deadline = time.monotonic() + timeout_s
        while True:
            ended = not self.is_running
            messages = self.messages()
            serving = _SERVING.search(messages)
            if serving:
                return int(serving[1])
            if ended or time.monotonic() > deadline:
                what = "did not start" if ended else f"served nothing within {timeout_s:g} s"
                raise TransportError(
                    f"pyOCD {what}; check that the probe is connected (`pyocd list`), that the board is powered, and "
                    f"that pyOCD knows the chip (`pyocd pack install CHIP`). It said:\n{messages or 'nothing'}"
                )
            time.sleep(POLL_S)


def find_pyocd() -> list[str]:
    """The command of pyOCD: of this Python, else of the PATH; ToolchainError says how to get it."""
    if importlib.util.find_spec("pyocd") is not None:
        return [sys.executable, "-m", "pyocd"]
    path = shutil.which("pyocd")
    if path is None:
        raise ToolchainError("pyOCD is not installed; `pip install 'utvm[pyocd]'` brings it")
    return [path]
