"""The arithmetic of the vector microkernels in numpy: requantization, packed products, windows in planes, averages."""

from __future__ import annotations

import numpy as np
import pytest

from utvm.boards import load_board
from utvm.microkernels.assembly import Instruction, cycles
from utvm.microkernels.assembly.operations import branch
from utvm.microkernels.assembly.vector_operations import (
    dot,
    loop_end,
    predicated,
    vector,
    vector_load,
    vector_load_post,
)
from utvm.microkernels.mve.limits import rounding_refusal
from utvm.microkernels.mve.packing import group_starts, tile_sums, tile_weights
from utvm.microkernels.mve.planes import window_weights
from utvm.microkernels.mve.pool import MOST_TAPS, average_of
from utvm.microkernels.mve.requantize import Scaling, scale_vectors, scaling_of
from utvm.microkernels.mve.window import MOST_ACROSS, Window, window_sums
from utvm.model.fixed_point import INT32_MAX, INT32_MIN, Int64Array, finish, requantize
from utvm.model.operator_types import Requantization
from utvm.model.single_rounding import single_rounding

M55 = load_board("qemu-mps3-an547").core
FULL = (-128, 127)


def sums_around(requantization: Requantization, channel: int, rng: np.random.Generator) -> Int64Array:
    """Sums whose outputs step, where halves are, their neighbours, and the ends of int32."""
    real = requantization.multipliers[channel] * 2.0 ** (requantization.shifts[channel] - 31)
    steps = np.arange(-260, 261) / 2
    near = np.round(steps / real) if real else np.zeros(1)
    fixed = np.array([INT32_MIN, INT32_MIN + 1, -1, 0, 1, INT32_MAX - 1, INT32_MAX], dtype=np.int64)
    anywhere = rng.integers(INT32_MIN, INT32_MAX, 200)
    found = np.concatenate([near + offset for offset in range(-2, 3)])
    return np.concatenate([np.clip(found, INT32_MIN, INT32_MAX).astype(np.int64), fixed, anywhere])


def random_requantization(rng: np.random.Generator, shifts: tuple[int, int]) -> Requantization:
    multipliers = rng.integers(1 << 30, 1 << 31, 6)
    # Round multipliers, whose products are often halves; and none.
    multipliers[:3] = [1 << 30, 3 << 29, 0]
    return Requantization(
        tuple(int(value) for value in multipliers), tuple(int(value) for value in rng.integers(*shifts, 6))
    )


@pytest.mark.parametrize("shifts", [(-12, 0), (-3, 1), (0, 1), (-4, 5), (1, 31), (-31, -20)])
@pytest.mark.parametrize("clamp", [FULL, (-7, 127)])
def test_double_rounding_is_exact_for_every_sum(shifts: tuple[int, int], clamp: tuple[int, int]) -> None:
    rng = np.random.default_rng([shifts[0] + 50, clamp[0] + 128])
    for _ in range(20):
        requantization, zero_point = (
            random_requantization(rng, shifts),
            -7 if clamp[0] == -7 else int(rng.integers(-128, 128)),
        )
        scaling = scaling_of(requantization, zero_point, clamp)
        rows = scale_vectors(requantization, scaling, 6)
        for channel in range(6):
            sums = sums_around(requantization, channel, rng)
            lanes = tuple(row[channel].astype(np.int64) for row in rows)
            only = Requantization((requantization.multipliers[channel],), (requantization.shifts[channel],))
            expected = finish(requantize(sums, only), zero_point, clamp)
            np.testing.assert_array_equal(np.clip(scaling.apply(sums, lanes, zero_point), *clamp), expected)


def test_every_way_of_rounding_was_tried() -> None:
    rng = np.random.default_rng(5)
    ways = {
        (scaling.rounding, scaling.left)
        for shifts in [(-12, 0), (-3, 1), (0, 1), (-4, 5)]
        for clamp in (FULL, (-7, 127))
        for scaling in [scaling_of(random_requantization(rng, shifts), -7, clamp) for _ in range(20)]
    }
    assert ways >= {("floor", False), ("floor", True), ("away", False), ("mixed", False), ("mixed", True)}


def test_single_rounding_is_exact_where_it_is_not_refused() -> None:
    rng = np.random.default_rng(6)
    tried = 0
    for _ in range(200):
        requantization = single_rounding([float(np.exp(rng.uniform(-9, 1)))])
        weights = rng.integers(-128, 128, (1, int(rng.integers(1, 3000)))).astype(np.int8)
        bias = rng.integers(-100_000, 100_000, 1)
        zero_point = int(rng.integers(-128, 128))
        if requantization.rounding == "wide" or rounding_refusal(requantization, zero_point, weights, bias):
            continue
        reach = int(np.abs(weights.astype(np.int64)).sum() * 128 + abs(bias[0]))
        sums = sums_around(requantization, 0, rng)
        sums = np.concatenate([sums[np.abs(sums) <= reach], [-reach, reach]])
        scaling = scaling_of(requantization, zero_point, FULL, reach)
        lanes = tuple(row[0].astype(np.int64) for row in scale_vectors(requantization, scaling, 1))
        expected = finish(requantize(sums, requantization), zero_point, FULL)
        np.testing.assert_array_equal(scaling.apply(sums, lanes, zero_point), expected)
        tried += 1
    assert tried > 150


def test_single_rounding_of_halves_is_refused() -> None:
    half = Requantization((1 << 30,), (-8,), "single")
    weights, bias = np.full((1, 40), 127, dtype=np.int8), np.zeros(1, dtype=np.int64)
    assert "halves" in rounding_refusal(half, 0, weights, bias)
    assert rounding_refusal(half, 0, weights[:, :1] // 127, bias) == ""
    assert "int32" in rounding_refusal(half, 0, weights, bias + (1 << 31))


@pytest.mark.parametrize(("channels", "width"), [(1, 4), (3, 4), (4, 4), (9, 4), (8, 8), (21, 8)])
def test_packed_weights_give_the_sums(channels: int, width: int) -> None:
    rng = np.random.default_rng([channels, width])
    for runs, taps in ((1, 5), (1, 48), (3, 16), (2, 37)):
        weights = rng.integers(-128, 128, (channels, runs, taps)).astype(np.int8)
        x = rng.integers(-128, 128, (3, runs, taps))
        expected = np.einsum("prt,crt->pc", x, weights.astype(np.int64))
        for group, start in zip(tile_weights(weights, width), group_starts(channels, width), strict=True):
            got = tile_sums(group, x)[:, : min(width, channels)]
            np.testing.assert_array_equal(got, expected[:, start : start + width])


@pytest.mark.parametrize("taps", [(3, 3), (1, 1), (2, 3), (5, 5), (3, 1), (1, 4), (7, 2), (7, 7)])
@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (1, 3)])
def test_windows_lie_in_planes(taps: tuple[int, int], strides: tuple[int, int]) -> None:
    rng = np.random.default_rng([*taps, *strides])
    tried = 0
    for across in range(1, MOST_ACROSS + 1):
        window = Window(5, across, taps, strides, (1, 1), 1, Scaling("floor"), 0)
        if window.refusal():
            continue
        tried += 1
        plane = rng.integers(-128, 128, (window.positions, window.record)).astype(np.int8)
        weights = rng.integers(-128, 128, (2, *taps)).astype(np.int8)
        packed = window_weights(window, weights)
        for channel in range(2):
            expected = [
                [
                    (
                        plane[i * strides[0] :][: taps[0], j * strides[1] :][:, : taps[1]].astype(np.int64)
                        * weights[channel]
                    ).sum()
                    for j in range(across)
                ]
                for i in range(5)
            ]
            np.testing.assert_array_equal(window_sums(window, plane.reshape(-1), packed, channel), expected)
    assert tried


def test_averages_of_every_sum() -> None:
    for count in range(1, MOST_TAPS + 1):
        sums = np.arange(-128 * count, 127 * count + 1, dtype=np.int64)
        magnitude = (np.abs(sums) + count // 2) // count
        np.testing.assert_array_equal(average_of(sums, count), np.where(sums > 0, magnitude, -magnitude))


def test_loads_and_products_overlap_in_the_estimate() -> None:
    load = [vector_load("vldrb.u8", f"q{index}", "r1", 16 * index) for index in range(4)]
    product = [dot(f"r{2 * index}", "q6", "q7", accumulate=True) for index in range(4)]
    mixed = [instruction for pair in zip(load, product, strict=True) for instruction in pair]
    assert cycles([*mixed, loop_end("1b")], M55, loop=True) == pytest.approx(8)
    assert cycles([*load, loop_end("1b")], M55, loop=True) == pytest.approx(8)
    assert cycles([*mixed, branch("ne", "1b")], M55, loop=True) == pytest.approx(11)


def test_instructions_are_written_as_assemblers_want_them() -> None:
    def text(instruction: Instruction) -> str:
        return instruction.text

    assert text(vector("vrshl.s32", "q0", "q0", "r7")) == "vrshl.s32 q0, r7"
    assert text(vector("vrshl.s32", "q0", "q1", "q2")) == "vrshl.s32 q0, q1, q2"
    assert text(predicated(vector_load("vldrb.u8", "q0", "r1"))) == "vpst\n    vldrbt.u8 q0, [r1]"
    with pytest.raises(ValueError, match="in place"):
        vector("vrshl.s32", "q0", "q1", "r7")
    with pytest.raises(ValueError, match="offset 128"):
        vector_load_post("vldrb.u8", "q0", "r1", 128)
