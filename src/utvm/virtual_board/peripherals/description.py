"""The form of a chip's table in data/*.toml, and how it is found."""

from __future__ import annotations

import sys
from functools import cache
from importlib import resources
from typing import Literal

from pydantic import Field, model_validator

from utvm.boards.parts import Strict

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PERIPHERAL_BYTES = 0x400
_ADDR = Field(ge=0, lt=1 << 32, multiple_of=PERIPHERAL_BYTES)


class Follow(Strict):
    """Bits that read as others do: `width` of them at `bit` as those at `of`, of the same register or of `source`."""

    bit: int = Field(ge=0, lt=32)
    of: int = Field(ge=0, lt=32)
    width: int = Field(default=1, ge=1, le=16)
    source: str | None = None


class Register(Strict):
    """A register that keeps what is written, but for the bits named here."""

    name: str
    offset: int = Field(ge=0, lt=PERIPHERAL_BYTES, multiple_of=4)
    reset: int = Field(default=0, ge=0, lt=1 << 32)
    ones: int = Field(default=0, ge=0, lt=1 << 32)
    """Bits that always read as one."""
    zeros: int = Field(default=0, ge=0, lt=1 << 32)
    """Bits that always read as zero."""
    follows: tuple[Follow, ...] = Field(default=(), strict=False)


class Peripheral(Strict):
    """A window of 1 KB. Registers that are not listed keep what is written, and are zero after a reset."""

    name: str
    base_addr: int = _ADDR
    kind: Literal["registers", "uart", "flash-f7"] = "registers"
    registers: tuple[Register, ...] = Field(default=(), strict=False)

    @model_validator(mode="after")
    def _check(self) -> Peripheral:
        names = [register.name for register in self.registers]
        for register in self.registers:
            for follow in register.follows:
                if follow.source is not None and follow.source not in names:
                    raise ValueError(f"{self.name}.{register.name} follows {follow.source}, which is not listed")
        return self


class Ports(Strict):
    """GPIO ports A, B, C, ... in windows that follow each other; `modes` are MODER after a reset, of all others 0."""

    base_addr: int = _ADDR
    count: int = Field(ge=1, le=16)
    modes: tuple[int, ...] = Field(default=(), strict=False)
    other_modes: int = 0


class Constant(Strict):
    """A word that can only be read: identity codes."""

    addr: int = Field(ge=0, lt=1 << 32, multiple_of=4)
    value: int = Field(ge=0, lt=1 << 32)


class ChipDescription(Strict):
    """A family of chips. `console` is the UART that a board's debug probe shows as a virtual COM port."""

    chips: tuple[str, ...] = Field(min_length=1, strict=False)
    reference: str
    interrupts: int = Field(ge=1, le=480)
    console: str
    ports: Ports
    peripherals: tuple[Peripheral, ...] = Field(min_length=1, strict=False)
    constants: tuple[Constant, ...] = Field(default=(), strict=False)

    @model_validator(mode="after")
    def _check(self) -> ChipDescription:
        names = [peripheral.name for peripheral in self.peripherals]
        if len(set(names)) != len(names):
            raise ValueError("two peripherals share a name")
        if not any(item.name == self.console and item.kind == "uart" for item in self.peripherals):
            raise ValueError(f"console {self.console!r} is no uart of this chip")
        return self


@cache
def describe_all() -> tuple[ChipDescription, ...]:
    """Every chip family that comes with µTVM."""
    data = resources.files(__package__) / "data"
    items = sorted((item for item in data.iterdir() if item.name.endswith(".toml")), key=lambda item: item.name)
    return tuple(ChipDescription.model_validate(tomllib.loads(item.read_text(encoding="utf-8"))) for item in items)


def describe(chip: str) -> ChipDescription | None:
    """The description of a chip by its full name, as board files have it; None if its peripherals are not known."""
    return next((item for item in describe_all() if chip.startswith(item.chips)), None)
