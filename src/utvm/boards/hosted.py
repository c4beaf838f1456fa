"""How a board is reached and used in a hosted session: the 2020 device description, every key optional."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from utvm.boards.parts import Core, Placement, Region, Strict

SECTIONS = ("text", "rodata", "data", "bss", "args", "heap", "workspace", "stack")
_MIN_STACK_BYTES = 256


class SectionSizes(Strict):
    """Explicit sizes of the session's sections, in bytes; what is not given is sized from the linked binary."""

    text: int | None = Field(default=None, gt=0)
    rodata: int | None = Field(default=None, gt=0)
    data: int | None = Field(default=None, gt=0)
    bss: int | None = Field(default=None, gt=0)
    args: int | None = Field(default=None, ge=128)
    heap: int | None = Field(default=None, gt=0)
    workspace: int | None = Field(default=None, ge=64)
    stack: int | None = Field(default=None, ge=_MIN_STACK_BYTES)


class Hosted(Strict):
    """Ways and memory of a hosted session. `code` and `heap` name RAM regions in order of preference."""

    word_size_bytes: Literal[4, 8] = 4
    thumb: bool | None = None
    comms: Literal["virtual", "arena", "qemu", "gdb", "openocd", "pyocd"] = "virtual"
    server_addr: str = "127.0.0.1"
    server_port: int | None = Field(default=None, gt=0, lt=1 << 16)
    pyocd_target: str | None = Field(default=None, min_length=1)
    """pyOCD's name of the chip, as `pyocd list --targets` and `pyocd pack find` give it."""
    code: tuple[str, ...] | None = Field(default=None, min_length=1, strict=False)
    heap: tuple[str, ...] | None = Field(default=None, min_length=1, strict=False)
    section_sizes: SectionSizes = SectionSizes()
    startup: str | None = None
    """Assembly that defines `Reset`: it sets the stack pointer to `utvm_stack_top` and jumps to `utvm_start`."""


def check_hosted(hosted: Hosted, core: Core, placement: Placement, regions: Mapping[str, Region]) -> None:
    """The regions exist and are RAM, the sizes fit, the addresses belong to the way. Messages start with the key."""
    for key, names in (("code", hosted.code or ()), ("heap", hosted.heap or ())):
        for name in names:
            if name not in regions:
                raise ValueError(f"hosted.{key}: no region is named {name!r}; there are {', '.join(regions)}")
            if regions[name].kind != "ram":
                raise ValueError(f"hosted.{key}: region {name!r} is not RAM")
            if key == "code" and not regions[name].executable:
                raise ValueError(f"hosted.code: region {name!r} is not executable")
        if len(set(names)) != len(names):
            raise ValueError(f"hosted.{key}: a region is named twice: {', '.join(names)}")
    is_thumb = core.name.startswith("cortex-m")
    if hosted.thumb is not None and hosted.thumb != is_thumb:
        raise ValueError(f"hosted.thumb: {core.name} runs {'only' if is_thumb else 'no'} Thumb code")
    if core.name.startswith(("cortex-m", "rv32")) and hosted.word_size_bytes != 4:
        raise ValueError(f"hosted.word_size_bytes: {core.name} has words of 4 bytes")
    if hosted.comms in ("gdb", "openocd") and hosted.server_port is None:
        raise ValueError(f"hosted.server_port: is needed for comms = {hosted.comms!r}")
    if hosted.startup is not None and "Reset" not in hosted.startup:
        raise ValueError("hosted.startup: must define the function Reset")
    _check_sizes(hosted.section_sizes, placement, regions)


def _check_sizes(sizes: SectionSizes, placement: Placement, regions: Mapping[str, Region]) -> None:
    ram_bytes = sum(region.size_bytes for region in regions.values() if region.kind == "ram")
    given = {name: getattr(sizes, name) for name in SECTIONS if getattr(sizes, name) is not None}
    for name, size_bytes in given.items():
        if name == "stack" and size_bytes > regions[placement.stack].size_bytes:
            raise ValueError(f"hosted.section_sizes.stack: larger than region {placement.stack!r}")
        if name in ("stack", "args", "workspace") and size_bytes % 8 != 0:
            raise ValueError(f"hosted.section_sizes.{name}: {size_bytes} is not a multiple of 8")
        if size_bytes > ram_bytes:
            raise ValueError(f"hosted.section_sizes.{name}: {size_bytes:,} bytes, but all RAM is {ram_bytes:,}")
    if sum(given.values()) > ram_bytes:
        listed = ", ".join(f"{name} {size:,}" for name, size in given.items())
        raise ValueError(f"hosted.section_sizes: {listed} are more than all RAM of {ram_bytes:,} bytes")
