"""By what a debugger finds a core's debug units: the ROM table and the identification registers of each unit.

Offsets are those of the private peripheral bus. Arm's CoreSight architecture (IHI 0029) gives the layout, the cores'
technical reference manuals the part numbers.
"""

from __future__ import annotations

ROM_TABLE, DWT, BREAKPOINTS, CONTROL_SPACE = 0xF_F000, 0x1000, 0x2000, 0xE000
PERIPHERAL_IDS, COMPONENT_IDS = 0xFE0, 0xFF0
PERIPHERAL_ID4 = 0xFD0

_UNIT_BYTES = 0x1000
_PRESENT_WORDS = 0b11
_ROM_TABLE_CLASS, _GENERIC_CLASS = 0x1, 0xE
_ARM, _ARM_CONTINUATION = 0x3B, 0x4

# Part numbers of ROM table, system control space, DWT, and FPB or BPU. Armv8-M units are of another class.
_PARTS = {
    "cortex-m0": (0x471, 0x008, 0x00A, 0x00B),
    "cortex-m0plus": (0x4C0, 0x008, 0x00A, 0x00B),
    "cortex-m3": (0x4C3, 0x000, 0x002, 0x003),
    "cortex-m4": (0x4C4, 0x00C, 0x002, 0x003),
    "cortex-m7": (0x4C7, 0x00C, 0x002, 0x00E),
}


def has_rom_table(core: str) -> bool:
    """Whether the units of a core can be found by their numbers."""
    return core in _PARTS


def identification(core: str) -> dict[int, int]:
    """Words by offset: the whole ROM table, and the identification registers of the units; empty without a table."""
    if not has_rom_table(core):
        return {}
    units = (ROM_TABLE, CONTROL_SPACE, DWT, BREAKPOINTS)
    words = dict.fromkeys(range(ROM_TABLE, ROM_TABLE + _UNIT_BYTES, 4), 0)
    for index, unit in enumerate(units[1:]):
        words[ROM_TABLE + 4 * index] = (unit - ROM_TABLE) & 0xFFFF_F000 | _PRESENT_WORDS
    for unit, part in zip(units, _PARTS[core], strict=True):
        kind = _ROM_TABLE_CLASS if unit == ROM_TABLE else _GENERIC_CLASS
        peripheral = (part & 0xFF, (_ARM & 0xF) << 4 | part >> 8, 1 << 3 | _ARM >> 4, 0)
        component = (0x0D, kind << 4, 0x05, 0xB1)
        for index in range(4):
            words[unit + PERIPHERAL_IDS + 4 * index] = peripheral[index]
            words[unit + COMPONENT_IDS + 4 * index] = component[index]
            words[unit + PERIPHERAL_ID4 + 4 * index] = _ARM_CONTINUATION if index == 0 else 0
    return words
