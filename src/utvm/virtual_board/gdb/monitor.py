"""The `monitor` commands of the virtual board."""

from __future__ import annotations

from utvm.virtual_board.profile import format_blocks
from utvm.virtual_board.target import DebugTarget

HELP = """reset, reset halt   reset core and peripherals, and halt at the reset vector (memory is kept)
cycles              cycles and instructions since power-up
timing              the timing model, the memory timing, and both in words
profile start       forget the last profile and count basic blocks from now on
profile stop        count no more
profile dump        a line for each basic block that ran: runs, instructions, cycles, and what they were lost to
cold                empty caches and untrained predictors, as after power-up
limit N             halt the core, as an interrupt does, when N more cycles have passed; `limit off` takes it back
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
    if words == ["timing"]:
        return f"timing {target.timing}\nmemory {target.memory_timing}\n{target.cycles_kind}\n"
    if words[:1] == ["profile"] and len(words) == 2:
        return _profile(words[1], target) or HELP
    if words == ["cold"]:
        target.forget_history()
        return "caches and predictors as after power-up\n"
    if words[:1] == ["limit"] and len(words) == 2 and (words[1] == "off" or words[1].isdigit()):
        target.limit_cycles(None if words[1] == "off" else int(words[1]))
        return f"limit {words[1]}\n"
    if words == ["faults"]:
        return "".join(f"{name} {value:#010x}\n" for name, value in target.fault_registers().items())
    return HELP if words == ["help"] else f"no command {command!r}; there are:\n{HELP}"


def _profile(action: str, target: DebugTarget) -> str | None:
    profiler = target.profiler
    if action == "dump":
        return format_blocks(profiler.blocks())
    if action == "start":
        profiler.start()
        return "profile started\n"
    if action == "stop":
        profiler.stop()
        return "profile stopped\n"
    return None
