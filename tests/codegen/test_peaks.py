"""The RAM that the activations of the MLPerf Tiny models take, and that rewriting keeps these models' bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rewrites.graphs import assert_same_bytes
from utvm.boards import load_board
from utvm.codegen.lifetimes import find_lifetimes
from utvm.codegen.memory_plan import live_peak
from utvm.compiler import compile_model, load_model
from utvm.rewrites import rewrite

PEAKS = {
    "ad01_int8.tflite": 768,
    "pretrainedResnet_quant.tflite": 49_152,
    "kws_ref_model.tflite": 16_000,
    "vww_96_int8.tflite": 55_296,
}


@pytest.mark.models
@pytest.mark.parametrize("file", PEAKS)
def test_the_arena_is_no_larger_than_the_fullest_call(file: str, models_dir: Path) -> None:
    model = load_model(models_dir / file)
    program = compile_model(model, load_board("stm32f746-disco"))
    assert sum(program.arenas.values()) <= PEAKS[file]
    peak, _ = live_peak(find_lifetimes(rewrite(model)).items)
    assert sum(program.arenas.values()) == peak


@pytest.mark.models
@pytest.mark.parametrize("file", PEAKS)
def test_rewriting_keeps_the_bytes(file: str, models_dir: Path) -> None:
    model = load_model(models_dir / file)
    rewritten = rewrite(model)
    assert any(getattr(operator, "input_zero_point", None) == 0 for operator in rewritten.operators)
    assert_same_bytes(model, rewritten, runs=3)
