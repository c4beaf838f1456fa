"""What GDB reads about a target: its registers and its memory map, as XML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from utvm.boards import Region

FLASH_BLOCK_BYTES = 1024
XPSR_NUMBER = 25
FIRST_OPTIONAL_NUMBER = 26
_CORE = [*(f"r{number}" for number in range(13)), "sp", "lr", "pc", "xpsr"]
_TYPES = {"sp": "data_ptr", "pc": "code_ptr", "msp": "data_ptr", "psp": "data_ptr"}


@dataclass(frozen=True)
class RemoteRegister:
    """A register in GDB's numbering."""

    number: int
    name: str
    size_bytes: int


def remote_registers(names: Sequence[str]) -> list[RemoteRegister]:
    """Numbers and sizes for a target's registers, in the order of the `g` packet."""
    registers = []
    optional = FIRST_OPTIONAL_NUMBER
    for name in names:
        if name in _CORE:
            number = XPSR_NUMBER if name == "xpsr" else _CORE.index(name)
        else:
            number, optional = optional, optional + 1
        registers.append(RemoteRegister(number, name, 8 if name[0] == "d" else 4))
    return registers


def target_xml(registers: Sequence[RemoteRegister]) -> str:
    """The target description: core registers, the floating-point unit if there is one, and the special registers."""
    features: dict[str, list[str]] = {}
    for register in registers:
        if register.name in _CORE:
            feature = "m-profile"
        else:
            feature = "vfp" if register.size_bytes == 8 or register.name == "fpscr" else "m-system"
        kind = "ieee_double" if register.size_bytes == 8 else _TYPES.get(register.name, "int")
        features.setdefault(feature, []).append(
            f'<reg name="{register.name}" bitsize="{8 * register.size_bytes}" '
            f'regnum="{register.number}" type="{kind}"/>'
        )
    body = "".join(
        f'<feature name="org.gnu.gdb.arm.{feature}">{"".join(lines)}</feature>' for feature, lines in features.items()
    )
    return (
        '<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd">'
        f'<target version="1.0"><architecture>arm</architecture>{body}</target>'
    )


def memory_map_xml(regions: Sequence[Region], register_windows: Sequence[tuple[int, int]]) -> str:
    """RAM, flash and registers; everything else is out of GDB's reach."""
    lines = []
    for region in regions:
        place = f'start="{region.base_addr:#x}" length="{region.size_bytes:#x}"'
        if region.kind == "flash":
            block = f'<property name="blocksize">{FLASH_BLOCK_BYTES:#x}</property>'
            lines.append(f'<memory type="flash" {place}>{block}</memory>')
        else:
            lines.append(f'<memory type="ram" {place}/>')
    lines += [f'<memory type="ram" start="{base:#x}" length="{size:#x}"/>' for base, size in register_windows]
    return (
        '<?xml version="1.0"?><!DOCTYPE memory-map PUBLIC "+//IDN gnu.org//DTD GDB Memory Map V1.0//EN" '
        f'"http://sourceware.org/gdb/gdb-memory-map.dtd"><memory-map>{"".join(lines)}</memory-map>'
    )
