"""Table functions against the reference, byte for byte, on the cores they are scheduled for."""

from __future__ import annotations

import numpy as np
import pytest

from tests.schedules.scheduled import Scheduled, assert_equal_on, site_of
from utvm.model import Model
from utvm.model.operator_types import ByteDtype, Lookup
from utvm.model.tensor import Tensor
from utvm.schedules import Schedule, default_schedule
from utvm.schedules.lookup import LookupWords
from utvm.session.standalone import Prefer

TOOLCHAINS = [pytest.param("gcc", marks=pytest.mark.arm_gcc), "zig"]
TEMPLATE = LookupWords()
F746 = "stm32f746-disco"


def table_function(count: int, source: ByteDtype, output: ByteDtype, in_place: int | None = None) -> Model:
    limits = np.iinfo(output)
    table = np.random.default_rng(count).integers(limits.min, limits.max, 256, endpoint=True)
    operator = Lookup(
        name="table",
        inputs=("x",),
        outputs=("y",),
        in_place=in_place,
        function="table",
        table=tuple(int(value) for value in table),
        output_dtype=output,
    )
    tensors = {"x": Tensor("x", (count,), source), "y": Tensor("y", (count,), output)}
    return Model("table", tensors, (operator,), ("x",), ("y",))


def cases() -> list[Scheduled]:
    """Every value, every number of elements left over, every pair of types."""
    found = []
    for count in (*range(1, 18), 256, 523):
        types: tuple[tuple[ByteDtype, ByteDtype], ...] = (("int8", "int8"), ("uint8", "int8"), ("int8", "uint8"))
        source, output = types[count % 3]
        model = table_function(count, source, output, in_place=0 if count % 2 else None)
        x = np.roll(np.arange(count, dtype=np.int64).astype(np.uint8), count // 2).view(source)
        found.append(Scheduled(model, {"x": x}, Schedule(TEMPLATE.name), f"{count} elements"))
    return found


@pytest.mark.parametrize("prefer", TOOLCHAINS)
def test_on_the_f746(prefer: Prefer) -> None:
    assert_equal_on(F746, cases(), prefer)


@pytest.mark.parametrize("board", ["nucleo-l4r5zi", "nucleo-u575zi-q"])
def test_other_cores(board: str) -> None:
    assert_equal_on(board, cases(), "zig")


def test_is_the_default() -> None:
    assert default_schedule(site_of(table_function(64, "int8", "int8")), 0).template == TEMPLATE.name


def test_refuses_cores_without_dsp() -> None:
    assert "no DSP" in TEMPLATE.refusal(site_of(table_function(64, "int8", "int8"), "nucleo-g0b1re"))
