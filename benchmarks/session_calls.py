"""What a session costs: opening it, and 1,000 calls of a small kernel, lazily and strictly.

    python benchmarks/session_calls.py [--calls 1000] [--strict-calls 200]

One line per way to a board; times are medians of the host's clock, with all compiler caches warm. The kernel increments
one word, so that almost all of the time is the session's and the transport's. Strict calls are timed on fewer calls and
scaled.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import time
from collections.abc import Callable

from utvm.session.session import Session
from utvm.transports import Transport
from utvm.transports.openocd_virtual import OpenOcdVirtualTransport

SOURCE = "#include <stdint.h>\nvoid increment(int32_t *x) { x[0] += 1; }\n"
WAYS: dict[str, tuple[str, Callable[[], Transport] | None]] = {
    "host arena": ("host", None),
    "virtual F746, GDB remote": ("stm32f746-disco", None),
    "virtual F746, OpenOCD (JTAG)": ("stm32f746-disco", OpenOcdVirtualTransport),
    "QEMU mps2-an500": ("qemu-mps2-an500", None),
}
NEEDED = {"virtual F746, OpenOCD (JTAG)": "openocd", "QEMU mps2-an500": "qemu-system-arm"}
ROUNDS = 5


def opening_s(board: str, connect: Callable[[], Transport] | None) -> float:
    """Seconds until a session is open, its transport's start included."""
    begin = time.perf_counter()
    with Session(board, transport=connect() if connect else None):
        return time.perf_counter() - begin


def calls_s(session: Session, calls: int, *, strict: bool) -> float:
    """Seconds for so many calls and their result."""
    increment = session.load(SOURCE)["increment"]
    x = session.tensor((1,), "int32")
    begin = time.perf_counter()
    for _ in range(calls):
        increment(x, strict=strict)
    result = int(x.numpy()[0])
    seconds = time.perf_counter() - begin
    if result != calls:
        raise SystemExit(f"{calls} calls counted to {result}")
    return seconds


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="The cost of sessions and calls.")
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--strict-calls", type=int, default=200)
    arguments = parser.parse_args()
    print(f"{'way':30} {'open s':>8} {'lazy s':>8} {'strict s':>9} {'ratio':>6}   ({arguments.calls} calls)")
    for way, (board, connect) in WAYS.items():
        if way in NEEDED and shutil.which(NEEDED[way]) is None:
            print(f"{way:30} {NEEDED[way]} is not installed")
            continue
        opening = statistics.median(opening_s(board, connect) for _ in range(ROUNDS))
        with Session(board, transport=connect() if connect else None) as session:
            lazy = statistics.median(calls_s(session, arguments.calls, strict=False) for _ in range(ROUNDS))
            strict = calls_s(session, arguments.strict_calls, strict=True) * arguments.calls / arguments.strict_calls
        print(f"{way:30} {opening:8.3f} {lazy:8.3f} {strict:9.3f} {strict / lazy:6.1f}")


if __name__ == "__main__":
    main()
