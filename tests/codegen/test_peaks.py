"""The RAM that the activations of the MLPerf Tiny models take, and that rewriting keeps these models' bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kernels.host import compile_portable
from tests.models import benchmark_model
from tests.rewrites.graphs import assert_same_bytes
from utvm.boards import load_board
from utvm.codegen.lifetimes import find_lifetimes
from utvm.codegen.memory_plan import live_peak
from utvm.compiler import compile_model
from utvm.rewrites import rewrite

# All that is alive during the fullest call, and what portable kernels need of it, as they write over their inputs.
PEAKS = {"ad": 768, "ic": 49_152, "kws": 16_000, "vww": 55_296}
PORTABLE = {"ad": 768, "ic": 33_312, "kws": 10_048, "vww": 36_888}


@pytest.mark.models
@pytest.mark.parametrize("name", PEAKS)
def test_the_arena_is_smaller_than_the_fullest_call(name: str, models_dir: Path) -> None:
    model = benchmark_model(models_dir, name)
    fullest, _ = live_peak(find_lifetimes(rewrite(model)).items)
    assert fullest <= PEAKS[name]
    assert compile_portable(model).arena_bytes <= PORTABLE[name]


@pytest.mark.models
@pytest.mark.parametrize("name", PEAKS)
def test_fast_kernels_need_little_more_than_the_fullest_call(name: str, models_dir: Path) -> None:
    """ad's widest layer is all there is of it, and its kernel widens it to 16 bits; ic's transform pixels."""
    most = {"ad": 2_056, "ic": 58_000, "kws": 12_400, "vww": 54_000}
    for board in ("stm32f746-disco", "nucleo-l4r5zi"):
        assert compile_model(benchmark_model(models_dir, name), load_board(board)).arena_bytes <= most[name]


@pytest.mark.models
@pytest.mark.parametrize("name", PEAKS)
def test_rewriting_keeps_the_bytes(name: str, models_dir: Path) -> None:
    model = benchmark_model(models_dir, name)
    rewritten = rewrite(model)
    assert any(getattr(operator, "input_zero_point", None) == 0 for operator in rewritten.operators)
    assert_same_bytes(model, rewritten, runs=3)
