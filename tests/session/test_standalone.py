"""Programs as standalone images on the virtual boards: the reference's bytes, cycles per layer, faults explained."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.models import FILES, benchmark_model, random_inputs, real_inputs
from utvm.boards import board_names, load_board
from utvm.codegen.program import Program
from utvm.compiler import compile_model, load_model
from utvm.demo import load_digits
from utvm.errors import DeviceFault, TransportTimeout, UsageError
from utvm.model import Array, Model
from utvm.operators import run_reference
from utvm.session.standalone import Prefer, StandaloneSession

TOOLCHAINS = [pytest.param("gcc", marks=pytest.mark.arm_gcc), "zig"]
F746 = load_board("stm32f746-disco")


def mismatches(model: Model, session: StandaloneSession, runs: list[dict[str, Array]]) -> int:
    wrong = 0
    for inputs in runs:
        outputs = session.run(inputs).outputs
        wrong += sum(
            int(np.count_nonzero(outputs[name] != expected)) for name, expected in run_reference(model, inputs).items()
        )
    return wrong


@pytest.mark.models
@pytest.mark.parametrize("prefer", TOOLCHAINS)
@pytest.mark.parametrize("name", FILES)
def test_benchmark_models_on_the_f746(models_dir: Path, name: str, prefer: Prefer) -> None:
    model = benchmark_model(models_dir, name)
    runs = random_inputs(model, 20) + real_inputs(models_dir, name, model)
    with StandaloneSession(compile_model(model, F746), F746, prefer) as session:
        assert mismatches(model, session, runs) == 0


@pytest.mark.models
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("board_name", [name for name in board_names("virtual") if name != F746.name])
def test_benchmark_models_on_the_other_boards(models_dir: Path, name: str, board_name: str) -> None:
    model, board = benchmark_model(models_dir, name), load_board(board_name)
    with StandaloneSession(compile_model(model, board), board, "auto") as session:
        assert mismatches(model, session, random_inputs(model, 2)) == 0


@pytest.fixture(scope="module")
def digits() -> Model:
    return load_model(load_digits().model_path)


@pytest.fixture(scope="module")
def program(digits: Model) -> Program:
    return compile_model(digits, F746)


def test_digits_equal_the_stored_answers(digits: Model, program: Program) -> None:
    data = load_digits()
    with StandaloneSession(program, F746, "zig") as session:
        for image, answer in zip(data.inputs[:40], data.answers, strict=False):
            run = session.run({digits.inputs[0]: image[np.newaxis]})
            np.testing.assert_array_equal(run.outputs[digits.outputs[0]].reshape(-1), answer)
    assert len(run.layer_cycles) == len(program.calls)
    assert all(cycles > 0 for cycles in run.layer_cycles)
    assert sum(run.layer_cycles) <= run.cycles <= sum(run.layer_cycles) * 1.02
    assert 0 < run.stack_bytes < F746.placement.stack_bytes


def test_the_same_cycles_in_every_session(digits: Model, program: Program) -> None:
    inputs = random_inputs(digits, 1)[0]
    counts = []
    for _ in range(2):
        with StandaloneSession(program, F746, "zig") as session:
            counts.append(session.run(inputs).layer_cycles)
    assert counts[0] == counts[1]


def with_first_kernel(program: Program, body: str) -> Program:
    """The program with other statements in its first kernel, which uses none of its parameters."""
    kernel = program.kernels[0]
    unused = " ".join(f"(void){name};" for name in re.findall(r"(\w+)[,)]", kernel.prototype))
    broken = replace(kernel, definition=f"{kernel.prototype} {{\n{unused} {body}\n}}\n")
    return replace(program, kernels=(broken, *program.kernels[1:]))


def test_a_wild_write_is_a_fault_that_names_the_kernel(digits: Model, program: Program) -> None:
    broken = with_first_kernel(program, "*(volatile int32_t *)0x60000000 = 1; return 0;")
    inputs = random_inputs(digits, 1)[0]
    with StandaloneSession(broken, F746, "zig") as session:
        with pytest.raises(DeviceFault, match=broken.kernels[0].name) as caught:
            session.run(inputs)
        assert "0x60000000" in str(caught.value)
        assert caught.value.registers["pc"] != 0


def test_a_failing_kernel_is_reported(digits: Model, program: Program) -> None:
    broken = with_first_kernel(program, "return 7;")
    with StandaloneSession(broken, F746, "zig") as session, pytest.raises(DeviceFault, match="returned 7"):
        session.run(random_inputs(digits, 1)[0])


def test_an_endless_kernel_times_out(digits: Model, program: Program) -> None:
    broken = with_first_kernel(program, "for (volatile int32_t i = 0;; ++i) { }")
    with StandaloneSession(broken, F746, "zig") as session, pytest.raises(TransportTimeout):
        session.run(random_inputs(digits, 1)[0], timeout_s=0.5)


def test_wrong_inputs_and_boards_are_named(digits: Model, program: Program) -> None:
    with pytest.raises(UsageError, match="compiled for stm32f746-disco"):
        StandaloneSession(program, load_board("nucleo-g0b1re"))
    name = digits.inputs[0]
    with StandaloneSession(program, F746, "zig") as session:
        with pytest.raises(UsageError, match="no value"):
            session.run({})
        with pytest.raises(UsageError, match="wants int8"):
            session.run({name: np.zeros((1, 8, 8, 1), dtype=np.float32)})


def test_a_board_file_of_the_users_own(digits: Model, tmp_path: Path) -> None:
    data = Path(__file__).parents[2] / "src/utvm/boards/data/stm32f746-disco.toml"
    own = tmp_path / "mine.toml"
    own.write_text(data.read_text().replace('name = "stm32f746-disco"', 'name = "my-board"', 1))
    board = load_board(str(own))
    with StandaloneSession(compile_model(digits, board), board, "zig") as session:
        assert mismatches(digits, session, random_inputs(digits, 1)) == 0
