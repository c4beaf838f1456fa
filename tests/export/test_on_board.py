"""The library with a board's own kernels: no warnings from the board's compilers, and two models in one arena."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.export.programs import STRICT, digits, library_of, write_files
from tests.models import FILES, benchmark_model, random_inputs
from utvm.boards import board_names, load_board
from utvm.compiler import compile_model
from utvm.export import Library
from utvm.export.board_files import board_files
from utvm.model import Array, Model
from utvm.operators import run_reference
from utvm.toolchain import find_compiler, read_elf
from utvm.transports import StopKind, VirtualBoardTransport

F746 = load_board("stm32f746-disco")
COMPILERS = [pytest.param("gcc", marks=pytest.mark.arm_gcc), "zig"]


def check_warnings(model: Model, board_name: str, prefer: str, folder: Path) -> None:
    board = load_board(board_name)
    library = library_of(compile_model(model, board), "net")
    place = write_files(library.files, folder)
    compiler = find_compiler(board, "gcc" if prefer == "gcc" else "zig")
    for name in library.sources:
        strict = STRICT if name.endswith(".c") else ()
        command = [*compiler.command, *compiler.flags, *strict, "-c", name, "-o", f"{name}.o"]
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("prefer", COMPILERS)
@pytest.mark.parametrize("board", board_names("virtual"))
def test_digits_under_strict_warnings(board: str, prefer: str, tmp_path: Path) -> None:
    check_warnings(digits(), board, prefer, tmp_path)


@pytest.mark.models
@pytest.mark.arm_gcc
@pytest.mark.parametrize("board", ["stm32f746-disco", "nucleo-g0b1re"])
@pytest.mark.parametrize("name", FILES)
def test_benchmark_models_under_strict_warnings(models_dir: Path, name: str, board: str, tmp_path: Path) -> None:
    check_warnings(benchmark_model(models_dir, name), board, "gcc", tmp_path)


def test_symbols_are_prefixed_in_assembly_too(tmp_path: Path) -> None:
    library = library_of(compile_model(digits(), F746), "net7")
    place = write_files(library.files, tmp_path)
    compiler = find_compiler(F746, "zig")
    if shutil.which("nm") is None:
        pytest.skip("no nm on this machine")
    for name in library.sources:
        subprocess.run([*compiler.command, *compiler.flags, "-c", name, "-o", f"{name}.o"], cwd=place, check=True)
        done = subprocess.run(
            ["nm", "-g", "--defined-only", f"{name}.o"], cwd=place, capture_output=True, text=True, check=True
        )
        for line in done.stdout.splitlines():
            assert line.split()[-1].startswith("net7_"), line


def two_models_main(first: Library, second: Library, inputs: list[bytes]) -> str:
    """Runs both in turn, twice, in one arena; the outputs go to `answers` one after the other."""
    lines = ['#include "utvm_standalone.h"', f'#include "{first.header}"', f'#include "{second.header}"']
    regions = sorted({*first.program.arenas, *second.program.arenas})
    for name in regions:
        size = max(library.program.arenas.get(name, 0) for library in (first, second))
        lines.append(
            f'__attribute__((section(".utvm_arena.{name}"), aligned(16))) static uint8_t shared_{name}[{size}];'
        )
    answers_bytes = 2 * sum(library.interface.outputs[0].size_bytes for library in (first, second))
    lines.append(f"volatile uint8_t answers[{answers_bytes}];\nvolatile int32_t statuses[4];")
    for number, content in enumerate(inputs):
        lines.append(f"static const uint8_t input_{number}[] = {{{', '.join(map(str, content))}}};")
    lines.append('void UTVMInit(void) {}\nvoid UTVMDone(void) { __asm__ volatile("nop"); }\nvoid UTVMMain(void) {')
    lines.append("uint32_t at = 0;")
    for library in (first, second):
        given = "".join(f", shared_{name}" for name in library.program.arenas)
        lines.append(f"{library.options.prefix}_model {library.options.prefix}; ")
        lines.append(f"{library.options.prefix}_init(&{library.options.prefix}{given});")
    for turn in range(2):
        for number, library in enumerate((first, second)):
            prefix, source, out = library.options.prefix, library.interface.inputs[0], library.interface.outputs[0]
            lines.append(f"for (uint32_t i = 0; i < {source.macro}_BYTES; ++i)")
            lines.append(f"((uint8_t *){prefix}.input.{source.member})[i] = input_{number}[i];")
            lines.append(f"statuses[{2 * turn + number}] = 1 + {prefix}_run(&{prefix});")
            lines.append(f"for (uint32_t i = 0; i < {out.macro}_BYTES; ++i)")
            lines.append(f"answers[at++] = ((const uint8_t *){prefix}.output.{out.member})[i];")
    return "\n".join([*lines, "}", ""])


def run_two(models: tuple[Model, Model], folder: Path) -> None:
    first, second = (
        library_of(compile_model(model, F746), prefix)
        for model, prefix in zip(models, ("first", "second"), strict=True)
    )
    inputs: list[dict[str, Array]] = [random_inputs(model, 1)[0] for model in models]
    write_files(board_files(F746), folder)
    compiler = find_compiler(F746, "auto")
    for library in (first, second):
        write_files(library.files, folder)
    contents = [next(iter(one.values())).tobytes() for one in inputs]
    (folder / "main.c").write_text(two_models_main(first, second, contents))
    names = [path.name for path in sorted(folder.iterdir()) if path.suffix in (".c", ".S")]
    objects = []
    for name in names:
        subprocess.run([*compiler.command, *compiler.flags, "-c", name, "-o", f"{name}.o"], cwd=folder, check=True)
        objects.append(folder / f"{name}.o")
    elf = read_elf(compiler.link(objects, folder / "two.elf", folder / "linker.ld"))
    sizes = [
        max(first.program.arenas.get(name, 0), second.program.arenas.get(name, 0)) for name in first.program.arenas
    ]
    assert elf.section(".utvm_arena.dtcm").size_bytes == sizes[0]
    with VirtualBoardTransport(F746.name) as board:
        board.load_image((segment.addr, segment.data) for segment in elf.segments)
        board.reset()
        stop = board.resume([elf.symbol("UTVMDone").addr, elf.symbol("UTVMFault").addr], timeout_s=120)
        assert stop.kind is StopKind.BREAKPOINT and stop.pc == elf.symbol("UTVMDone").addr
        assert np.frombuffer(board.read(elf.symbol("statuses").addr, 16), "<i4").tolist() == [1, 1, 1, 1]
        symbol = elf.symbol("answers")
        got = board.read(symbol.addr, symbol.size_bytes)
    expected = [
        next(iter(run_reference(model, one).values())).tobytes() for model, one in zip(models, inputs, strict=True)
    ]
    assert got == b"".join(expected) * 2


def test_two_models_share_an_arena_on_the_f746(tmp_path: Path) -> None:
    run_two((digits(), replace(digits(), name="again")), tmp_path)


@pytest.mark.models
def test_keyword_spotting_and_digits_share_an_arena_on_the_f746(models_dir: Path, tmp_path: Path) -> None:
    run_two((benchmark_model(models_dir, "kws"), digits()), tmp_path)
