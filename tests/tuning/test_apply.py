"""Records find their operators: in the model, in another one, and only where they hold."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from tests.kernels.host import merge_models
from tests.schedules.conv2d_cases import Convolution
from tests.tuning.conftest import conditions
from utvm.boards import Board
from utvm.codegen.limits import Limits
from utvm.compiler import compile_model
from utvm.errors import OutOfMemoryError
from utvm.model import Model
from utvm.schedules import Schedule, candidates
from utvm.schedules.registry import template_named
from utvm.tuning.apply import apply_records
from utvm.tuning.records import Failure, Record
from utvm.tuning.search import fits
from utvm.tuning.tasks import places_of


def _records(model: Model, board: Board, count: int = 3) -> list[Record]:
    """Of legal schedules; later ones are faster."""
    (place,) = places_of(model, board)
    schedules = itertools.islice((item for item in candidates(place.site) if item.knobs), count)
    return [
        Record(place.key, "Conv2D", "conv", conditions(), schedule, cycles=1000 - index)
        for index, schedule in enumerate(schedules)
    ]


def test_the_fastest_is_taken_and_failures_are_not(convolution: Model, board: Board) -> None:
    records = _records(convolution, board)
    failed = replace(records[0], cycles=None, failure=Failure("wrong answer", "all of it"))
    applied = apply_records([*records, failed], convolution, board)
    assert applied.schedules == {"conv": records[-1].schedule}
    # What was measured last counts.
    slow = replace(records[-1], cycles=5000)
    assert apply_records([*records, slow], convolution, board).schedules == {"conv": records[-2].schedule}


def test_another_model_of_the_same_structure_profits(convolution: Model, board: Board) -> None:
    records = _records(convolution, board)
    retrained = Convolution((1, 6, 6, 4), 4, (3, 3), seed=5, zero_points=(3, -4)).model()
    assert apply_records(records, retrained, board).schedules == {"conv": records[-1].schedule}
    wider = Convolution((1, 6, 7, 4), 4, (3, 3)).model()
    assert apply_records(records, wider, board).schedules == {}
    # Its own records come first, slower as they are.
    own = [replace(record, cycles=9000 + index) for index, record in enumerate(_records(retrained, board))]
    assert apply_records([*own, *records], retrained, board).schedules == {"conv": own[0].schedule}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"utvm": "0.0.1"}, "another version"),
        ({"toolchain": "an old compiler"}, "measured with an old compiler"),
        ({"board": "another"}, "measured on another"),
    ],
)
def test_stale_records_are_said_and_not_used(
    change: dict[str, str], said: str, convolution: Model, board: Board
) -> None:
    records = [replace(record, conditions=conditions(**change)) for record in _records(convolution, board)]
    applied = apply_records(records, convolution, board, "a compiler")
    assert applied.schedules == {}
    assert len(applied.remarks) == 1 and applied.remarks[0].startswith("3 record(s)") and said in applied.remarks[0]


@pytest.mark.parametrize(
    "schedule", [Schedule("forgotten"), Schedule.of("conv2d_strip", {"pixels": 77}), Schedule("depthwise_planes")]
)
def test_an_illegal_schedule_gives_way_to_the_next(schedule: Schedule, convolution: Model, board: Board) -> None:
    records = _records(convolution, board)
    illegal = replace(records[0], schedule=schedule, cycles=1)
    applied = apply_records([*records, illegal], convolution, board)
    assert applied.schedules == {"conv": records[-1].schedule}
    assert len(applied.remarks) == 1 and "illegal" in applied.remarks[0]


def test_scratch_that_does_not_fit_gives_way_to_the_default(board: Board) -> None:
    model = Convolution((1, 40, 40, 8), 8, (3, 3)).model()
    (place,) = places_of(model, board)

    def needed(schedule: Schedule) -> int:
        return template_named(schedule.template).scratch_bytes(place.site, schedule)

    largest = max((item for item in candidates(place.site) if item.template == "conv2d_strip"), key=needed)
    assert needed(largest) > place.scratch_limit_bytes
    record = Record(place.key, "Conv2D", "conv", conditions(), largest, cycles=1)
    applied = apply_records([record], model, board)
    assert applied.schedules == {}
    assert "bytes of scratch" in applied.remarks[0] and "default" in applied.remarks[1]


def test_ways_of_counting_are_not_mixed(convolution: Model, board: Board) -> None:
    first, second, third = _records(convolution, board)
    by_hand = replace(third, conditions=conditions(counting="by hand"))
    assert apply_records([by_hand, first, second], convolution, board).schedules == {"conv": second.schedule}
    assert apply_records([first, second, by_hand], convolution, board).schedules == {"conv": third.schedule}
    elsewhere = replace(third, conditions=conditions(arena="sram1"))
    assert apply_records([first, elsewhere], convolution, board).schedules == {"conv": first.schedule}
    assert apply_records([elsewhere], convolution, board).schedules == {"conv": third.schedule}


def test_records_within_flash_are_the_fastest_that_fit_together(board: Board) -> None:
    models = [Convolution((1, 12, 12, 48), 48, (3, 3), seed=seed).model() for seed in (0, 1)]
    model = merge_models(models)
    winograd, strip = Schedule.of("conv2d_winograd", {"tiles": 2}), "conv2d_strip"
    places = places_of(model, board)
    records = []
    for place, gained in zip(places, (100, 5000), strict=True):
        other = next(item for item in candidates(place.site) if item.template == strip and fits(place, item))
        for schedule, cycles in ((winograd, 10_000), (other, 10_000 + gained)):
            records.append(Record(place.key, "Conv2D", "conv", conditions(), schedule, cycles=cycles))

    def applied(limit: int | None) -> list[str]:
        found = apply_records(records, model, board, limits=Limits(max_flash_bytes=limit))
        assert bool(found.remarks) == (limit is not None)
        program = compile_model(model, board, found.schedules, Limits(max_flash_bytes=limit))
        return [call.schedule.partition("(")[0] for call in program.calls]

    assert applied(None) == ["conv2d_winograd"] * 2
    assert applied(110_000) == [strip, "conv2d_winograd"]
    assert applied(70_000) == [strip] * 2
    with pytest.raises(OutOfMemoryError, match="smallest kernels"):
        apply_records(records, model, board, limits=Limits(max_flash_bytes=20_000))
