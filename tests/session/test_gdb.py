"""Real gdb-multiarch on a program's image: it attaches, breaks in a kernel and reads a tensor."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.models import random_inputs
from utvm.boards import load_board
from utvm.codegen.program import PlacedTensor, Program
from utvm.compiler import compile_model, load_model
from utvm.demo import load_digits
from utvm.operators import run_reference
from utvm.rewrites import rewrite
from utvm.session.standalone import build_program_image
from utvm.toolchain import Image, find_compiler
from utvm.transports import VirtualBoardProcess

pytestmark = pytest.mark.gdb


def address(image: Image, tensor: PlacedTensor) -> int:
    return image.elf.symbol(f"utvm_arena_{tensor.region}").addr + tensor.offset


def run_gdb(image: Image, port: int, commands: list[str]) -> str:
    script = [f"target remote 127.0.0.1:{port}", "load", "monitor reset halt", *commands, "detach"]
    arguments = [part for command in script for part in ("-ex", command)]
    done = subprocess.run(
        ["gdb-multiarch", "-nx", "-batch", *arguments, str(image.path)], capture_output=True, text=True, timeout=120
    )
    return done.stdout + done.stderr


def restore(program: Program, image: Image, name: str, data: bytes, folder: Path) -> str:
    path = folder / "input.bin"
    path.write_bytes(data)
    return f"restore {path} binary {address(image, program.tensor(name)):#x}"


def test_break_in_a_kernel_and_read_its_result(tmp_path: Path) -> None:
    board = load_board("stm32f746-disco")
    model = load_model(load_digits().model_path)
    program = compile_model(model, board)
    image = build_program_image(program, board, tmp_path, find_compiler(board))
    inputs = random_inputs(model, 1)[0]
    first = program.calls[0]
    expected = run_reference(rewrite(model), inputs, keep=True)[first.outputs[0]].reshape(-1)[:16]
    tensor = program.tensor(first.outputs[0])
    name = program.inputs[0]
    process = VirtualBoardProcess(board.name)
    try:
        output = run_gdb(
            image,
            process.gdb_port,
            [
                "break UTVMMain",
                "continue",
                restore(program, image, name, inputs[name].tobytes(), tmp_path),
                f"break {first.kernel}",
                "continue",
                "info args",
                "finish",
                f"x/16db {address(image, tensor):#x}",
            ],
        )
    finally:
        process.close()
    assert re.search(rf"Breakpoint \d+, {first.kernel} \(", output), output
    assert "input = 0x" in output and "weights = 0x" in output, output
    rows = re.findall(r"^0x[0-9a-f]+[^:]*:((?:\s+-?\d+){8})$", output, re.MULTILINE)
    assert len(rows) >= 2, output
    read = np.array([int(value) for row in rows[-2:] for value in row.split()], dtype=np.int8)
    np.testing.assert_array_equal(read, expected)
