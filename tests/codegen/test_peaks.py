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

PEAKS = {"ad": 768, "ic": 49_152, "kws": 16_000, "vww": 55_296}


@pytest.mark.models
@pytest.mark.parametrize("name", PEAKS)
def test_the_arena_is_no_larger_than_the_fullest_call(name: str, models_dir: Path) -> None:
    model = benchmark_model(models_dir, name)
    program = compile_portable(model)
    assert sum(program.arenas.values()) <= PEAKS[name]
    fullest, _ = live_peak(find_lifetimes(rewrite(model)).items)
    assert sum(program.arenas.values()) == fullest


@pytest.mark.models
@pytest.mark.parametrize("name", PEAKS)
def test_scratch_of_fast_kernels_is_a_quarter_more_at_most(name: str, models_dir: Path) -> None:
    """ad's widest layer is all there is of it, and its kernel widens it to 16 bits."""
    program = compile_model(benchmark_model(models_dir, name), load_board("stm32f746-disco"))
    assert program.arena_bytes <= (2_056 if name == "ad" else PEAKS[name] * 5 // 4)


@pytest.mark.models
@pytest.mark.parametrize("name", PEAKS)
def test_rewriting_keeps_the_bytes(name: str, models_dir: Path) -> None:
    model = benchmark_model(models_dir, name)
    rewritten = rewrite(model)
    assert any(getattr(operator, "input_zero_point", None) == 0 for operator in rewritten.operators)
    assert_same_bytes(model, rewritten, runs=3)
