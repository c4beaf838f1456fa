"""Core registers by the numbers that DCRSR uses."""

from __future__ import annotations

from utvm.virtual_board.target import DebugTarget

_NAMES = {
    **{number: f"r{number}" for number in range(13)},
    **{13: "sp", 14: "lr", 15: "pc", 16: "xpsr", 17: "msp", 18: "psp", 33: "fpscr"},
}
_MASKS = 20  # CONTROL, FAULTMASK, BASEPRI and PRIMASK, one byte each from the top
_MASK_NAMES = {24: "control", 16: "faultmask", 8: "basepri", 0: "primask"}
_FIRST_SINGLE, _LAST_SINGLE = 64, 95


def read_selected(target: DebugTarget, selector: int) -> int:
    """The register's value; zero where the core has none."""
    names = target.register_names
    if selector == _MASKS:
        return sum(target.read_register(name) << shift for shift, name in _MASK_NAMES.items() if name in names)
    if _FIRST_SINGLE <= selector <= _LAST_SINGLE and "d0" in names:
        pair, half = divmod(selector - _FIRST_SINGLE, 2)
        return target.read_register(f"d{pair}") >> 32 * half & 0xFFFF_FFFF
    name = _NAMES.get(selector)
    return target.read_register(name) if name in names and name is not None else 0


def write_selected(target: DebugTarget, selector: int, value: int) -> None:
    """Set a register; nothing happens where the core has none."""
    names = target.register_names
    if selector == _MASKS:
        for shift, name in _MASK_NAMES.items():
            if name in names:
                target.write_register(name, value >> shift & 0xFF)
    elif _FIRST_SINGLE <= selector <= _LAST_SINGLE and "d0" in names:
        pair, half = divmod(selector - _FIRST_SINGLE, 2)
        other = target.read_register(f"d{pair}") & 0xFFFF_FFFF << 32 * (1 - half)
        target.write_register(f"d{pair}", other | value << 32 * half)
    else:
        single = _NAMES.get(selector)
        if single is not None and single in names:
            target.write_register(single, value)
