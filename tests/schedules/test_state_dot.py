"""SVDF and LSTM layers by dot products against the reference over many runs, on the cores they are for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from tests.kernels.host import merge_models
from tests.models import random_inputs
from tests.operators.cases import scale, zero_point
from tests.streaming import lstm_models, svdf_models
from utvm.boards import load_board
from utvm.codegen.assemble import Target, assemble
from utvm.codegen.budget import arena_regions
from utvm.compiler import compile_model, compile_portable, provenance
from utvm.importers.tflite import import_tflite
from utvm.model import Model
from utvm.model.tensor import constant
from utvm.operators import ReferenceSequence
from utvm.rewrites.place_states import place_states
from utvm.schedules import Site, default_schedule
from utvm.schedules.svdf import SVDFDot
from utvm.schedules.template import Template
from utvm.schedules.unidirectional_lstm import UnidirectionalLSTMDot
from utvm.session.standalone import Prefer, StandaloneSession

BOARDS = ("stm32f746-disco", "nucleo-l4r5zi", "nucleo-u575zi-q")
TOOLCHAINS = [pytest.param("gcc", marks=pytest.mark.arm_gcc), "zig"]
RUNS = 4


def _svdf(seed: int) -> Model:
    rng = np.random.default_rng([seed, 1])
    layer = svdf_models.Layer(
        units=int(rng.choice([1, 3, 8, 13])),
        rank=int(rng.choice([1, 2, 3])),
        memory=int(rng.choice([1, 2, 7])),
        feature_scale=scale(rng, 1e-3, 0.1),
        state_scale=scale(rng, 1e-4, 0.1),
        time_scale=scale(rng, 1e-5, 1e-3),
        output_scale=scale(rng, 1e-2, 1.0),
        output_zero_point=zero_point(rng),
        largest_time_weight=int(rng.choice([3000, 32767])),
    )
    batch, depth = int(rng.choice([1, 2])), int(rng.choice([1, 3, 4, 8, 17, 32]))
    return import_tflite(svdf_models.svdf_model(layer, batch, depth, seed, 0.1, zero_point(rng)), f"svdf {seed}")


def _lstm(seed: int) -> Model:
    rng = np.random.default_rng([seed, 2])
    layer = lstm_models.Layer(
        cells=int(rng.choice([1, 2, 5, 8, 12])),
        time_major=bool(rng.random() < 0.5),
        coupled=bool(rng.random() < 0.4),
        weight_scale=scale(rng, 1e-3, 0.1),
        recurrent_scale=scale(rng, 1e-3, 0.1),
        hidden_zero_point=zero_point(rng),
        state_zero_point=zero_point(rng),
        cell_exponent=int(rng.integers(-15, -8)),
        cell_clip=float(rng.choice([0.0, 0.4])),
    )
    batch, steps, depth = int(rng.choice([1, 2])), int(rng.choice([1, 3])), int(rng.choice([1, 4, 6, 16]))
    return import_tflite(
        lstm_models.lstm_model(layer, batch, steps, depth, seed, 0.05, zero_point(rng)), f"lstm {seed}"
    )


def _models(count: int) -> Iterator[Model]:
    for seed in range(count):
        yield _svdf(seed)
        yield _lstm(seed)


def _template(model: Model) -> Template:
    return SVDFDot() if type(model.operators[0]).__name__ == "SVDF" else UnidirectionalLSTMDot()


def _site(model: Model, board: str = BOARDS[0]) -> Site:
    (operator,) = model.operators
    return Site(operator, model.input_tensors(operator), model.output_tensors(operator), load_board(board).core)


@pytest.mark.parametrize("prefer", TOOLCHAINS)
@pytest.mark.parametrize("board_name", BOARDS)
def test_random_layers(board_name: str, prefer: Prefer) -> None:
    """Many side by side in one image."""
    board = load_board(board_name)
    merged = place_states(merge_models(list(_models(12))))
    chosen = {}
    for index, model in enumerate(_models(12)):
        template, site = _template(model), _site(model, board_name)
        assert template.refusal(site) == ""
        chosen[f"m{index}/{model.operators[0].name}"] = replace(default_schedule(site, 1 << 20), template=template.name)
    target = Target(board.name, board.core, arena_regions(merged, board))
    program = assemble(merged, target, provenance(merged), chosen)
    assert {call.schedule for call in program.calls} == {"svdf_dot", "lstm_dot"}
    sequence = ReferenceSequence(merged)
    with StandaloneSession(program, board, prefer) as session:
        for step, inputs in enumerate(random_inputs(merged, RUNS)):
            got = session.run(inputs).outputs
            for name, wanted in sequence.run(inputs).items():
                np.testing.assert_array_equal(got[name], wanted, err_msg=f"run {step}, {name}")


def test_layers_of_some_size_take_them_by_default() -> None:
    for model in (
        import_tflite(svdf_models.svdf_model(svdf_models.Layer(32, 2, 10), 1, 40), "svdf"),
        import_tflite(lstm_models.lstm_model(lstm_models.Layer(32), 1, 1, 40), "lstm"),
    ):
        assert default_schedule(_site(model), 1 << 16).template == _template(model).name
        assert default_schedule(_site(model, "nucleo-g0b1re"), 1 << 16).template == "portable"


def test_what_they_refuse() -> None:
    svdf, lstm = _svdf(1), _lstm(1)
    assert "is not SVDF" in SVDFDot().refusal(_site(lstm))
    assert "is not UnidirectionalLSTM" in UnidirectionalLSTMDot().refusal(_site(svdf))
    for model in (svdf, lstm):
        site = _site(model)
        assert "no DSP" in _template(model).refusal(_site(model, "nucleo-g0b1re"))
        index = 1 if model is svdf else 3
        unknown = replace(site.inputs[index], data=None)
        inputs = (*site.inputs[:index], unknown, *site.inputs[index + 1 :])
        assert "not constants" in _template(model).refusal(replace(site, inputs=inputs))
    wide = import_tflite(svdf_models.svdf_model(svdf_models.Layer(2, least_weight=127), 1, 600), "wide")
    assert "a sum could reach 2**23" in SVDFDot().refusal(_site(wide))
    packed = np.array([[-1, 0], [-128, 0]], np.int8)
    site = _site(import_tflite(svdf_models.svdf_model(svdf_models.Layer(2), 1, 2), "pair"))
    pair = replace(site, inputs=(site.inputs[0], constant("w", packed), *site.inputs[2:]))
    assert "a weight of -128 cannot be packed" in SVDFDot().refusal(pair)


def test_they_are_faster_than_the_portable_loops() -> None:
    board = load_board(BOARDS[0])
    model = import_tflite(lstm_models.lstm_model(lstm_models.Layer(32), 1, 1, 40), "lstm")
    inputs = random_inputs(model, 1)[0]
    cycles = []
    for program in (compile_model(model, board), compile_portable(model, board)):
        with StandaloneSession(program, board, "zig") as session:
            cycles.append(session.run(inputs).cycles)
    assert cycles[0] < 0.7 * cycles[1]
