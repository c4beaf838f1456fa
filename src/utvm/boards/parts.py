"""The parts of a board: memory regions, core, placement and toolchain."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Strict(BaseModel):
    """Unknown keys and values of another type are errors. Tuples say strict=False, because TOML has only lists."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Region(Strict):
    """One contiguous memory of the board."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    base_addr: int = Field(ge=0, lt=1 << 32)
    size_bytes: int = Field(gt=0, lt=1 << 32)
    kind: Literal["flash", "ram"]
    executable: bool = True
    bus: Literal["tcm", "axi", "ahb"] = "ahb"

    @property
    def end_addr(self) -> int:
        """First address behind the region."""
        return self.base_addr + self.size_bytes

    def contains(self, addr: int, size_bytes: int = 1) -> bool:
        """Whether [addr, addr + size_bytes) lies inside the region."""
        return self.base_addr <= addr and addr + size_bytes <= self.end_addr


class Core(Strict):
    """The processor core and the optional parts of its instruction set."""

    name: Literal[
        "cortex-m0",
        "cortex-m0plus",
        "cortex-m3",
        "cortex-m4",
        "cortex-m7",
        "cortex-m33",
        "cortex-m55",
        "rv32imac",
        "host",
    ]
    cpuid: int | None = None
    fpu: Literal["fpv4-sp-d16", "fpv5-sp-d16", "fpv5-d16"] | None = None
    dsp: bool = False
    mve: bool = False
    cycle_counter: Literal["dwt", "systick", "mcycle", "clock"]


class Placement(Strict):
    """Which region holds which part of a standalone image; the arena takes regions in order of preference."""

    code: str
    constants: str
    data: str
    stack: str
    arena: tuple[str, ...] = Field(min_length=1, strict=False)
    stack_bytes: int = Field(ge=256)


class Toolchain(Strict):
    """Compiler flags per compiler family."""

    gcc_prefix: str
    gcc_flags: tuple[str, ...] = Field(strict=False)
    zig_target: str
    zig_cpu: str
