"""RAM and flash of MLPerf Tiny's models as exported firmware, beside published figures, as a table in Markdown.

    python benchmarks/firmware_sizes.py [--models DIR] [--board stm32f746-disco ...] > docs/sizes.md

The firmware is that of `utvm export --format cmake`: start-up code, library, and a main that runs a stored input, which
is not counted. The stack is the deepest use of one run on the virtual board.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utvm.boards import load_board
from utvm.codegen.limits import Limits
from utvm.codegen.program import Program
from utvm.compiler import compile_model, compile_portable, load_model
from utvm.export import ExportRequest, Sample, library_options, make_library
from utvm.export.firmware import build_firmware
from utvm.model import Model
from utvm.report.code_sizes import function_sizes
from utvm.runtime import stack_used_bytes
from utvm.toolchain import Elf, find_compiler
from utvm.transports import VirtualBoardTransport

MODELS = {
    "ad": "ad01_int8.tflite",
    "ic": "pretrainedResnet_quant.tflite",
    "kws": "kws_ref_model.tflite",
    "vww": "vww_96_int8.tflite",
}
# Sources: docs/models.md names the models; MLPerf Tiny v1.2 results (HALE) and v0.9 to v1.3 submissions (ST).
PUBLISHED_RAM = {
    "TFLM arena, reference kernels": (3984, 55984, 24272, 103680),
    "microTVM with CMSIS-NN": (1672, 66624, 17744, 65312),
    "HALE on the F746, .bss of the program": (31360, 64592, 16876, 83328),
    "ST on the H7A3, .data and .bss of the program": (17084, 71640, 31136, 131876),
}
PUBLISHED_FLASH = {
    "HALE on the F746, image with harness": (307220, 150676, 67060, 294140),
    "ST on the L4R5, image with harness": (303412, 192973, 82274, 109416),
}


@dataclass(frozen=True)
class Sizes:
    """Bytes of one firmware. `ram` is without the stack, `flash` without the stored sample."""

    arena: int
    ram: int
    stack: int
    kernels: int
    other_text: int
    flash: int


def build(program: Program, model: Model, board_name: str, folder: Path) -> Elf:
    """The firmware as the project's CMakeLists.txt builds it with gcc, or zig where there is none."""
    board = load_board(board_name)
    library = make_library(program, library_options(program, "net"))
    sample = Sample({name: np.zeros(model.tensors[name].shape, model.tensors[name].dtype) for name in model.inputs})
    return build_firmware(ExportRequest(library, board, sample), find_compiler(board), folder)


def measure(program: Program, model: Model, board_name: str) -> Sizes:
    """Build, run once, and add up."""
    with tempfile.TemporaryDirectory() as name:
        elf = build(program, model, board_name, Path(name))
    with VirtualBoardTransport(board_name) as board:
        board.load_image((segment.addr, segment.data) for segment in elf.segments)
        board.reset()
        board.resume([elf.symbol("UTVMDone").addr, elf.symbol("UTVMFault").addr], timeout_s=300)
        bottom, top = elf.symbol("utvm_stack_bottom").addr, elf.symbol("utvm_stack_top").addr
        stack = stack_used_bytes(board.read(bottom, top - bottom))
    text = elf.section(".utvm_boot").size_bytes + elf.section(".text").size_bytes
    names = [*(f"net_{kernel.name}" for kernel in program.kernels), *(f"net_{unit.name}" for unit in program.units)]
    kernels = sum(function_sizes(names, elf).values())
    data = elf.section(".data").size_bytes
    sample_bytes = sum(symbol.size_bytes for one, symbol in elf.symbols.items() if one.startswith("sample_"))
    return Sizes(
        arena=program.arena_bytes,
        ram=program.arena_bytes + data + elf.section(".bss").size_bytes,
        stack=stack,
        kernels=kernels,
        other_text=text - kernels,
        flash=text + elf.section(".rodata").size_bytes + data - sample_bytes,
    )


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=os.environ.get("UTVM_MODELS"))
    parser.add_argument("--board", nargs="+", default=["stm32f746-disco", "nucleo-l4r5zi"])
    arguments = parser.parse_args()
    if arguments.models is None:
        parser.error("give --models or set UTVM_MODELS (docs/models.md)")
    print("# RAM and flash of firmware\n")
    print("Made by benchmarks/firmware_sizes.py. Bytes, of MLPerf Tiny's models: ad, ic, kws, vww.\n")
    larger: list[str] = []
    for board in arguments.board:
        print(f"## {board}, by {find_compiler(load_board(board)).version}\n")
        print("| kernels | model | arena | RAM without stack | stack used | kernels | other code | flash |")
        print("|---|---|---|---|---|---|---|---|")
        for kind, compile_ in (("fast", compile_model), ("portable", compile_portable)):
            for column, (name, file) in enumerate(MODELS.items()):
                model = load_model(Path(arguments.models) / file)
                one = measure(compile_(model, load_board(board)), model, board)
                numbers = (one.arena, one.ram, one.stack, one.kernels, one.other_text, one.flash)
                print(f"| {kind} | {name} | {' | '.join(f'{number:,}' for number in numbers)} |")
                what = f"{name} on {board}, {kind} kernels"
                larger += _larger(f"{what}: RAM with stack", one.ram + one.stack, PUBLISHED_RAM, column)
                larger += _larger(f"{what}: flash", one.flash, PUBLISHED_FLASH, column)
                least = min(figures[column] for figures in PUBLISHED_FLASH.values())
                if one.flash > least:
                    limits = Limits(max_flash_bytes=least)
                    one = measure(compile_model(model, load_board(board), limits=limits), model, board)
                    numbers = (one.arena, one.ram, one.stack, one.kernels, one.other_text, one.flash)
                    print(f"| `--max-flash {least}` | {name} | {' | '.join(f'{number:,}' for number in numbers)} |")
        print()
    for title, table in (("RAM", PUBLISHED_RAM), ("Flash", PUBLISHED_FLASH)):
        print(f"## {title}, published\n\n| | ad | ic | kws | vww |\n|---|---|---|---|---|")
        for who, figures in table.items():
            print(f"| {who} | {' | '.join(f'{figure:,}' for figure in figures)} |")
        print()
    print("## Where ours is larger\n")
    print("\n".join(larger) if larger else "Nowhere.")
    print("\nFast kernels take scratch memory, wider weights and unrolled code. `--max-flash` chooses the fastest that")
    print("fit together, as in the row with the smallest published figure; `--kernels portable` does without them.")


def _larger(what: str, ours: int, published: Mapping[str, tuple[int, ...]], column: int) -> list[str]:
    return [
        f"- {what} {ours:,}, {who} {figures[column]:,}" for who, figures in published.items() if ours > figures[column]
    ]


if __name__ == "__main__":
    main()
