"""Run single operators under chosen schedules, many in one image, on a virtual board; compare with the reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tests.kernels.host import merge_models
from utvm.boards import load_board
from utvm.codegen.assemble import Target, assemble
from utvm.codegen.budget import arena_regions
from utvm.codegen.program import Program
from utvm.compiler import provenance
from utvm.model import Array, Model
from utvm.operators import check_model, run_reference
from utvm.schedules import Schedule, Site
from utvm.session.standalone import Prefer, StandaloneSession


@dataclass(frozen=True)
class Scheduled:
    """A model of one operator, its inputs by name, and the schedule to use."""

    model: Model
    inputs: dict[str, Array]
    schedule: Schedule
    label: str


def site_of(model: Model, board: str = "stm32f746-disco") -> Site:
    """Where the model's only operator runs."""
    (operator,) = model.operators
    return Site(operator, model.input_tensors(operator), model.output_tensors(operator), load_board(board).core)


def program_of(cases: Sequence[Scheduled], board_name: str) -> Program:
    """All cases side by side in one program."""
    board = load_board(board_name)
    for case in cases:
        check_model(case.model)
    merged = merge_models([case.model for case in cases])
    schedules = {f"m{index}/{case.model.operators[0].name}": case.schedule for index, case in enumerate(cases)}
    return assemble(merged, Target(board.name, board.core, arena_regions(merged, board)), provenance(merged), schedules)


def assert_equal_on(board_name: str, cases: Sequence[Scheduled], prefer: Prefer) -> None:
    """Every case's outputs are the reference's, byte for byte."""
    program = program_of(cases, board_name)
    fed = {f"m{index}/{name}": value for index, case in enumerate(cases) for name, value in case.inputs.items()}
    with StandaloneSession(program, load_board(board_name), prefer) as session:
        outputs = session.run(fed).outputs
    for index, case in enumerate(cases):
        for name, expected in run_reference(case.model, case.inputs).items():
            got = outputs[f"m{index}/{name}"]
            where = np.argwhere(got != expected)
            assert not len(where), (
                f"{case.label}, {case.schedule}: {len(where)} of {got.size} differ, first at {tuple(where[0])}: "
                f"{got[tuple(where[0])]}, not {expected[tuple(where[0])]}"
            )
