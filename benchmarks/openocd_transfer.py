"""Bulk transfer through the real OpenOCD to the virtual board: python benchmarks/openocd_transfer.py

Prints KB/s (1 KB = 1000 bytes of the board's memory) for every way OpenOCD has. The board, OpenOCD and this program are
three processes that wait for each other, so other work on the machine costs much: compare the best.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from utvm.transports.openocd_virtual import OpenOcdVirtualTransport

RAM_ADDR = 0x2000_0000
SIZE_BYTES = 300_000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Throughput of OpenOCD on the virtual STM32F746.")
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    data = random.Random(1).randbytes(SIZE_BYTES)
    openings = [_seconds(lambda: OpenOcdVirtualTransport().close()) for _ in range(rounds)]
    print(f"{'open and close':24}  best {min(openings):6.2f} s")
    with OpenOcdVirtualTransport() as board, tempfile.TemporaryDirectory() as folder:
        image, dump = Path(folder) / "image.bin", Path(folder) / "dump.bin"
        image.write_bytes(data)
        ways: dict[str, Callable[[], object]] = {
            "write (write_memory)": lambda: board.write(RAM_ADDR, data),
            "read (read_memory)": lambda: board.read(RAM_ADDR, SIZE_BYTES),
            "load_image from a file": lambda: board.command(f"load_image {image} {RAM_ADDR:#x} bin", timeout_s=60),
            "dump_image to a file": lambda: board.command(
                f"dump_image {dump} {RAM_ADDR:#x} {SIZE_BYTES}", timeout_s=60
            ),
        }
        for name, run in ways.items():
            seconds = sorted(_seconds(run) for _ in range(rounds))
            best, median = seconds[0], seconds[len(seconds) // 2]
            print(f"{name:24}  best {SIZE_BYTES / best / 1e3:6.0f} KB/s   median {SIZE_BYTES / median / 1e3:6.0f} KB/s")
        board.write(RAM_ADDR, bytes.fromhex("7047"))
        call = min(
            _seconds(lambda: board.execute(RAM_ADDR | 1, 1.0, stop_addr=RAM_ADDR + 0x100, stack_addr=RAM_ADDR + 0x1000))
            for _ in range(10 * rounds)
        )
        print(f"{'execute, nothing to do':24}  best {call * 1e3:6.1f} ms")


def _seconds(run: Callable[[], object]) -> float:
    start = time.monotonic()
    run()
    return time.monotonic() - start


if __name__ == "__main__":
    main()
