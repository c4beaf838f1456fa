"""Where a core halts for its debugger: breakpoints, watchpoints, and the end of a step."""

from __future__ import annotations

from collections.abc import Iterable

from utvm.virtual_board.engine import Engine

WATCHPOINTS = 4


class Stops:
    """What a debugger has set on one core. Bit 0 of code addresses does not matter."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._breakpoints: set[int] = set()
        self._exits: set[int] = set()
        self._watchpoints: dict[int, tuple[int, int, str]] = {}

    def set_breakpoint(self, addr: int) -> None:
        """Halt before an instruction."""
        self._breakpoints.add(addr & ~1)

    def clear_breakpoint(self, addr: int) -> None:
        """Remove a breakpoint, if there is one."""
        self._breakpoints.discard(addr & ~1)

    def set_watchpoint(self, addr: int, size_bytes: int, access: str) -> bool:
        """Halt at a "read", "write" or any "access" of a range; False if all comparators are taken."""
        free = [index for index in range(WATCHPOINTS) if index not in self._watchpoints]
        if (addr, size_bytes, access) in self._watchpoints.values():
            return True
        if not free:
            return False
        self._watchpoints[free[0]] = (addr, size_bytes, access)
        self._engine.set_watchpoint(free[0], addr, size_bytes, reads=access != "write", writes=access != "read")
        return True

    def clear_watchpoint(self, addr: int, size_bytes: int, access: str) -> None:
        """Remove a watchpoint, if there is one."""
        for index, watched in list(self._watchpoints.items()):
            if watched == (addr, size_bytes, access):
                del self._watchpoints[index]
                self._engine.clear_watchpoint(index)

    def clear(self) -> None:
        """Remove everything."""
        self._breakpoints.clear()
        for watched in list(self._watchpoints.values()):
            self.clear_watchpoint(*watched)

    def at_breakpoints(self) -> None:
        """The core is about to run until a breakpoint."""
        self._set_exits(self._breakpoints, ())

    def at_end_of_step(self, pc: int, next_pc: int) -> None:
        """The core is about to execute the instruction at `pc`, and nothing behind it."""
        self._set_exits({next_pc}, (pc,))

    def is_at(self, pc: int) -> bool:
        """Whether the core halted because it came here."""
        return pc in self._exits

    def _set_exits(self, addresses: set[int], stale: Iterable[int]) -> None:
        """Translations of what is newly watched, or `stale`, are dropped: they would run through."""
        fresh = (addresses - self._exits).union(stale)
        if addresses != self._exits or fresh:
            self._engine.set_exits(addresses, fresh)
        self._exits = set(addresses)
