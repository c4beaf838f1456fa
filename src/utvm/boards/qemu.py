"""A board that is a machine of QEMU: which one, and the memory that its transport keeps for itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from utvm.boards.parts import Region, Strict

RESERVED_BYTES = 2048
"""Room at `reserved_addr`: exception vectors, a place where exceptions end, and code that prepares the core."""


class Qemu(Strict):
    """How QEMU emulates the board. `icount_shift` makes an instruction take 2^shift nanoseconds of virtual time."""

    emulator: Literal["qemu-system-arm", "qemu-system-riscv32"]
    machine: str = Field(pattern=r"^[a-z0-9.-]+$")
    memory: str | None = Field(default=None, pattern=r"^[0-9]+[MG]$")
    icount_shift: int = Field(ge=0, le=10)
    reserved_addr: int = Field(ge=0, lt=1 << 32, multiple_of=RESERVED_BYTES)


def check_qemu(qemu: Qemu | None, comms: str, regions: Sequence[Region]) -> None:
    """The reserved memory overlaps no region; what is reached through QEMU says how. Messages start with the key."""
    if qemu is None:
        if comms == "qemu":
            raise ValueError("qemu: is needed for hosted.comms = 'qemu'")
        return
    for region in regions:
        if region.base_addr < qemu.reserved_addr + RESERVED_BYTES and qemu.reserved_addr < region.end_addr:
            raise ValueError(f"qemu.reserved_addr: {qemu.reserved_addr:#x} lies inside region {region.name}")
