"""Assemble code and run it on an emulated core, without a board's peripherals around it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from utvm.boards import Board, load_board
from utvm.errors import ToolchainError
from utvm.toolchain.elf import read_elf
from utvm.virtual_board.engine import Engine
from utvm.virtual_board.memory import Memory
from utvm.virtual_board.timing import Timing, attach_timing, parse_timing
from utvm.virtual_board.timing.choice import MemoryTiming

BOARD_OF_MODEL = {
    "cortex-m7": "stm32f746-disco",
    "cortex-m4": "nucleo-l4r5zi",
    "cortex-m33": "nucleo-u575zi-q",
    "cortex-m0plus": "nucleo-g0b1re",
}
CODE_ADDR = 0x0800_0200
RETURN_ADDR = 0x0800_0100
STACK_BYTES = 0x3F00  # operands lie at its low end, static data above it
NOP = bytes.fromhex("00bf")
THUMB_STATE = 1 << 24


@dataclass(frozen=True)
class Code:
    """Bytes at their address, and where its functions are."""

    segments: tuple[tuple[int, bytes], ...]
    symbols: Mapping[str, int]


@dataclass
class Bench:
    """One core, whose memories hold a program. Calls share caches and predictors, as on hardware."""

    code: Code
    board: Board
    timing: str | None = None
    memory_timing: MemoryTiming = "zero-wait"
    memory: Memory = field(init=False)
    engine: Engine = field(init=False)
    model: Timing = field(init=False)

    def __post_init__(self) -> None:
        self.memory = Memory(self.board.regions)
        self.engine = Engine(
            self.board.core, self.memory, lambda _offset, _size: 0, lambda _offset, _size, _value: None
        )
        choice = parse_timing(self.timing, self.board.core.name)
        self.model = attach_timing(*self.engine.native, self.board, choice, self.memory_timing)
        for addr, data in self.code.segments:
            self.memory.write(addr, data)
        # A branch is paid for where it leads: a NOP behind the return makes it count.
        self.memory.write(RETURN_ADDR, NOP)
        self.engine.set_exits({RETURN_ADDR + 2}, [RETURN_ADDR + 2])

    def call(self, function: str, registers: Mapping[str, int] | None = None, stacked: Sequence[int] = ()) -> int:
        """Cycles of one call, with its return. Registers not given are 0; `stacked` are words on the stack."""
        stack_addr = self.board.region(self.board.placement.stack).base_addr + STACK_BYTES
        self.memory.write(stack_addr, b"".join(word.to_bytes(4, "little") for word in stacked))
        for number in range(13):
            self.engine.write(f"r{number}", 0)
        self.engine.write("sp", stack_addr)
        self.engine.write("lr", RETURN_ADDR | 1)
        for name, value in (registers or {}).items():
            self.engine.write(name, value)
        self.engine.write("pc", self.code.symbols[function] & ~1)
        self.engine.write("xpsr", THUMB_STATE)
        before = self.engine.cycles
        self.engine.run()
        if self.engine.read("pc") != RETURN_ADDR + 2:
            raise ToolchainError(f"{function} stopped at {self.engine.read('pc'):#010x} instead of returning")
        return self.engine.cycles - before - 1


def board_for(model: str) -> Board:
    """A board with the core that a timing model is of."""
    return load_board(BOARD_OF_MODEL[model])


@cache
def assembler(gcc_first: bool = False) -> tuple[str, ...]:
    """The ziglang wheel's compiler, or with `gcc_first` arm-none-eabi-gcc where there is one."""
    gcc = shutil.which("arm-none-eabi-gcc")
    if gcc_first and gcc:
        return (gcc,)
    return (sys.executable, "-m", "ziglang", "cc")


def build(
    sources: Sequence[tuple[str, str | bytes]],
    board: Board,
    *,
    flags: Sequence[str] = (),
    gcc_first: bool = False,
    headers: Sequence[tuple[str, bytes]] = (),
) -> Code:
    """Compile and link sources, given as (file name, text), for the board's core at a fixed address.

    Raises ToolchainError with the compiler's words.
    """
    command = assembler(gcc_first)
    if command[0].endswith("gcc"):
        target: Sequence[str] = board.toolchain.gcc_flags
        libraries = ["-lgcc"]
    else:
        target = ("-target", board.toolchain.zig_target, f"-mcpu={board.toolchain.zig_cpu}", "-mthumb")
        libraries = []
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (*sources, *headers):
            data = content.encode() if isinstance(content, str) else content
            (Path(folder) / name).write_bytes(data)
        image = Path(folder) / "image.elf"
        script = Path(folder) / "image.ld"
        data_region = board.region(board.placement.data)
        script.write_text(
            f"SECTIONS {{ . = {CODE_ADDR:#x}; .text : {{ *(.text*) *(.rodata*) }} .ARM.exidx : {{ *(.ARM.ex*) }} "
            f". = {data_region.base_addr + 0x4000:#x}; .data : {{ *(.data*) *(.bss*) *(COMMON) }} }}\n",
            encoding="ascii",
        )
        done = subprocess.run(
            [
                *command, *target, *flags, "-nostdlib", "-ffreestanding", "-Wl,-e,0", f"-Wl,-T,{script}",
                "-o", str(image), *(str(Path(folder) / name) for name, _ in sources), *libraries,
            ],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise ToolchainError(f"{sources[0][0]} does not build:\n{done.stderr.strip()}")
        elf = read_elf(image)
    return Code(
        tuple((segment.addr, segment.data) for segment in elf.segments if segment.data),
        {name: symbol.addr for name, symbol in elf.symbols.items()},
    )
