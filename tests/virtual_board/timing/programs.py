"""Small programs on a core with a timing model, built from halfwords: no compiler is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from utvm.boards import Board, load_board
from utvm.virtual_board.engine import Engine
from utvm.virtual_board.memory import Memory
from utvm.virtual_board.timing import Timing, attach_timing, parse_timing
from utvm.virtual_board.timing.choice import MemoryTiming

FLASH = 0x0800_0000
CODE = FLASH + 0x1000
DATA = 0x2000_1000
BOARDS = {
    "cortex-m7": "stm32f746-disco",
    "cortex-m4": "nucleo-l4r5zi",
    "cortex-m33": "nucleo-u575zi-q",
    "cortex-m0plus": "nucleo-g0b1re",
}

NOP = (0xBF00,)
ADD_R0_R1_R2_WIDE = (0xEB01, 0x0002)
ADD_R3_R4_R5_WIDE = (0xEB04, 0x0305)
ADDS_R0_R1_R2 = (0x1888,)
MUL_R0_R1_R2 = (0xFB01, 0xF002)
MUL_R3_R1_R2 = (0xFB01, 0xF302)
LDR_R3_R7 = (0xF8D7, 0x3000)
LDR_R4_R7_4 = (0xF8D7, 0x4004)
LDR_R4_R7_8 = (0xF8D7, 0x4008)
LDR_R4_R6 = (0xF8D6, 0x4000)
STR_R5_R7 = (0xF8C7, 0x5000)
ADD_R0_R3_R1_WIDE = (0xEB03, 0x0001)


@dataclass
class Program:
    """A core that executes from CODE; r6 and r7 hold addresses of data."""

    engine: Engine
    memory: Memory
    timing: Timing
    end_addr: int

    def run(self, **registers: int) -> int:
        """Cycles from CODE to the end of the code."""
        values = {"r6": DATA + 0x100, "r7": DATA, "sp": DATA + 0x800, **registers}
        for name, value in values.items():
            self.engine.write(name, value)
        self.engine.write("pc", CODE)
        self.engine.write("xpsr", 1 << 24)
        before = self.engine.cycles
        self.engine.run()
        assert self.engine.read("pc") == self.end_addr
        return self.engine.cycles - before


def program(
    code: Sequence[int],
    timing: str = "cortex-m7",
    memory_timing: MemoryTiming = "zero-wait",
    board: Board | None = None,
) -> Program:
    """Code for the core of a timing model."""
    board = board or load_board(BOARDS[timing.partition(",")[0]])
    memory = Memory(board.regions)
    engine = Engine(board.core, memory, lambda _offset, _size: 0, lambda _offset, _size, _value: None)
    model = attach_timing(*engine.native, board, parse_timing(timing, board.core.name), memory_timing)
    memory.write(CODE, b"".join(halfword.to_bytes(2, "little") for halfword in code))
    end_addr = CODE + 2 * len(code)
    engine.set_exits({end_addr}, [end_addr])
    return Program(engine, memory, model, end_addr)


def cycles_each(once: Sequence[int], timing: str = "cortex-m7", **registers: int) -> float:
    """Cycles of one copy among many: the difference that 16 more copies make."""
    few = program([*once] * 16, timing).run(**registers)
    many = program([*once] * 32, timing).run(**registers)
    return (many - few) / 16
