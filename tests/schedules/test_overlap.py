"""Outputs written over inputs: plans are as tight as the kernels allow, and the answers are the reference's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.schedules import test_conv2d_im2col as im2col
from tests.schedules import test_conv2d_winograd as winograd
from tests.schedules import test_depthwise as depthwise
from tests.schedules import test_pool as pool
from tests.schedules.conv2d_cases import CORNERS, Convolution
from tests.schedules.scheduled import Scheduled, assert_equal_on, program_of, site_of
from utvm.codegen.memory_plan import ArenaRegion, Item, MemoryPlan, Slot, plan_memory
from utvm.codegen.program import Program
from utvm.model.operator_types import Padding
from utvm.schedules import PORTABLE, added_bytes, candidates
from utvm.schedules.template import Site

F746 = "stm32f746-disco"
ARENA = "sram1"
MANY = 3
PROGRAMS = 7


def _site(case: Scheduled) -> Site:
    """The operator where nothing reads its input afterwards."""
    site = site_of(case.model)
    return Site(site.operator, site.inputs, site.outputs, site.core, overwritable=True)


def cases() -> list[Scheduled]:
    """Convolutions of every kind and pools under some legal schedules of each template."""
    models = [(name, case.model(), case.input()) for name, case in {**CORNERS, **MORE}.items()]
    models += [(name, case.model(), case.input()) for name, case in winograd.CORNERS.items()]
    models += [(name, case.model(), case.input()) for name, case in im2col.CORNERS.items()]
    models += [(name, case.model(), case.input()) for name, case in depthwise.CORNERS.items()]
    models += [(name, case.model("max"), case.input(0)) for name, case in pool.CORNERS.items()]
    found = []
    for name, model, image in models:
        schedules = list(candidates(site_of(model)))
        # For partial im2col its own cases are enough.
        left_out = set() if name in im2col.CORNERS else {im2col.TEMPLATE.name}
        for template in {schedule.template for schedule in schedules} - left_out:
            legal = [schedule for schedule in schedules if schedule.template == template]
            found += [
                Scheduled(model, {"x": image}, schedule, f"over its input: {name}")
                for schedule in legal[:: -(-len(legal) // MANY)]
            ]
    return found


MORE = {
    "as many channels as before": Convolution((1, 9, 7, 8), 8, (1, 1)),
    "twice as many channels": Convolution((1, 9, 8, 8), 16, (1, 1)),
    "half as many channels": Convolution((1, 9, 8, 16), 8, (1, 1)),
    "three images": Convolution((3, 6, 6, 4), 4, (3, 3), padding=Padding(1, 1, 1, 1)),
    "a few rows of many": Convolution((1, 24, 12, 8), 8, (3, 3), padding=Padding(1, 1, 1, 1)),
    "half the rows": Convolution((1, 24, 24, 4), 8, (3, 3), (2, 2), padding=Padding(0, 1, 0, 1)),
}


def shared_bytes(program: Program, call: int) -> int:
    """How many bytes a call's output shares with its input."""
    names = [argument.name for argument in program.calls[call].arguments if argument.kind == "tensor"]
    spans = [(tensor.offset, tensor.offset + tensor.size_bytes) for tensor in map(program.tensor, names)]
    return max(0, min(end for _, end in spans) - max(begin for begin, _ in spans))


def test_plans_of_single_operators_are_as_small_as_they_can_be() -> None:
    saving = 0
    for case in cases():
        if case.schedule == PORTABLE:
            continue
        site = _site(case)
        tensors = sum(-(-tensor.size_bytes // 8) * 8 for tensor in (site.inputs[0], site.outputs[0]))
        program = program_of([case], F746)
        assert program.arena_bytes <= tensors + added_bytes(site, case.schedule) + 16, f"{case.label}, {case.schedule}"
        saving += shared_bytes(program, 0) > 0
    assert saving > 40


def stacked_plans(items: Sequence[Item], regions: Sequence[ArenaRegion], model: str) -> MemoryPlan:
    """Each operator's memory planned for itself, as tightly as if it were alone, one plan above the other."""
    groups: dict[int, list[Item]] = {}
    for item in items:
        scratch = re.search(r"of call (\d+)$", item.name)
        tensor = re.match(r"m(\d+)/", item.name)
        found = scratch or tensor
        assert found is not None
        groups.setdefault(int(found[1]), []).append(replace(item, first=0, last=0))
    slots: dict[str, Slot] = {}
    size = 0
    for group in groups.values():
        plan = plan_memory(group, regions, model)
        slots |= {name: Slot(ARENA, size + slot.offset) for name, slot in plan.slots.items()}
        size += plan.peak_bytes
    return MemoryPlan(slots, {ARENA: size}, size)


def test_answers_over_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("utvm.codegen.assemble.plan_memory", stacked_plans)
    found = cases()
    shared = 0
    for group in (found[first::PROGRAMS] for first in range(PROGRAMS)):
        program = program_of(group, F746)
        shared += sum(shared_bytes(program, call) > 0 for call in range(len(group)))
        assert_equal_on(F746, group, "zig")
    assert shared > len(found) // 2
