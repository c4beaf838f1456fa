"""Kernels of a library of the user's: bit-exact wherever programs run, by default only where asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.export.programs import digits
from tests.libraries.conftest import PLAIN_NN
from tests.models import random_inputs
from utvm.boards import load_board
from utvm.codegen.model_source import source_files
from utvm.codegen.program import Program
from utvm.codegen.program_io import load_program, save_program
from utvm.compiler import compile_model
from utvm.libraries import load_library, use_libraries
from utvm.operators import run_reference
from utvm.schedules import Schedule
from utvm.session.hosted import HostedSession
from utvm.session.standalone import Prefer, StandaloneSession

F746 = "stm32f746-disco"
TOOLCHAINS = [pytest.param("gcc", marks=pytest.mark.arm_gcc), "zig"]


def served(board: str = F746) -> Program:
    """The digits, whatever the library can do of them done by it."""
    with use_libraries([load_library(PLAIN_NN)], ["plain-nn"]):
        return compile_model(digits(), load_board(board))


def assert_right(session: StandaloneSession | HostedSession) -> None:
    for inputs in random_inputs(digits(), 2):
        outputs = session.run(inputs).outputs
        for name, expected in run_reference(digits(), inputs).items():
            np.testing.assert_array_equal(outputs[name], expected)


@pytest.mark.parametrize("prefer", TOOLCHAINS)
def test_standalone(prefer: Prefer) -> None:
    with StandaloneSession(served(), load_board(F746), prefer) as session:
        assert_right(session)


@pytest.mark.parametrize("prefer", TOOLCHAINS)
def test_hosted(prefer: Prefer) -> None:
    with HostedSession(served(), load_board(F746), prefer) as session:
        assert_right(session)


def test_on_a_core_without_the_librarys_assembly() -> None:
    with StandaloneSession(served("nucleo-g0b1re"), load_board("nucleo-g0b1re"), "zig") as session:
        assert_right(session)


def test_on_this_computer() -> None:
    with HostedSession(served("host"), load_board("host")) as session:
        assert_right(session)


def test_what_is_served_and_what_comes_with_it() -> None:
    program = served()
    by = [(call.operator, call.schedule.partition("(")[0]) for call in program.calls]
    assert {schedule for operator, schedule in by if operator == "Conv2D"} == {"plain-nn/convolve"}
    assert {schedule for operator, schedule in by if operator == "FullyConnected"} == {"plain-nn/dense"}
    assert all("plain" not in schedule for operator, schedule in by if operator not in ("Conv2D", "FullyConnected"))
    scratch = [call.scratch_bytes for call in program.calls if call.operator == "Conv2D"]
    assert min(scratch) > 0 and program.arena_bytes > max(scratch)
    (code,) = program.libraries
    assert program.provenance["library plain-nn"] == code.version
    origins = {file.origin for file in code.files}
    assert "src/unused.c" not in origins, "it needs what is nowhere"
    assert {"src/convolve.c", "src/dense.c", "src/dot.c", "src/dot_arm.S", "src/internal/dot.h"} <= origins
    assert code.defines == (("PLAIN_WORDS", "4"),) and code.flags == ("-O3",)


def test_defaults_are_ours_unless_asked() -> None:
    plain = compile_model(digits(), load_board(F746))
    with use_libraries([load_library(PLAIN_NN)]):
        program = compile_model(digits(), load_board(F746))
        assert [call.schedule for call in program.calls] == [call.schedule for call in plain.calls]
        assert not program.libraries
    with use_libraries([load_library(PLAIN_NN)], ["plain-nn/dense"]):
        program = compile_model(digits(), load_board(F746))
    both = zip(program.calls, plain.calls, strict=True)
    assert [now.operator for now, then in both if now.schedule != then.schedule] == ["FullyConnected"]
    sources = [file.origin for file in program.libraries[0].files if file.origin.endswith(".c")]
    assert sources == ["src/dense.c", "src/limit.c"]


def test_a_chosen_schedule_of_its() -> None:
    library = load_library(PLAIN_NN)
    name = next(operator.name for operator in digits().operators if type(operator).__name__ == "FullyConnected")
    chosen = Schedule.of("plain-nn/dense", {"code": library.code_hash, "together": False})
    with use_libraries([library]):
        program = compile_model(digits(), load_board(F746), {name: chosen})
    with StandaloneSession(program, load_board(F746)) as session:
        assert_right(session)


def test_a_saved_program_needs_the_library_no_more(tmp_path: Path) -> None:
    program = served()
    save_program(program, tmp_path / "saved")
    loaded = load_program(tmp_path / "saved")
    assert loaded.libraries == program.libraries and source_files(loaded) == source_files(program)
    with StandaloneSession(loaded, load_board(F746)) as session:
        assert_right(session)
