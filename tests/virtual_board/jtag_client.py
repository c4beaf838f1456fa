"""A debugger of a few lines: scans through the characters of remote_bitbang."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

ABORT, DPACC, APACC, IDCODE, BYPASS = 0x8, 0xA, 0xB, 0xE, 0xF
BOUNDARY_BYPASS = 0x1F
CTRL_STAT, SELECT, RDBUFF = 0x4, 0x8, 0xC
CSW, TAR, DRW, BD0 = 0x00, 0x04, 0x0C, 0x10
STICKYERR = 1 << 5
POWER_UP = 0x5000_0000
WORDS_AUTO_INCREMENT, BYTES_PACKED, HALFWORDS_PACKED = 0x12, 0x20, 0x21
DHCSR, DCRSR, DCRDR = 0xE000_EDF0, 0xE000_EDF4, 0xE000_EDF8
KEY = 0xA05F_0000
S_HALT = 1 << 17


@dataclass
class JtagClient:
    """`exchange` takes characters and gives the replies to them."""

    exchange: Callable[[bytes], bytes]

    def clock(self, tms: int, tdi: int = 0) -> None:
        self.exchange(bytes([0x30 + 2 * tms + tdi, 0x34 + 2 * tms + tdi]))

    def go(self, *tms: int) -> None:
        for bit in tms:
            self.clock(bit)

    def reset(self) -> None:
        self.go(1, 1, 1, 1, 1, 0)

    def shift(self, value: int, bits: int) -> int:
        """From a shift state; ends in the matching Exit1 state."""
        captured = 0
        for index in range(bits):
            pins = 2 * (index == bits - 1) + (value >> index & 1)
            captured |= (self.exchange(bytes([0x30 + pins]) + b"R" + bytes([0x34 + pins])) == b"1") << index
        return captured

    def scan_ir(self, value: int, bits: int = 9) -> int:
        self.go(1, 1, 0, 0)
        captured = self.shift(value, bits)
        self.go(1, 0)
        return captured

    def scan_dr(self, value: int, bits: int) -> int:
        self.go(1, 0, 0)
        captured = self.shift(value, bits)
        self.go(1, 0)
        return captured

    def access(self, instruction: int, offset: int, value: int | None) -> tuple[int, int]:
        """One scan of DPACC or APACC with the second TAP in bypass; (data, ACK) of the request before."""
        self.scan_ir(BOUNDARY_BYPASS << 4 | instruction)
        request = (value or 0) << 3 | offset >> 1 & 6 | (value is None)
        captured = self.scan_dr(request, 36) & (1 << 35) - 1
        return captured >> 3, captured & 7

    def read_dp(self, offset: int) -> int:
        self.access(DPACC, offset, None)
        return self.access(DPACC, RDBUFF, None)[0]

    def write_dp(self, offset: int, value: int) -> None:
        self.access(DPACC, offset, value)

    def read_ap(self, offset: int) -> int:
        self.write_dp(SELECT, offset & 0xF0)
        self.access(APACC, offset & 0xF, None)
        return self.access(DPACC, RDBUFF, None)[0]

    def write_ap(self, offset: int, value: int) -> None:
        self.write_dp(SELECT, offset & 0xF0)
        self.access(APACC, offset & 0xF, value)

    def read_word(self, addr: int) -> int:
        self.write_ap(CSW, 0x02)
        self.write_ap(TAR, addr)
        return self.read_ap(DRW)

    def write_word(self, addr: int, value: int) -> None:
        self.write_ap(CSW, 0x02)
        self.write_ap(TAR, addr)
        self.write_ap(DRW, value)

    def read_register(self, selector: int) -> int:
        self.write_word(DCRSR, selector)
        return self.read_word(DCRDR)

    def write_register(self, selector: int, value: int) -> None:
        self.write_word(DCRDR, value)
        self.write_word(DCRSR, 1 << 16 | selector)

    def wait_halted(self) -> int:
        for _ in range(500):
            state = self.read_word(DHCSR)
            if state & S_HALT:
                return state
        raise AssertionError(f"the core does not halt: DHCSR is {state:#x}")
