"""Schedules within a limit of flash: the fewest cycles that fit, and what the code then really takes."""

from __future__ import annotations

import itertools
import random
from collections.abc import Hashable
from pathlib import Path

import pytest

from tests.kernels.host import merge_models
from tests.schedules.conv2d_cases import Convolution
from utvm.boards import Board, load_board
from utvm.codegen.flash_fit import Choice, fit_flash
from utvm.codegen.flash_size import total_bytes
from utvm.codegen.limits import Limits
from utvm.compiler import compile_model, compile_portable
from utvm.errors import OutOfMemoryError
from utvm.model import Model
from utvm.operators.kernel import CKernel
from utvm.schedules import PORTABLE, Schedule
from utvm.session.standalone import build_program_image
from utvm.toolchain import find_compiler

KERNEL = CKernel("none", "", (), (), ())


def options(generator: random.Random, calls: int, shared: int) -> list[list[Choice]]:
    """Per call three options, slower ones smaller, some of which use microkernels that others use too."""
    made = []
    for call in range(calls):
        fast, middle, slow = sorted(generator.sample(range(100, 10_000), 3))
        large, medium, small = sorted(generator.sample(range(100, 50_000), 3), reverse=True)
        units: list[dict[Hashable, int]] = (
            [{("unit", generator.randrange(shared)): 2000} for _ in range(2)] if shared else [{}, {}]
        )
        pieces: list[dict[Hashable, int]] = [{**units[0], call: large}, {**units[1], call: medium}, {call: small}]
        made.append(
            [
                Choice(PORTABLE, KERNEL, cycles, piece)
                for cycles, piece in zip((fast, middle, slow), pieces, strict=True)
            ]
        )
    return made


def cost(chosen: list[Choice]) -> float:
    return sum(option.cycles for option in chosen)


def size(chosen: list[Choice]) -> int:
    return total_bytes(option.pieces for option in chosen)


@pytest.mark.parametrize("shared", [0, 3])
@pytest.mark.parametrize("seed", range(5))
def test_few_calls_get_the_best_combination(seed: int, shared: int) -> None:
    calls = options(random.Random(seed), 6, shared)
    combinations = [list(combination) for combination in itertools.product(*calls)]
    sizes = sorted(size(combination) for combination in combinations)
    for limit in (sizes[0], sizes[len(sizes) // 3], sizes[-1]):
        chosen = fit_flash(calls, limit, "model")
        assert size(chosen) <= limit
        assert cost(chosen) == min(cost(combination) for combination in combinations if size(combination) <= limit)
    with pytest.raises(OutOfMemoryError, match=r"need .* bytes of flash.*short by 1\."):
        fit_flash(calls, sizes[0] - 1, "model")


@pytest.mark.parametrize("shared", [0, 3])
@pytest.mark.parametrize("seed", range(5))
def test_many_calls_get_nearly_the_best(seed: int, shared: int) -> None:
    calls = options(random.Random(seed), 9, shared)  # more combinations than are tried
    combinations = [list(combination) for combination in itertools.product(*calls)]
    sizes = sorted(size(combination) for combination in combinations)
    for limit in (sizes[0], sizes[len(sizes) // 4], sizes[len(sizes) // 2]):
        chosen = fit_flash(calls, limit, "model")
        best = min(cost(combination) for combination in combinations if size(combination) <= limit)
        assert size(chosen) <= limit and cost(chosen) <= 1.1 * best


@pytest.fixture(scope="module")
def model() -> Model:
    """Two convolutions, of which Winograd makes one faster, and larger."""
    return merge_models([Convolution((1, 18, 18, 48), 48, (3, 3), seed=seed).model() for seed in (0, 1)])


def flash_bytes(model: Model, board: Board, limits: Limits, folder: Path) -> int:
    program = compile_model(model, board, limits=limits)
    return build_program_image(program, board, folder, find_compiler(board)).sizes.flash_bytes


@pytest.mark.parametrize("name", ["stm32f746-disco", "nucleo-l4r5zi"])
def test_the_image_keeps_the_limit(name: str, model: Model, tmp_path: Path) -> None:
    board = load_board(name)
    fast = flash_bytes(model, board, Limits(), tmp_path / "fast")
    portable = build_program_image(compile_portable(model, board), board, tmp_path / "portable", find_compiler(board))
    for share in (0.2, 0.5, 0.8):
        limit = int(portable.sizes.flash_bytes + share * (fast - portable.sizes.flash_bytes))
        try:
            taken = flash_bytes(model, board, Limits(max_flash_bytes=limit), tmp_path / f"{share}")
        except OutOfMemoryError:  # sizes of code are estimated from above
            assert share == 0.2
        else:
            assert taken <= limit


def test_a_schedule_that_was_asked_for_stays(model: Model) -> None:
    board = load_board("stm32f746-disco")

    def templates(limits: Limits, asked: dict[str, Schedule] | None = None) -> list[str]:
        program = compile_model(model, board, asked, limits)
        return [call.schedule.partition("(")[0] for call in program.calls]

    first = compile_model(model, board).calls[0].layer
    assert "conv2d_winograd" in templates(Limits())
    small = Limits(max_flash_bytes=60_000)
    assert templates(small) == ["conv2d_strip"] * 2
    assert templates(small, {first: PORTABLE}) == ["portable", "conv2d_strip"]


def test_what_fits_nowhere_is_one_clear_error(model: Model) -> None:
    board = load_board("stm32f746-disco")
    with pytest.raises(OutOfMemoryError, match=r"smallest kernels .*--max-flash"):
        compile_model(model, board, limits=Limits(max_flash_bytes=6000))
    with pytest.raises(OutOfMemoryError, match=r"needs .* bytes of RAM"):
        compile_model(model, board, limits=Limits(max_ram_bytes=1000))
    arena = compile_portable(model, board).arena_bytes
    assert compile_model(model, board, limits=Limits(max_ram_bytes=arena)).arena_bytes <= arena
