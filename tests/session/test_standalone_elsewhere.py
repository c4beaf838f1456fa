"""Standalone images on the machines of QEMU and in the host arena: the reference's bytes, faults explained."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.models import FILES, benchmark_model, random_inputs
from tests.session.test_standalone import mismatches, with_first_kernel
from utvm.boards import board_names, load_board
from utvm.compiler import compile_model, load_model
from utvm.demo import load_digits
from utvm.errors import DeviceFault, OutOfMemoryError, TransportTimeout
from utvm.model import Model
from utvm.session.standalone import Prefer, StandaloneSession
from utvm.transports import open_transport

ARENA = [pytest.param("host", "auto", id="host"), pytest.param("host", "zig", id="host-zig")]
MACHINES = [pytest.param(name, "auto", id=name, marks=pytest.mark.qemu) for name in board_names("qemu")]
FEW = [
    pytest.param("host", id="host"),
    pytest.param("qemu-mps2-an386", marks=pytest.mark.qemu),
    pytest.param("qemu-riscv32-virt", marks=pytest.mark.qemu),
]
# What 16 KB of RAM and 252 KB of flash hold.
OF_MICROBIT = {"kws"}


@pytest.fixture(scope="module")
def digits() -> Model:
    return load_model(load_digits().model_path)


@pytest.mark.models
@pytest.mark.parametrize(("board_name", "prefer"), ARENA + MACHINES)
@pytest.mark.parametrize("name", FILES)
def test_benchmark_models(models_dir: Path, name: str, board_name: str, prefer: Prefer) -> None:
    model, board = benchmark_model(models_dir, name), load_board(board_name)
    if board_name == "qemu-microbit" and name not in OF_MICROBIT:
        with pytest.raises(OutOfMemoryError, match="short by"):
            compile_model(model, board)
        return
    with StandaloneSession(compile_model(model, board), board, prefer) as session:
        assert mismatches(model, session, random_inputs(model, 1)) == 0


@pytest.mark.parametrize(("board_name", "prefer"), ARENA + MACHINES)
def test_digits(digits: Model, board_name: str, prefer: Prefer) -> None:
    board = load_board(board_name)
    with StandaloneSession(compile_model(digits, board), board, prefer) as session:
        assert mismatches(digits, session, random_inputs(digits, 3)) == 0
        run = session.run(random_inputs(digits, 1)[0])
    assert 0 < sum(run.layer_cycles) <= run.cycles
    assert 0 < run.stack_bytes < board.placement.stack_bytes


@pytest.mark.qemu
@pytest.mark.parametrize("board_name", ["qemu-mps2-an386", "qemu-riscv32-virt", "qemu-microbit"])
def test_instructions_are_counted_the_same_in_every_session(digits: Model, board_name: str) -> None:
    board = load_board(board_name)
    program = compile_model(digits, board)
    counts = set()
    for _ in range(2):
        with StandaloneSession(program, board) as session:
            counts.add(session.run(random_inputs(digits, 1)[0]).layer_cycles)
    assert len(counts) == 1


@pytest.mark.parametrize("board_name", FEW)
@pytest.mark.parametrize(
    ("body", "cause"),
    [
        ("volatile int32_t *wild = (volatile int32_t *)0xF0000000u; *wild = 1; return 0;", "0xf0000000"),
        ("volatile int32_t *null = (volatile int32_t *)0; return *null;", "0x00000000"),
        ("__builtin_trap(); return 0;", "undefined instruction"),
    ],
    ids=["wild", "null", "undefined"],
)
def test_a_fault_names_kernel_and_cause(digits: Model, board_name: str, body: str, cause: str) -> None:
    board = load_board(board_name)
    program = compile_model(digits, board)
    with StandaloneSession(with_first_kernel(program, body), board) as session:
        with pytest.raises(DeviceFault, match=program.kernels[0].name) as caught:
            session.run(random_inputs(digits, 1)[0])
        assert cause in str(caught.value)


@pytest.mark.parametrize("board_name", FEW)
def test_an_endless_kernel_times_out(digits: Model, board_name: str) -> None:
    board = load_board(board_name)
    program = with_first_kernel(compile_model(digits, board), "for (volatile int32_t i = 0;; ++i) { }")
    with StandaloneSession(program, board) as session, pytest.raises(TransportTimeout):
        session.run(random_inputs(digits, 1)[0], timeout_s=0.5)


@pytest.mark.parametrize("board_name", FEW)
def test_a_transport_of_the_users_own(digits: Model, board_name: str) -> None:
    board = load_board(board_name)
    program = compile_model(digits, board)
    with StandaloneSession(program, board, transport=open_transport(board, board.hosted.comms)) as session:
        assert mismatches(digits, session, random_inputs(digits, 1)) == 0
