"""The `monitor` commands of the virtual board."""

from __future__ import annotations

from utvm.virtual_board.target import DebugTarget

HELP = """reset, reset halt   reset core and peripherals, and halt at the reset vector (memory is kept)
cycles              cycles and instructions since power-up
faults              the fault status registers
help                this list
"""


def run_monitor(command: str, target: DebugTarget) -> str:
    """The text a monitor command prints; an unknown command prints the list of those there are."""
    words = command.split()
    if words[:1] == ["reset"]:
        target.reset()
        return f"reset; halted at {target.read_register('pc'):#010x}\n"
    if words == ["cycles"]:
        return f"cycles {target.cycles}\ninstructions {target.instructions}\n"
    if words == ["faults"]:
        return "".join(f"{name} {value:#010x}\n" for name, value in target.fault_registers().items())
    return HELP if words == ["help"] else f"no command {command!r}; there are:\n{HELP}"
