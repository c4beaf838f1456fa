"""What is left behind when a process with an open transport is killed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

WAIT_S = 5.0


def opened_by_a_process_that_is_killed(expression: str) -> int:
    """The id of the process behind a transport, made by `expression`, whose owner was then killed."""
    script = (
        "import os, signal\n"
        "from utvm.boards import load_board\n"
        "from utvm.transports import ArenaTransport, QemuTransport\n"
        f"transport = {expression}\n"
        "print(transport.process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, timeout=60, check=False)
    return int(done.stdout)


def has_gone(pid: int) -> bool:
    """Whether the process ends soon; one that nobody has collected counts as ended."""
    status = Path(f"/proc/{pid}/stat")
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        try:
            if status.read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.02)
    return False
