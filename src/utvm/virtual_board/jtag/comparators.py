"""The comparators a debugger programs: FPB for breakpoints, DWT for watchpoints."""

from __future__ import annotations

from utvm.boards import Core
from utvm.virtual_board.target import DebugTarget

FP_CTRL, FP_COMP = 0x2000, 0x2008
FP_ENABLE, FP_KEY = 1 << 0, 1 << 1
DWT_COMP, DWT_MASK, DWT_FUNCTION, DWT_STRIDE = 0x1020, 0x1024, 0x1028, 0x10
DWT_MATCHED = 1 << 24
DWT_COMPARATORS = 4
WATCH_ACCESS = {5: "read", 6: "write", 7: "access"}

# Number of code comparators and revision of the unit (0: addresses of the code region only).
BREAKPOINT_UNITS = {
    "cortex-m0": (4, 0), "cortex-m0plus": (4, 0), "cortex-m3": (6, 0), "cortex-m4": (6, 0),
    "cortex-m7": (8, 1), "cortex-m33": (8, 1),
}  # fmt: skip


class BreakpointUnit:
    """FPB registers (on small cores BPU). Offsets are those of the private peripheral bus."""

    def __init__(self, core: Core, target: DebugTarget) -> None:
        self._count, self._revision = BREAKPOINT_UNITS[core.name]
        self._target = target
        self._enabled = False
        self._comparators = [0] * self._count
        self._applied: set[int] = set()

    def contains(self, offset: int) -> bool:
        """Whether a register is of this unit."""
        return FP_CTRL <= offset < FP_COMP + 4 * self._count

    def read(self, offset: int) -> int:
        """A word register."""
        if offset == FP_CTRL:
            return self._revision << 28 | self._count << 4 | int(self._enabled)
        return self._comparators[(offset - FP_COMP) // 4] if offset >= FP_COMP else 0

    def write(self, offset: int, value: int) -> None:
        """A word register; the breakpoints follow at once."""
        if offset == FP_CTRL and value & FP_KEY:
            self._enabled = bool(value & FP_ENABLE)
        elif offset >= FP_COMP:
            self._comparators[(offset - FP_COMP) // 4] = value
        self.apply()

    def apply(self) -> None:
        """Set the target's breakpoints to what the comparators say."""
        wanted = {addr for value in self._comparators for addr in self._addresses(value)} if self._enabled else set()
        for addr in self._applied - wanted:
            self._target.clear_breakpoint(addr)
        for addr in wanted:
            self._target.set_breakpoint(addr)
        self._applied = wanted

    def _addresses(self, value: int) -> tuple[int, ...]:
        if not value & 1:
            return ()
        if self._revision:
            return (value & ~1,)
        base, replace = value & 0x1FFF_FFFC, value >> 30
        return ((), (base,), (base + 2,), (base, base + 2))[replace]


class WatchpointUnit:
    """DWT comparators of Armv7-M: address, mask, function."""

    def __init__(self, target: DebugTarget) -> None:
        self._target = target
        self._registers = dict.fromkeys(
            (base + DWT_STRIDE * i for i in range(DWT_COMPARATORS) for base in (DWT_COMP, DWT_MASK, DWT_FUNCTION)), 0
        )
        self._matched: set[int] = set()
        self._watched: set[tuple[int, int, str]] = set()

    def contains(self, offset: int) -> bool:
        """Whether a register is of this unit."""
        return offset in self._registers

    def read(self, offset: int) -> int:
        """A word register; reading a function register clears its MATCHED bit."""
        value = self._registers[offset]
        if offset in self._matched:
            self._matched.discard(offset)
            value |= DWT_MATCHED
        return value

    def write(self, offset: int, value: int) -> None:
        """A word register; the watchpoints follow at once."""
        is_mask = (offset - DWT_MASK) % DWT_STRIDE == 0
        self._registers[offset] = value & 0x1F if is_mask else value & ~DWT_MATCHED
        self.apply()

    def apply(self) -> None:
        """Set the target's watchpoints to what the comparators say."""
        watched = set()
        for index in range(DWT_COMPARATORS):
            comparator, size_bytes, function = self._comparator(index)
            if function in WATCH_ACCESS:
                watched.add((comparator, size_bytes, WATCH_ACCESS[function]))
        for old in self._watched - watched:
            self._target.clear_watchpoint(*old)
        for new in watched:
            self._target.set_watchpoint(*new)
        self._watched = watched

    def note_match(self, addr: int) -> None:
        """A watched address was accessed: its function register shows it."""
        for index in range(DWT_COMPARATORS):
            comparator, size_bytes, function = self._comparator(index)
            if function in WATCH_ACCESS and comparator - 7 <= addr < comparator + size_bytes:
                self._matched.add(DWT_FUNCTION + DWT_STRIDE * index)

    def _comparator(self, index: int) -> tuple[int, int, int]:
        offset = DWT_STRIDE * index
        size_bytes = 1 << self._registers[DWT_MASK + offset]
        base = self._registers[DWT_COMP + offset] & ~(size_bytes - 1) & 0xFFFF_FFFF
        return base, size_bytes, self._registers[DWT_FUNCTION + offset] & 0xF
