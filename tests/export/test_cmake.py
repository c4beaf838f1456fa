"""The CMake projects, built by real CMake and run: on virtual boards through a debugger, on QEMU by themselves."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.export.programs import digits, request_of, write_files
from tests.models import FILES, benchmark_model
from utvm.boards import board_names
from utvm.errors import UsageError
from utvm.export import ExportRequest, format_files
from utvm.report.code_sizes import function_sizes
from utvm.toolchain import Elf, read_elf
from utvm.transports import StopKind, VirtualBoardTransport

pytestmark = pytest.mark.cmake
BUILDS = [
    *(pytest.param(board, "gcc", marks=pytest.mark.arm_gcc) for board in board_names("virtual")),
    ("stm32f746-disco", "zig"),
]


def build(request: ExportRequest, folder: Path, preset: str, *options: str) -> Elf:
    """The project as its README builds it."""
    write_files(format_files("cmake", request), folder)
    python = [f"-DPYTHON={sys.executable}"] if preset == "zig" else []
    for command in (["cmake", "--preset", preset, *python, *options], ["cmake", "--build", "--preset", preset]):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "warning" not in done.stderr, done.stderr
    return read_elf(folder / {"gcc": "build", "zig": "build-zig"}[preset] / "firmware.elf")


def run_on_virtual_board(request: ExportRequest, elf: Elf) -> int:
    """Run to UTVMDone and compare what main.c left in memory; the cycles it measured."""
    program = request.library.program
    with VirtualBoardTransport(request.board.name) as board:
        board.load_image((segment.addr, segment.data) for segment in elf.segments)
        board.reset()
        stop = board.resume([elf.symbol("UTVMDone").addr, elf.symbol("UTVMFault").addr], timeout_s=60)
        assert stop.kind is StopKind.BREAKPOINT and stop.pc == elf.symbol("UTVMDone").addr
        status, mismatches, cycles = np.frombuffer(
            board.read(elf.symbol("result").addr, 16), dtype=[("s", "<i4"), ("m", "<i4"), ("c", "<u8")]
        )[0]
        assert (status, mismatches) == (0, 0)
        assert request.sample.outputs is not None
        for name in program.outputs:
            tensor = program.tensor(name)
            owner = "arena" if request.library.options.arena == "caller" else "own"
            addr = elf.symbol(f"{owner}_{tensor.region}").addr + tensor.offset
            assert board.read(addr, tensor.size_bytes) == request.sample.outputs[name].tobytes()
    return int(cycles)


@pytest.mark.parametrize(("board", "preset"), BUILDS)
def test_digits_on_every_virtual_board(board: str, preset: str, tmp_path: Path) -> None:
    request = request_of(digits(), board, "digits")
    # No core of ours does more than four multiplications a cycle.
    assert run_on_virtual_board(request, build(request, tmp_path, preset)) > request.library.program.macs // 4


@pytest.mark.arm_gcc
def test_an_arena_of_the_librarys_own(tmp_path: Path) -> None:
    request = request_of(digits(), "stm32f746-disco", "digits", static=True)
    run_on_virtual_board(request, build(request, tmp_path, "gcc"))


def run_on_qemu(request: ExportRequest, folder: Path) -> None:
    """As the README says; the outputs and no mismatch are printed."""
    build(request, folder, "zig", "-DSEMIHOSTING=ON")
    command = re.findall(r"^qemu-system.*$", (folder / "README.md").read_text(), re.MULTILINE)[0]
    done = subprocess.run(
        shlex.split(command.replace("build/", "build-zig/")),
        cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert request.sample.outputs is not None
    expected = " ".join(str(value) for value in next(iter(request.sample.outputs.values())).ravel())
    lines = (done.stdout + done.stderr).splitlines()
    assert done.returncode == 0, lines
    assert lines[:3] == [f"{request.library.interface.outputs[0].member}: {expected}", "status 0", "mismatches 0"]
    assert re.fullmatch(r"cycles \d+", lines[3])


@pytest.mark.qemu
@pytest.mark.parametrize("board", board_names("qemu"))
def test_digits_on_qemu(board: str, tmp_path: Path) -> None:
    run_on_qemu(request_of(digits(), board, "digits"), tmp_path)


@pytest.mark.qemu
@pytest.mark.models
@pytest.mark.parametrize("board", ["qemu-mps2-an386", "qemu-mps3-an547", "qemu-riscv32-virt"])
@pytest.mark.parametrize("name", FILES)
def test_benchmark_models_on_qemu(models_dir: Path, name: str, board: str, tmp_path: Path) -> None:
    run_on_qemu(request_of(benchmark_model(models_dir, name), board, name), tmp_path)


@pytest.mark.arm_gcc
def test_on_a_virtual_board_as_the_readme_says(tmp_path: Path) -> None:
    request = request_of(digits(), "stm32f746-disco", "digits")
    build(request, tmp_path, "gcc", "-DSEMIHOSTING=ON")
    command = re.findall(r"^utvm virtual-board.*$", (tmp_path / "README.md").read_text(), re.MULTILINE)[0]
    arguments = [sys.executable, "-m", *shlex.split(command)]
    done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:3] == ["status 0", "mismatches 0"]


@pytest.mark.arm_gcc
def test_a_wrong_answer_is_noticed(tmp_path: Path) -> None:
    request = request_of(digits(), "stm32f746-disco", "digits")
    assert request.sample.outputs is not None
    name, value = next(iter(request.sample.outputs.items()))
    wrong = value.copy()
    wrong.flat[3] ^= 1
    spoiled = replace(request, sample=replace(request.sample, outputs={name: wrong}))
    elf = build(spoiled, tmp_path, "gcc")
    with VirtualBoardTransport(request.board.name) as board:
        board.load_image((segment.addr, segment.data) for segment in elf.segments)
        board.reset()
        board.resume([elf.symbol("UTVMDone").addr], timeout_s=60)
        assert np.frombuffer(board.read(elf.symbol("result").addr, 8), "<i4").tolist() == [0, 1]


def test_this_computer_is_no_board(tmp_path: Path) -> None:
    del tmp_path
    request = request_of(digits(), "host", "digits")
    with pytest.raises(UsageError, match="--format c"):
        format_files("cmake", request)


RAM_LIMIT_BYTES = 512
TEXT_LIMIT_BYTES = 2048


@pytest.mark.models
@pytest.mark.arm_gcc
@pytest.mark.parametrize("board", ["stm32f746-disco", "nucleo-l4r5zi"])
@pytest.mark.parametrize("name", FILES)
def test_overheads_and_answers_of_the_benchmark_models(
    models_dir: Path, name: str, board: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """RAM beside arena and stack, and text beside kernels: what a user pays for using us."""
    request = request_of(benchmark_model(models_dir, name), board, name)
    elf = build(request, tmp_path, "gcc")
    program = request.library.program
    ram = elf.section(".data").size_bytes + elf.section(".bss").size_bytes
    text = elf.section(".utvm_boot").size_bytes + elf.section(".text").size_bytes
    names = [*(kernel.name for kernel in program.kernels), *(unit.name for unit in program.units)]
    kernels = sum(function_sizes(names, elf).values())
    with capsys.disabled():
        print(
            f"\n{name} on {board}: arena {program.arena_bytes}, RAM beside it {ram}, text of kernels {kernels}, "
            f"of everything else {text - kernels}, constants {elf.section('.rodata').size_bytes}"
        )
    assert all(elf.section(f".utvm_arena.{region}").size_bytes == size for region, size in program.arenas.items())
    assert ram <= RAM_LIMIT_BYTES
    assert text - kernels <= TEXT_LIMIT_BYTES
    run_on_virtual_board(request, elf)
