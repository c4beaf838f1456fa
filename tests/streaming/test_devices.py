"""State on boards: kept from run to run, standalone and hosted, begun anew by a reset, apart from arenas."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.models import random_inputs
from tests.session.conftest import BOARDS, QEMU_BOARDS, VIRTUAL_BOARDS
from tests.streaming.models import streaming_models
from utvm.boards import load_board
from utvm.codegen.memory_plan import ArenaRegion
from utvm.codegen.program import STATE_REGION, Program
from utvm.codegen.program_io import load_program, save_program
from utvm.compiler import compile_model
from utvm.errors import OutOfMemoryError
from utvm.importers.tflite import import_tflite
from utvm.model import Array, Model
from utvm.operators import ReferenceSequence
from utvm.rewrites import rewrite
from utvm.session.check import first_difference
from utvm.session.hosted import HostedSession
from utvm.session.session import Session
from utvm.session.standalone import StandaloneSession

NAMES = sorted(streaming_models())
STANDALONE = [*VIRTUAL_BOARDS, *(pytest.param(name, marks=pytest.mark.qemu) for name in QEMU_BOARDS)]
F746 = load_board("stm32f746-disco")
STEPS = 6
RESET_BEFORE = 4


def model_of(name: str) -> Model:
    return import_tflite(streaming_models()[name], name)


def check_sequence(session: StandaloneSession | HostedSession, model: Model) -> None:
    """Some runs, a reset, and more runs, each as the reference gives it."""
    sequence = ReferenceSequence(model)
    for step, inputs in enumerate(random_inputs(model, STEPS)):
        if step == RESET_BEFORE:
            session.reset()
            sequence.reset()
        got = session.run(inputs).outputs
        for name, wanted in sequence.run(inputs).items():
            np.testing.assert_array_equal(got[name], wanted, err_msg=f"run {step}, output {name}")


@pytest.mark.parametrize("board_name", STANDALONE)
def test_standalone(board_name: str) -> None:
    """All models on each board: starting one takes longer than the runs."""
    board = load_board(board_name)
    for name in NAMES:
        model = model_of(name)
        with StandaloneSession(compile_model(model, board), board) as session:
            assert sum(session.sizes.state_bytes.values()) >= 4
            check_sequence(session, model)


@pytest.mark.parametrize("board_name", BOARDS)
def test_hosted(board_name: str) -> None:
    board = load_board(board_name)
    with Session(board) as session:
        for name in NAMES:
            model = model_of(name)
            executor = session.load(compile_model(model, board))
            sequence = ReferenceSequence(model)
            for step, inputs in enumerate(random_inputs(model, STEPS)):
                if step == RESET_BEFORE:
                    executor.reset()
                    sequence.reset()
                got = executor.run(inputs).outputs
                for output, wanted in sequence.run(inputs).items():
                    np.testing.assert_array_equal(got[output], wanted, err_msg=f"{name}, run {step}")
            assert first_difference(executor, rewrite(model), random_inputs(model, 1)[0]) is None
            executor.unload()


def test_two_programs_in_one_session_keep_their_own_state() -> None:
    model = model_of("accumulator")
    program = compile_model(model, F746)
    with Session(F746) as session:
        executors = [session.load(program) for _ in range(2)]
        sequences = [ReferenceSequence(model) for _ in range(2)]
        for number, inputs in enumerate(random_inputs(model, 8)):
            which = number % 3 == 0
            got, wanted = executors[which].run(inputs).outputs, sequences[which].run(inputs)
            for name, value in wanted.items():
                np.testing.assert_array_equal(got[name], value)


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_program_keeps_its_state(name: str, tmp_path: Path) -> None:
    program = compile_model(model_of(name), F746)
    save_program(program, tmp_path / "program")
    loaded = load_program(tmp_path / "program")
    assert (loaded.states, loaded.state_bytes, loaded.state_region) == (
        program.states,
        program.state_bytes,
        program.state_region,
    )
    for state in program.states:
        np.testing.assert_array_equal(loaded.initial_value(state), program.initial_value(state))
    with HostedSession(loaded, F746) as session:
        check_sequence(session, model_of(name))


@pytest.mark.parametrize("name", NAMES)
def test_states_lie_in_no_arena_and_do_not_overlap(name: str) -> None:
    program = compile_model(model_of(name), F746)
    assert program.states
    taken: dict[int, int] = {}
    for state in program.states:
        tensor = program.tensor(state.tensor)
        assert tensor.region == STATE_REGION
        taken[tensor.offset] = tensor.size_bytes
    end = 0
    for offset, size_bytes in sorted(taken.items()):
        assert offset >= end
        assert offset % 8 == 0
        end = offset + size_bytes
    assert end <= program.state_bytes < end + 8
    assert all(argument.region != STATE_REGION for call in program.calls for argument in call.arguments)


def test_states_that_do_not_fit() -> None:
    from utvm.codegen.assemble import Target, assemble

    model = rewrite(model_of("ring_buffer"))
    target = Target("tiny", F746.core, (ArenaRegion("sram", 8), ArenaRegion("dtcm", 16)))
    with pytest.raises(OutOfMemoryError, match=r"its states need 24 bytes of RAM in one region, the board has sram 8"):
        assemble(model, target, {})


def wrong_after_a_lost_state(program: Program, model: Model) -> list[Array]:
    """The outputs when every run begins with the initial state."""
    with HostedSession(program, F746) as session:
        outputs = []
        for inputs in random_inputs(model, 3):
            session.reset()
            outputs.append(session.run(inputs).outputs[model.outputs[0]])
        return outputs


@pytest.mark.parametrize("name", NAMES)
def test_the_state_makes_a_difference(name: str) -> None:
    """What the tests above compare would not be the same without it."""
    model = model_of(name)
    stateless = wrong_after_a_lost_state(compile_model(model, F746), model)
    sequence = ReferenceSequence(model)
    kept = [sequence.run(inputs)[model.outputs[0]] for inputs in random_inputs(model, 3)]
    np.testing.assert_array_equal(stateless[0], kept[0])
    assert any(not np.array_equal(a, b) for a, b in zip(stateless[1:], kept[1:], strict=True))


def test_a_reset_before_the_first_run_and_initial_values_from_constants() -> None:
    model = model_of("accumulator")
    assert any(state.initial for state in compile_model(model, F746).states)
    uniform = replace(
        model, states=tuple(replace(state, initial=np.full_like(state.initial, 3)) for state in model.states)
    )
    program = compile_model(uniform, F746)
    assert [state.fill for state in program.states] == [3]
    with StandaloneSession(program, F746) as session:
        session.reset()
        check_sequence(session, uniform)
