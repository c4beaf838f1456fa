"""Whatever happens to a file, importing and compiling it ends in a sound model or in a UtvmError, soon and cheaply."""

from __future__ import annotations

import time
import tracemalloc
import warnings
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from tests.importers.damage import relu_model
from tests.importers.mutations import Layout, layout_of, mutate
from tests.litert.smoke_models import smoke_models
from tests.streaming.models import streaming_models
from utvm.boards import load_board
from utvm.codegen.lifetimes import find_lifetimes
from utvm.compiler import compile_model
from utvm.demo import load_digits
from utvm.errors import UtvmError
from utvm.importers.tflite import import_tflite
from utvm.operators import check_model
from utvm.rewrites import rewrite

TIME_LIMIT_S = 2.0  # of import, checks and rewrites
COMPILE_LIMIT_S = 10.0  # of everything; an intact model of this size takes about one
MEMORY_LIMIT_BYTES = 32 << 20
BOARD = "stm32f746-disco"


@dataclass(frozen=True)
class Specimen:
    """An intact file to be damaged."""

    name: str
    data: bytes
    layout: Layout


@dataclass
class Outcome:
    """How many mutants imported, how many were refused by which error, and those that did neither, or took too long."""

    imported: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


def _specimen(name: str, data: bytes) -> Specimen:
    return Specimen(name, data, layout_of(data))


@cache
def _small_specimens() -> tuple[Specimen, ...]:
    """One model per operator."""
    return tuple(_specimen(f"{model.operator}.tflite", model.model) for model in smoke_models())


@cache
def _digits() -> Specimen:
    path = load_digits().model_path
    return _specimen(path.name, path.read_bytes())


@cache
def _streaming() -> tuple[Specimen, ...]:
    """Models with state of every kind."""
    return tuple(_specimen(f"{name}.tflite", data) for name, data in streaming_models().items())


def _try(specimen: Specimen, seed: int, whole: bool, outcome: Outcome) -> None:
    """Import one mutant and take it through the rewrites to the lifetimes, or with `whole` to a program."""
    mutant = mutate(specimen.data, specimen.layout, seed)
    where = f"{specimen.name} seed {seed}"
    limit, start = TIME_LIMIT_S, time.process_time()
    try:
        model = import_tflite(mutant, specimen.name)
        outcome.imported += 1
        check_model(model)
        find_lifetimes(rewrite(model))
        if whole:
            limit = COMPILE_LIMIT_S
            compile_model(model, load_board(BOARD))
    except UtvmError as error:
        outcome.refused[type(error).__name__] += 1
        if not str(error).startswith(specimen.name):
            outcome.failures.append(f"{where}: the message does not name the file: {error}")
    except Exception as error:  # noqa: BLE001 - any other error is what this test is looking for
        outcome.failures.append(f"{where}: {type(error).__name__}: {error}")
    seconds = time.process_time() - start
    if seconds > limit:
        outcome.failures.append(f"{where}: took {seconds:.1f} s")


def _run(specimens: tuple[Specimen, ...], seeds: range, whole_every: int) -> Outcome:
    compile_model(import_tflite(relu_model(), "warm-up"), load_board(BOARD))  # importing TVM is not the mutants' time
    outcome = Outcome()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # an overflow in numpy is a shape or scale that nobody checked
        for seed in seeds:
            _try(specimens[seed % len(specimens)], seed, seed % whole_every == 0, outcome)
    return outcome


def test_damaged_models_of_every_operator() -> None:
    outcome = _run(_small_specimens(), range(4000), whole_every=1)
    assert not outcome.failures, "\n".join(outcome.failures)
    assert outcome.imported > 200, "the mutations are too coarse: too few mutants import"
    assert outcome.refused["ImportModelError"] > 1000
    assert outcome.refused["UnsupportedModelError"] > 100


def test_damaged_models_with_state() -> None:
    outcome = _run(_streaming(), range(1500), whole_every=4)
    assert not outcome.failures, "\n".join(outcome.failures)
    assert outcome.imported > 75
    assert outcome.refused["ImportModelError"] > 300
    assert outcome.refused["UnsupportedModelError"] > 30


def test_damaged_digits() -> None:
    outcome = _run((_digits(),), range(1000), whole_every=10)
    assert not outcome.failures, "\n".join(outcome.failures)
    assert outcome.refused["ImportModelError"] > 300


@pytest.mark.models
def test_damaged_benchmark_models(models_dir: Path) -> None:
    files = sorted(models_dir.glob("*.tflite"))
    assert len(files) >= 4, f"{models_dir} does not hold the four MLPerf Tiny models"
    outcome = _run(tuple(_specimen(path.name, path.read_bytes()) for path in files), range(600), whole_every=40)
    assert not outcome.failures, "\n".join(outcome.failures)
    assert outcome.refused["ImportModelError"] > 200


def test_damaged_models_take_little_memory() -> None:
    specimens = (*_small_specimens(), *_streaming(), _digits())
    worst = (0, "")
    tracemalloc.start()
    try:
        for seed in range(10_000, 10_400):
            specimen = specimens[seed % len(specimens)]
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            with suppress(UtvmError):
                rewrite(import_tflite(mutate(specimen.data, specimen.layout, seed), specimen.name))
            worst = max(worst, (tracemalloc.get_traced_memory()[1] - before, f"{specimen.name} seed {seed}"))
    finally:
        tracemalloc.stop()
    assert worst[0] < MEMORY_LIMIT_BYTES, f"{worst[1]} took {worst[0]:,} bytes"


def test_mutations_are_the_same_for_the_same_seed() -> None:
    digits = _digits()
    mutants = [mutate(digits.data, digits.layout, seed) for seed in range(50)]
    assert mutants == [mutate(digits.data, digits.layout, seed) for seed in range(50)]
    assert len(set(mutants)) > 40
