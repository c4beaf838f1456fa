"""The template of docs/adding-a-schedule.md is right, and the tuner takes it."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest

from tests.schedules.conv2d_cases import Convolution
from tests.tuning.conftest import Tune, records_of, use_templates
from utvm.boards import load_board
from utvm.schedules import Schedule, Template
from utvm.schedules.portable import Portable
from utvm.tuning.tasks import places_of

PAGE = Path(__file__).parents[2] / "docs" / "adding-a-schedule.md"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The page's file as a module of its own."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path_factory.mktemp("page") / "pointwise_smlad.py"
    path.write_text(code, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    made = module.PointwiseSmlad()
    assert isinstance(made, Template)
    return made


@pytest.mark.parametrize(
    "convolution",
    [
        Convolution((1, 3, 5, 16), 7, (1, 1), zero_points=(-128, 127)),
        Convolution((2, 2, 2, 32), 4, (1, 1), zero_points=(127, -128), clamp=(-100, 90), seed=3),
        Convolution((1, 1, 1, 16), 1, (1, 1), scale=20.0, seed=4),
    ],
    ids=["odd", "clamped", "single"],
)
def test_every_schedule_is_right_and_faster(
    template: Template, convolution: Convolution, tuned: Tune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_templates(monkeypatch, [Portable(), template])
    file = tmp_path / "records.jsonl"
    (task,) = tuned(convolution.model(), file, trials=10).tasks
    assert task.failures == {}
    tried = {record.schedule for record in records_of(file)}
    assert tried >= {Schedule.of(template.name, {"unroll": unroll}) for unroll in (4, 2, 1)}
    assert task.best is not None and task.best.template == template.name


@pytest.mark.parametrize(
    ("convolution", "board", "said"),
    [
        (Convolution((1, 4, 4, 4), 2, (3, 3)), "stm32f746-disco", "1x1"),
        (Convolution((1, 4, 4, 6), 2, (1, 1)), "stm32f746-disco", "multiple of 4"),
        (Convolution((1, 4, 4, 4), 2, (1, 1)), "nucleo-g0b1re", "no SMLAD"),
    ],
)
def test_what_it_cannot_do_it_refuses(template: Template, convolution: Convolution, board: str, said: str) -> None:
    (place,) = places_of(convolution.model(), load_board(board))
    assert said in template.refusal(place.site)


def test_rounds_are_whole(template: Template) -> None:
    (place,) = places_of(Convolution((1, 2, 2, 4), 2, (1, 1)).model(), load_board("stm32f746-disco"))
    schedules = {unroll: Schedule.of(template.name, {"unroll": unroll}) for unroll in (4, 2, 1)}
    conflicts = {unroll: template.conflict(place.site, schedule) for unroll, schedule in schedules.items()}
    assert [unroll for unroll, conflict in conflicts.items() if not conflict] == [1]
    assert "unroll" in conflicts[4]
