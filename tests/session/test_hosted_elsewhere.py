"""Hosted sessions in the host arena and on the machines of QEMU: the reference's bytes, long counts, time to open."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from tests.models import FILES, benchmark_model, random_inputs
from tests.session.hosted_programs import load_fitting
from utvm.boards import board_names, load_board
from utvm.compiler import load_model
from utvm.demo import load_digits
from utvm.operators import run_reference
from utvm.session.session import Session

MACHINES = [pytest.param(name, marks=pytest.mark.qemu) for name in board_names("qemu")]
BOARDS = ["host", *MACHINES]
LARGE = ["host", *(item for item in MACHINES if item.values != ("qemu-microbit",))]

SPIN = """#include <stdint.h>
int32_t spin(const int8_t *a, int32_t n) { for (volatile int32_t i = 0; i < n; ++i) { } return 0 * a[0]; }
"""


@pytest.mark.models
@pytest.mark.parametrize("board_name", LARGE)
@pytest.mark.parametrize("name", FILES)
def test_benchmark_models(models_dir: Path, name: str, board_name: str) -> None:
    model, board = benchmark_model(models_dir, name), load_board(board_name)
    inputs = random_inputs(model, 1)[0]
    with Session(board) as session:
        outputs = load_fitting(session, model).run(inputs).outputs
    for output, expected in run_reference(model, inputs).items():
        np.testing.assert_array_equal(outputs[output], expected)


@pytest.mark.parametrize("board_name", BOARDS)
def test_digits(board_name: str) -> None:
    model, board = load_model(load_digits().model_path), load_board(board_name)
    inputs = random_inputs(model, 1)[0]
    with Session(board) as session:
        run = load_fitting(session, model).run(inputs)
    assert all(cycles > 0 for cycles in run.layer_cycles)
    for output, expected in run_reference(model, inputs).items():
        np.testing.assert_array_equal(run.outputs[output], expected)


@pytest.mark.qemu
def test_counts_beyond_the_24_bits_of_systick() -> None:
    with Session("qemu-mps2-an385") as session:
        module = session.load(SPIN)
        x = session.tensor(np.zeros(1, dtype=np.int8))
        counts = []
        for loops in (100_000, 3_000_000):
            module["spin"](x, loops)
            counts.append(session.last_cycles)
    assert counts[1] > 1 << 24
    assert counts[1] == pytest.approx(30 * counts[0], rel=0.001)


def test_an_arena_session_opens_in_half_a_second() -> None:
    Session("host").close()
    start = time.monotonic()
    Session("host").close()
    assert time.monotonic() - start < 0.5
