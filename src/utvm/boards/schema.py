"""The board file: what µTVM must know of a microcontroller, checked when it is read."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Region(_Strict):
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


class Core(_Strict):
    """The processor core and the optional parts of its instruction set."""

    name: Literal[
        "cortex-m0", "cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "rv32imac"
    ]
    cpuid: int | None = None
    fpu: Literal["fpv4-sp-d16", "fpv5-sp-d16", "fpv5-d16"] | None = None
    dsp: bool = False
    mve: bool = False
    cycle_counter: Literal["dwt", "systick", "mcycle"]


class Placement(_Strict):
    """Which region holds which part of a standalone image; the arena takes regions in order of preference."""

    code: str
    constants: str
    data: str
    stack: str
    arena: tuple[str, ...] = Field(min_length=1)
    stack_bytes: int = Field(ge=256)


class Toolchain(_Strict):
    """Compiler flags per compiler family."""

    gcc_prefix: str
    gcc_flags: tuple[str, ...]
    zig_target: str
    zig_cpu: str


class Board(_Strict):
    """A microcontroller board. Addresses in bytes, clocks in hertz."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: str
    chip: str
    vendor_url: str
    core: Core
    clock_hz: int = Field(gt=0)
    regions: tuple[Region, ...] = Field(min_length=1)
    placement: Placement
    toolchain: Toolchain

    def region(self, name: str) -> Region:
        """The region of that name; KeyError if there is none."""
        for region in self.regions:
            if region.name == name:
                return region
        raise KeyError(name)

    @model_validator(mode="after")
    def _check(self) -> Board:
        names = [region.name for region in self.regions]
        if len(set(names)) != len(names):
            raise ValueError(f"regions: two regions share a name: {sorted(names)}")
        ordered = sorted(self.regions, key=lambda region: region.base_addr)
        for low, high in zip(ordered, ordered[1:], strict=False):
            if low.end_addr > high.base_addr:
                raise ValueError(
                    f"regions: {low.name} ends at {low.end_addr:#x}, inside {high.name} at {high.base_addr:#x}"
                )
        for region in self.regions:
            if region.end_addr > 1 << 32:
                raise ValueError(f"regions.{region.name}: ends above the 32-bit address space")
        used = {
            "code": (self.placement.code,),
            "constants": (self.placement.constants,),
            "data": (self.placement.data,),
            "stack": (self.placement.stack,),
            "arena": self.placement.arena,
        }
        for key, regions in used.items():
            for name in regions:
                if name not in names:
                    raise ValueError(f"placement.{key}: no region is named {name!r}; there are {', '.join(names)}")
                if key in ("data", "stack", "arena") and self.region(name).kind != "ram":
                    raise ValueError(f"placement.{key}: region {name!r} is not RAM")
        if not self.region(self.placement.code).executable:
            raise ValueError(f"placement.code: region {self.placement.code!r} is not executable")
        if self.placement.stack_bytes > self.region(self.placement.stack).size_bytes:
            raise ValueError(f"placement.stack_bytes: larger than region {self.placement.stack!r}")
        return self
