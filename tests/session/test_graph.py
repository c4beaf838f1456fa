"""Programs run call by call: the reference's bytes, layer by layer, with constants that come and go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.models import FILES, benchmark_model, random_inputs
from tests.session.conftest import VIRTUAL_BOARDS
from tests.session.hosted_programs import load_fitting
from utvm.boards import load_board
from utvm.codegen.program import Program
from utvm.compiler import compile_model, load_model
from utvm.demo import load_digits
from utvm.errors import UsageError
from utvm.model import Array, Model
from utvm.operators import run_reference
from utvm.rewrites import rewrite
from utvm.session.check import first_difference
from utvm.session.profiler import profile, zero_inputs
from utvm.session.session import Session

F746 = load_board("stm32f746-disco")
COMPILERS = [pytest.param("gcc", marks=pytest.mark.arm_gcc), "zig"]


def mismatches(model: Model, inputs: dict[str, Array], outputs: dict[str, Array]) -> int:
    expected = run_reference(model, inputs)
    return sum(int(np.count_nonzero(outputs[name] != value)) for name, value in expected.items())


@pytest.mark.models
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("board_name", VIRTUAL_BOARDS)  # the others: test_hosted_elsewhere.py
def test_benchmark_models_are_the_references_layer_by_layer(models_dir: Path, board_name: str, name: str) -> None:
    model, board = benchmark_model(models_dir, name), load_board(board_name)
    with Session(board) as session:
        executor = load_fitting(session, model)
        for inputs in random_inputs(model, 2):
            assert mismatches(model, inputs, executor.run(inputs).outputs) == 0
        assert first_difference(executor, rewrite(model), inputs) is None


@pytest.fixture(scope="module", name="model")
def digits_model() -> Model:
    return load_model(load_digits().model_path)


@pytest.fixture(scope="module", name="program")
def digits_program(model: Model) -> Program:
    return compile_model(model, F746)


@pytest.fixture(scope="module", params=COMPILERS, name="session")
def open_session(request: pytest.FixtureRequest) -> Iterator[Session]:
    with Session(F746, compiler=request.param) as opened:
        yield opened


def test_layers_have_cycles_and_every_tensor_can_be_read(session: Session, model: Model, program: Program) -> None:
    executor = session.load(program)
    inputs = random_inputs(model, 1)[0]
    expected = run_reference(rewrite(model), inputs, keep=True)
    names = [tensor.name for tensor in program.tensors]
    run = executor.run(inputs, keep=names)
    assert set(run.kept) == set(names)
    assert all(np.array_equal(run.kept[name], expected[name]) for name in names)
    assert len(run.layer_cycles) == len(program.calls)
    assert all(cycles > 0 for cycles in run.layer_cycles)
    assert run.cycles == sum(run.layer_cycles)
    assert 0 < run.stack_bytes < F746.placement.stack_bytes
    executor.unload()
    with pytest.raises(UsageError, match="was unloaded"):
        executor.run(inputs)


def test_all_memory_comes_back(session: Session, program: Program) -> None:
    session.heap.collect()
    before = session.memory.blocks()
    executor = session.load(program)
    executor.run(zero_inputs(program))
    executor.unload()
    session.heap.collect()
    assert session.memory.blocks() == before


def test_a_wrong_layer_is_named_with_the_place(session: Session, model: Model, program: Program) -> None:
    index = 1
    symbol = next(item.name for item in program.calls[index].arguments if item.kind == "constant")
    constants = tuple(
        replace(constant, data=constant.data + 1) if constant.symbol == symbol else constant
        for constant in program.constants
    )
    executor = session.load(replace(program, constants=constants))
    difference = first_difference(executor, rewrite(model), random_inputs(model, 1)[0])
    executor.unload()
    assert difference is not None
    assert difference.layer == program.calls[index].layer
    assert difference.expected != difference.got
    assert f"layer {difference.layer}" in str(difference)


def test_constants_come_and_go_where_they_do_not_fit(model: Model, program: Program) -> None:
    sizes = {constant.symbol: constant.size_bytes + 16 for constant in program.constants}
    most = max(sum(sizes[item.name] for item in call.arguments if item.kind == "constant") for call in program.calls)
    with Session(F746) as session:
        executor = session.load(program)
        free = sorted((hole.size_bytes for hole in session.memory.holes(["dtcm", "sram1", "sram2"])), reverse=True)
        room = [session.tensor((size - 32,), "uint8") for size in free if size > most]
        keep = max(room, key=lambda tensor: tensor.size_bytes)
        size_bytes = keep.size_bytes
        room.remove(keep)
        del keep
        held = session.tensor((size_bytes - most - 64,), "uint8")
        for inputs in random_inputs(model, 3):
            assert mismatches(model, inputs, executor.run(inputs).outputs) == 0
        assert executor.constants.resident_bytes < program.constant_bytes
        assert executor.constants.uploaded_bytes > program.constant_bytes
        assert not held.numpy().any()
        assert not any(tensor.numpy().any() for tensor in room)


def test_tensors_have_precedence_over_constants(model: Model, program: Program) -> None:
    with Session(F746) as session:
        executor = session.load(program)
        inputs = random_inputs(model, 1)[0]
        executor.run(inputs)
        holes = session.memory.holes(["sram1"])
        tensor = session.tensor((max(hole.size_bytes for hole in holes) - 16,), "int8")
        assert mismatches(model, inputs, executor.run(inputs).outputs) == 0
        assert not tensor.numpy().any()


def test_inputs_and_boards_are_checked(session: Session, program: Program) -> None:
    with pytest.raises(UsageError, match="compiled for other, not for stm32f746-disco"):
        session.load(replace(program, board="other"))
    executor = session.load(program)
    name = program.inputs[0]
    with pytest.raises(UsageError, match=f"no value for input {name}"):
        executor.run({})
    with pytest.raises(UsageError, match=r"wants int8\[.*not float64"):
        executor.run({name: np.zeros(3)})
    executor.unload()


def test_a_profile(program: Program) -> None:
    report = profile(program, F746)
    assert [layer.name for layer in report.layers] == [call.layer for call in program.calls]
    assert sum(layer.share for layer in report.layers) == pytest.approx(1)
    assert report.cycles == sum(layer.cycles for layer in report.layers)
    assert report.time_us == pytest.approx(report.cycles / 216)
    convolution = max(report.layers, key=lambda layer: layer.macs)
    assert convolution.cycles_per_mac == pytest.approx(convolution.cycles / convolution.macs)
    assert report.runtime_text_bytes < 2048 or "zig" in report.compiler
