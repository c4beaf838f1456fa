"""Traces replayed onto portable kernels: right for every operator and sketch, refused where they do not fit."""

from __future__ import annotations

import json
import random
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.kernels.host import merge_models, run_program
from tests.schedules import portable_cases as cases
from tests.schedules.scheduled import site_of
from utvm.boards import load_board
from utvm.codegen.assemble import Target, assemble
from utvm.codegen.kernel_source import kernel_text
from utvm.codegen.memory_plan import ArenaRegion
from utvm.compiler import provenance
from utvm.errors import ScheduleError
from utvm.model import Model
from utvm.model.operator_types import Pad
from utvm.operators import rule_of, run_reference
from utvm.operators.kernel import Kernel
from utvm.schedules import Schedule, candidates
from utvm.schedules.metaschedule.blocks import blocked
from utvm.schedules.metaschedule.replay import replayed, trace_text
from utvm.schedules.metaschedule.stages import stages_of
from utvm.schedules.metaschedule.template import MetaSchedule
from utvm.schedules.registry import template_named
from utvm.tuning.metaschedule.space import sketches

BOARD = "stm32f746-disco"
TEMPLATE = MetaSchedule()
MUCH = 1 << 20


def kernel_of(model: Model) -> Kernel:
    (operator,) = model.operators
    kernel = rule_of(operator).kernel(operator, model.input_tensors(operator), model.output_tensors(operator))
    assert isinstance(kernel, Kernel)
    return kernel


def traces_of(model: Model, seed: int, scratch_limit_bytes: int = MUCH) -> list[str]:
    """A trace of each sketch, its tiles by chance."""
    from tvm import s_tir

    kernel = kernel_of(model)
    stages = stages_of(kernel)
    traces = []
    for index, sketch in enumerate(sketches(stages, scratch_limit_bytes)):
        function = blocked(kernel.stem, kernel.function.params, stages)
        schedule = s_tir.Schedule(function, seed=1 + seed * 100 + index)
        sketch(schedule)
        traces.append(trace_text(schedule.trace))
    return traces


def scheduled(trace: str) -> Schedule:
    return Schedule.of("metaschedule", {"trace": trace})


def test_every_operator_and_sketch_is_right() -> None:
    models: list[Model] = []
    schedules, inputs = {}, {}
    for make in cases.SCHEDULABLE:
        model = make()
        (operator,) = model.operators
        traces = traces_of(model, 0)
        assert len(set(traces)) > 1, f"{model.name}: there is nothing to choose"
        for trace in traces:
            assert TEMPLATE.refusal(site_of(model, BOARD)) == ""
            prefix = f"m{len(models)}/"
            schedules[prefix + operator.name] = scheduled(trace)
            values = cases.random_inputs(model, len(models))
            inputs.update({prefix + name: value for name, value in values.items()})
            models.append(model)
    merged = merge_models(models)
    target = Target("host", load_board(BOARD).core, (ArenaRegion("ram", 1 << 30),))
    program = assemble(merged, target, provenance(merged), schedules)
    (outputs,) = run_program(program, [inputs], ("-O0", "-fsanitize=undefined", "-fno-sanitize-recover=all"))
    for name, truth in run_reference(merged, inputs).items():
        assert np.array_equal(outputs[name], truth), (
            name,
            schedules[name.split("/")[0] + "/" + _operator(merged, name)],
        )


def _operator(merged: Model, output: str) -> str:
    return next(item.name.split("/")[1] for item in merged.operators if output in item.outputs)


def test_partial_results_live_in_variables_or_in_scratch_that_is_counted() -> None:
    model = cases.mean(1, 4, 6, 8)
    fused, _, apart, *_ = traces_of(model, 0)
    kernel = replayed(kernel_of(model), fused)
    assert [argument.role for argument in kernel.arguments].count("scratch") == 0
    kernel = replayed(kernel_of(model), apart)
    scratch = [argument for argument in kernel.arguments if argument.role == "scratch"]
    assert [argument.size_bytes for argument in scratch] == [8 * 4]
    assert TEMPLATE.scratch_bytes(site_of(model, BOARD), scheduled(apart)) == 32
    assert "sum: int32 8, scratch" in kernel_text(kernel).comments
    assert apart not in traces_of(model, 0, scratch_limit_bytes=31)


def test_an_operator_that_its_output_overwrites_may_be_scheduled_too() -> None:
    """Softmax reads its input three times: all before the output's byte at the same place is written."""
    model = cases.softmax()
    (operator,) = model.operators
    # An input of the model is not overwritten, hence the copy before.
    copied = Pad(name="copy", inputs=("x",), outputs=("z",), paddings=((0, 0), (0, 0)), value=0)
    inner = replace(operator, inputs=("z",), in_place=0)
    tensors = {**model.tensors, "z": replace(model.tensors["x"], name="z")}
    both = Model("both", tensors, (copied, inner), ("x",), ("y",))
    target = Target("host", load_board(BOARD).core, (ArenaRegion("ram", 1 << 20),))
    values = cases.random_inputs(model)
    truth = run_reference(model, values)["y"]
    for trace in traces_of(model, 3):
        program = assemble(both, target, provenance(both), {"softmax": scheduled(trace)})
        assert program.tensor("z").offset == program.tensor("y").offset
        assert np.array_equal(run_program(program, [values])[0]["y"], truth)


def test_what_branches_on_data_is_refused_with_the_reason() -> None:
    site = site_of(cases.arg_max(), BOARD)
    assert "IfThenElse" in TEMPLATE.refusal(site)
    with pytest.raises(ScheduleError, match=r"metaschedule for arg_max on cortex-m7: .*IfThenElse"):
        TEMPLATE.check(site, scheduled(traces_of(cases.mean(), 0)[0]))


def test_it_is_found_by_name_and_proposed_by_nobody() -> None:
    assert isinstance(template_named("metaschedule"), MetaSchedule)
    for make in cases.SCHEDULABLE:
        assert TEMPLATE.name not in {item.template for item in candidates(site_of(make(), BOARD))}


def test_a_schedule_is_named_briefly() -> None:
    one, other = (scheduled(trace) for trace in traces_of(cases.mean(), 0)[:2])
    assert len(str(one)) < 40 and str(one) != str(other)
    assert Schedule.from_json(one.to_json()) == one


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ((0, 0, 2, 0), "9_nothing", "9_nothing"),  # a block
        ((0, -1, 0), "Vectorize", "garbled"),
        ((0, -1, 1), ["l77"], "garbled"),
        ((0, -1, 1), ["b0"], "garbled"),  # a block as a loop
        ((1,), [], "garbled"),  # tiles left open
        ((1, 0, 1), [3, 3], "garbled"),
        ((1, 0, 1), [1 << 70, 1], "garbled"),
    ],
)
def test_a_changed_trace_is_refused(place: tuple[int, ...], value: object, said: str) -> None:
    document = json.loads(traces_of(cases.mean(), 0)[0])
    node = document
    for index in place[:-1]:
        node = node[index]
    node[place[-1]] = value
    with pytest.raises(ScheduleError, match=f"metaschedule for mean on cortex-m7: .*{said}"):
        TEMPLATE.check(site_of(cases.mean(), BOARD), scheduled(json.dumps(document)))


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule("metaschedule"),
        Schedule.of("metaschedule", {"trace": 3}),
        Schedule.of("metaschedule", {"trace": "[]", "more": 1}),
        *(scheduled(text) for text in ("", "[", "{}", "[1,2]", "[[],[[]]]", '"x"', "[" * 100_000)),
    ],
)
def test_no_trace_at_all(schedule: Schedule) -> None:
    with pytest.raises(ScheduleError, match="metaschedule for mean"):
        TEMPLATE.check(site_of(cases.mean(), BOARD), schedule)


def test_another_operators_trace_does_not_fit() -> None:
    with pytest.raises(ScheduleError, match=r"does not fit|garbled"):
        TEMPLATE.check(site_of(cases.mean(), BOARD), scheduled(traces_of(cases.softmax(), 0)[0]))


def test_garbled_traces_end_in_an_error_or_a_kernel_and_never_in_a_crash() -> None:
    chance = random.Random(5)
    site = site_of(cases.mean(), BOARD)
    refused = 0
    for trace in traces_of(cases.mean(), 0):
        for _ in range(25):
            document = json.loads(trace)
            _garble(document, chance)
            try:
                TEMPLATE.check(site, scheduled(json.dumps(document)))
            except ScheduleError:
                refused += 1
    assert refused > 50


def _garble(document: Any, chance: random.Random) -> None:
    node, path = document, []
    while isinstance(node, list) and node and chance.random() < 0.85:
        index = chance.randrange(len(node))
        path.append((node, index))
        node = node[index]
    if path:
        parent, index = path[-1]
        values = [[], None, True, -3, 0, 7, 1 << 70, "l1", "b0", "", "main", deepcopy(parent[0])]
        parent[index] = chance.choice(values)


def test_nothing_is_computed_twice() -> None:
    """An input that the output overwrites would be gone by then."""
    trace = [
        ["GetSBlock", [], ["4_output", "main"], ["b0"]],
        ["GetLoops", ["b0"], [], ["l1", "l2"]],
        ["GetSBlock", [], ["3_shift", "main"], ["b3"]],
        ["ComputeAt", ["b3", "l2"], [1, -1], []],
    ]
    with pytest.raises(ScheduleError, match="3_shift more often than once"):
        TEMPLATE.check(site_of(cases.softmax(), BOARD), scheduled(json.dumps([trace, []])))


def test_portable_kernels_are_what_they_were() -> None:
    """Replaying changes a copy: the kernel it came from gives the same C before and after."""
    kernel = kernel_of(cases.softmax())
    before = kernel_text(kernel)
    replayed(kernel, traces_of(cases.softmax(), 0)[0])
    assert kernel_text(kernel) == before
