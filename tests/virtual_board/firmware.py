"""Small hand-assembled Thumb programs, and a machine to run them on without a process or a socket."""

from __future__ import annotations

from dataclasses import dataclass

from utvm.boards import load_board
from utvm.virtual_board.machine import Machine
from utvm.virtual_board.target import StopEvent

FLASH, DTCM, ITCM, SRAM1, SRAM2 = 0x0800_0000, 0x2000_0000, 0x0000_0000, 0x2001_0000, 0x2004_C000
CODE = FLASH + 0x200
STACK_TOP = 0x2001_0000
BKPT, NOP, SPIN, BX_LR, UNDEFINED, WFI = 0xBE00, 0xBF00, 0xE7FE, 0x4770, 0xDE00, 0xBF30
CPSID_I, CPSIE_I, SVC = 0xB672, 0xB662, 0xDF00


def movs(register: int, value: int) -> int:
    return 0x2000 | register << 8 | value


def adds(register: int, value: int) -> int:
    return 0x3000 | register << 8 | value


def subs(register: int, value: int) -> int:
    return 0x3800 | register << 8 | value


def ldr(target: int, base: int, offset: int = 0) -> int:
    return 0x6800 | offset // 4 << 6 | base << 3 | target


def store(source: int, base: int, offset: int = 0) -> int:
    return 0x6000 | offset // 4 << 6 | base << 3 | source


def bne(offset_bytes: int) -> int:
    """Branch, if not equal, by an offset from its own address."""
    return 0xD100 | (offset_bytes - 4) // 2 & 0xFF


def mov32(register: int, value: int) -> tuple[int, ...]:
    """MOVW and MOVT: four halfwords."""
    words = []
    for opcode, half in ((0xF240, value & 0xFFFF), (0xF2C0, value >> 16)):
        words += [opcode | half >> 12 | (half >> 11 & 1) << 10, (half >> 8 & 7) << 12 | register << 8 | half & 0xFF]
    return tuple(words)


VADD_F32 = (0xEE70, 0x0A20)  # vadd.f32 s1, s0, s1
VADD_F64 = (0xEE30, 0x0B00)  # vadd.f64 d0, d0, d0
ISB = (0xF3BF, 0x8F6F)
SDIV_R3_R1_R2 = (0xFB91, 0xF3F2)
ENABLE_FPU = (*mov32(0, 0xE000_ED88), *mov32(1, 0x00F0_0000), store(1, 0))
ENABLE_CYCLE_COUNTER = (
    *(*mov32(0, 0xE000_EDFC), *mov32(1, 1 << 24), store(1, 0)),
    *(*mov32(0, 0xE000_1000), movs(1, 1), store(1, 0)),
)


def assemble(*halfwords: int) -> bytes:
    return b"".join(halfword.to_bytes(2, "little") for halfword in halfwords)


def vectors(handlers: dict[int, int]) -> bytes:
    """A vector table: the stack, the reset vector, and handlers by exception number."""
    table = [STACK_TOP, CODE | 1] + [
        handlers.get(number, 0) | (1 if number in handlers else 0) for number in range(2, 16)
    ]
    return b"".join(word.to_bytes(4, "little") for word in table)


@dataclass
class Bench:
    """A machine with the debugger attached."""

    machine: Machine

    def load(self, *halfwords: int, handlers: dict[int, int] | None = None, addr: int = CODE) -> None:
        """Put code into memory and reset; handlers are addresses by exception number."""
        self.machine.write_memory(FLASH, vectors(handlers or {}))
        self.machine.write_memory(addr, assemble(*halfwords))
        self.machine.reset()

    def run(self, *halfwords: int, handlers: dict[int, int] | None = None) -> StopEvent:
        """Load code, run it from reset until it halts."""
        self.load(*halfwords, handlers=handlers)
        return self.machine.resume()

    def register(self, name: str) -> int:
        return self.machine.read_register(name)

    def word(self, addr: int) -> int:
        return int.from_bytes(self.machine.read_memory(addr, 4), "little")


def bench(board: str = "stm32f746-disco") -> Bench:
    machine = Machine(load_board(board))
    machine.attach()
    return Bench(machine)
