"""The arithmetic of convolution tiles in numpy: packed weights give both sums, records give the operator's bytes."""

from __future__ import annotations

import numpy as np
import pytest

from utvm.microkernels.conv import (
    channel_ranges,
    common_records,
    common_shift,
    pack_pairs,
    pairable,
    records,
    records_refusal,
    rounding_of,
    settled_channels,
)
from utvm.microkernels.conv.clamp import clamp_operands
from utvm.model.fixed_point import Int64Array, finish, requantize, wrap_int32
from utvm.model.operator_types import Requantization
from utvm.model.tensor import Array


def halves(words: Array) -> Int64Array:
    """The signed half-words of int32 words, low first, along the last axis."""
    return np.ascontiguousarray(words).view(np.int16).astype(np.int64)


def low_bytes(words: Array) -> Int64Array:
    """What SXTB16 extracts."""
    return np.ascontiguousarray(words).view(np.int8)[..., ::2].astype(np.int64)


def tile(record: Int64Array, words: Array, x: Int64Array, rounding: str) -> tuple[int, int]:
    """What a tile stores for one pixel: the bytes of the low and of the high channel."""
    low = wrap_int32(record[0] + (low_bytes(words) * x).sum())
    raw = wrap_int32(record[1] + (halves(words) * x).sum())
    doubled = [wrap_int32(2 * low), wrap_int32(raw - low) >> 7]
    found = []
    for value, (multiplier, addend, shift) in zip(doubled, record[2:].reshape(2, 3), strict=True):
        v = (value * multiplier + (1 << 31)) >> 32
        if rounding == "away":
            v += v >> 31
        found.append(int(np.clip(wrap_int32(v + addend) >> shift, -128, 127)))
    return found[0], found[1]


@pytest.mark.parametrize("seed", range(40))
def test_a_tile_gives_the_operators_bytes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.integers(-127, 128, (2, 2 * int(rng.integers(1, 40)))).astype(np.int8)
    bias = rng.integers(-50_000, 50_000, 2).astype(np.int64)
    requantization = Requantization(
        tuple(int(value) for value in rng.integers(1 << 30, 1 << 31, 2)),
        tuple(-int(value) for value in rng.integers(1, 24, 2)),
    )
    if seed % 4 == 0:  # a shift of accumulators, rounded or, with another bias, down
        requantization = Requantization((1 << int(rng.integers(18, 26)),), (0,))
    zero_point = int(rng.choice([-128, 0, 127, 3]))
    clamp = (zero_point, 127) if rng.random() < 0.5 else (-128, 127)
    rounding = rounding_of(zero_point, clamp, requantization)
    ranges = channel_ranges(weights, bias)
    assert pairable(weights, ranges, 0, 1)
    assert records_refusal(requantization, zero_point, rounding, ranges) == ""
    (record,) = records(bias, requantization, zero_point, ranges, [(0, 1)]).astype(np.int64)
    (words,) = pack_pairs(weights, [(0, 1)])
    for _ in range(20):
        x = rng.choice(np.array([-128, -1, 0, 127, int(rng.integers(-128, 128))]), weights.shape[1]).astype(np.int64)
        expected = finish(requantize(bias + weights.astype(np.int64) @ x, requantization), zero_point, clamp)
        got = np.clip(tile(record, words, x, rounding), *clamp)
        np.testing.assert_array_equal(got, expected)


def common_tile(record: Int64Array, words: Array, x: Int64Array, shift: int) -> tuple[int, int]:
    """The same with one shift for all channels."""
    low = wrap_int32(record[0] + (low_bytes(words) * x).sum())
    raw = wrap_int32(record[1] + (halves(words) * x).sum())
    scaled = [wrap_int32(low << record[2]), wrap_int32(raw - low) >> record[5]]
    found = []
    for value, (multiplier, addend) in zip(scaled, (record[3:5], record[6:8]), strict=True):
        found.append(int(np.clip(wrap_int32(((value * multiplier) >> 32) + addend) >> shift, -128, 127)))
    return found[0], found[1]


def test_a_tile_with_one_shift_for_all_gives_the_operators_bytes() -> None:
    rng = np.random.default_rng(23)
    shared = 0
    for _ in range(60):
        weights = rng.integers(-127, 128, (2, 2 * int(rng.integers(1, 40)))).astype(np.int8)
        bias = rng.integers(-50_000, 50_000, 2).astype(np.int64)
        multipliers = tuple(int(value) for value in rng.integers(1 << 30, 1 << 31, 2))
        least = int(rng.integers(1, 14))
        requantization = Requantization(multipliers, (-least, -least - int(rng.integers(0, 7))))
        zero_point = int(rng.choice([-128, 0, 3, 127]))
        ranges = channel_ranges(weights, bias)
        shift = common_shift(requantization, zero_point, "floor", ranges)
        if shift is None or not pairable(weights, ranges, 0, 1):
            continue
        shared += 1
        (record,) = common_records(bias, requantization, zero_point, ranges, [(0, 1)], shift).astype(np.int64)
        (words,) = pack_pairs(weights, [(0, 1)])
        x = rng.choice(np.array([-128, -1, 0, 127, 55]), (20, weights.shape[1])).astype(np.int64)
        for row in x:
            expected = finish(
                requantize(bias + weights.astype(np.int64) @ row, requantization), zero_point, (-128, 127)
            )
            # What lies below the zero point is clamped to it.
            got = np.maximum(common_tile(record, words, row, shift), zero_point)
            np.testing.assert_array_equal(got, np.maximum(expected, zero_point))
    assert shared > 30


def test_ranges_are_reached_and_not_passed() -> None:
    weights = np.array([[127, -128, 0], [1, 1, 1]], dtype=np.int8)
    ranges = channel_ranges(weights, np.array([10, 0], dtype=np.int64))
    assert ranges.greatest.tolist() == [10 + 127 * 127 + 128 * 128, 3 * 127]
    assert ranges.least.tolist() == [10 - 128 * 127 - 127 * 128, -3 * 128]


def test_a_low_channel_below_zero_needs_room_in_the_high_byte() -> None:
    weights = np.array([[-1, 1], [-128, 1]], dtype=np.int8)
    ranges = channel_ranges(weights, np.zeros(2, dtype=np.int64))
    assert not pairable(weights, ranges, 0, 1)
    assert pairable(weights, ranges, 1, 0)


def test_the_high_channel_has_fewer_bits() -> None:
    weights = np.zeros((2, 2), dtype=np.int8)
    ranges = channel_ranges(weights, np.array([1 << 24, 0], dtype=np.int64))
    assert pairable(weights, ranges, 0, 1)
    assert not pairable(weights, ranges, 1, 0)


def test_settled_channels_are_constants_whatever_their_scale() -> None:
    weights = np.array([[1, -1], [3, 3]], dtype=np.int8)
    bias = np.array([1 << 30, 0], dtype=np.int64)
    ranges = channel_ranges(weights, bias)
    requantization = Requantization((1 << 30, 1 << 30), (-28, -5))
    assert settled_channels(requantization, -128, ranges).tolist() == [True, False]
    assert records_refusal(requantization, -128, "floor", ranges) == ""
    (record,) = records(bias, requantization, -128, ranges, [(0, 1)])
    constant = int(finish(requantize(bias[:1], requantization_of(requantization, 0)), -128, (-128, 127))[0])
    assert record[2:5].tolist() == [0, constant, 0]


def requantization_of(given: Requantization, channel: int) -> Requantization:
    return Requantization((given.multipliers[channel],), (given.shifts[channel],))


def test_clamp_operands_hold_bytes() -> None:
    assert clamp_operands((-128, 127)) == (0x7F7F7F7F, 0x80808080)
    assert clamp_operands((0, 5)) == (0x05050505, 0)
