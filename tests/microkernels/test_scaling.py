"""Requantization by split products: the reference's byte for every sum in range, and nothing leaves int32."""

from __future__ import annotations

import numpy as np
import pytest

from utvm.microkernels.scaling import SplitScale, Steps, split_scale, steps_of
from utvm.model.fixed_point import INT32_MAX, Int64Array, finish, quantize_multiplier, requantize
from utvm.model.operator_types import Requantization


def bounds(scale: SplitScale, sums: Int64Array) -> int:
    """The largest number on the way."""
    if scale.limits is not None:
        sums = sums.clip(*scale.limits)
    v = np.zeros_like(sums)
    largest = [abs(scale.offset), abs(scale.centre), abs(scale.negative)]
    for part in reversed(scale.parts):
        largest.append(int(np.abs(sums * part).max()))
        v = sums * part + (v >> scale.drop)
        largest.append(int(np.abs(v).max()))
    v = v + scale.centre
    v = v + ((v >> 63) & scale.negative)
    return max(*largest, int(np.abs(v).max()), int(np.abs(v + scale.offset).max()))


def only(steps: list[Steps] | str) -> Steps:
    assert not isinstance(steps, str), steps
    (found,) = steps
    return found


@pytest.mark.parametrize("rounding", ["double", "single", "wide"])
@pytest.mark.parametrize("reach", [200, 30_000, 400_000, 3_000_000])
def test_every_sum(rounding: str, reach: int) -> None:
    rng = np.random.default_rng([reach, len(rounding)])
    parts: set[tuple[int, bool]] = set()
    for _ in range(3 if reach > 1 << 20 else 6):
        bias = int(rng.integers(-reach, reach + 1))
        least, greatest = -int(rng.integers(1, reach + 1)), int(rng.integers(1, reach + 1))
        zero_point = int(rng.choice([-128, 0, 5, 127]))
        clamp = (zero_point, 127) if rng.random() < 0.4 else (-128, int(rng.choice([127, 100])))
        real = 128 / reach * float(np.exp(rng.uniform(-2, 2)))
        multiplier, shift = quantize_multiplier(real)
        if rounding == "wide":
            multiplier = (multiplier << 22) + int(rng.integers(0, 1 << 22))
        requantization = Requantization((multiplier,), (shift,), rounding)  # type: ignore[arg-type]
        ranges = np.array([least]), np.array([greatest])
        steps = only(steps_of(ranges, np.array([bias]), requantization, zero_point, clamp))
        scale = split_scale(steps)
        assert scale is not None, (real, bias, least, greatest)
        parts.add((len(scale.parts), scale.negative != 0))
        sums = np.arange(least, greatest + 1, dtype=np.int64)
        truth = finish(requantize(sums + bias, requantization), zero_point, clamp).astype(np.int64)
        np.testing.assert_array_equal(scale.apply(sums) + steps.floor, truth)
        assert bounds(scale, sums) <= INT32_MAX
    assert max(parts)[0] > 1 or reach < 100_000


def test_a_settled_channel_needs_no_product() -> None:
    requantization = Requantization((1 << 30,), (-20,))
    steps = only(steps_of((np.array([-9]), np.array([9])), np.array([1 << 26]), requantization, -128, (-128, 127)))
    scale = split_scale(steps)
    assert scale is not None and scale.parts == (0,)
    truth = finish(requantize(np.array([1 << 26]), requantization), -128, (-128, 127))
    assert scale.apply(np.array([-9, 9])).tolist() == [int(truth[0]) + 128] * 2


def test_one_product_is_enough_for_small_sums() -> None:
    multiplier, shift = quantize_multiplier(0.25)
    requantization = Requantization((multiplier,), (shift,))
    scale = split_scale(only(steps_of((np.array([0]), np.array([900])), np.array([0]), requantization, 0, (0, 127))))
    assert scale is not None and len(scale.parts) == 1 and scale.negative == 0


def test_what_is_not_monotonic_is_refused() -> None:
    reach = np.array([-5]), np.array([5])
    assert "negative" in steps_of(reach, np.array([0]), Requantization((-5,), (0,)), 0, (-128, 127))
    assert "int32" in steps_of(reach, np.array([1 << 30]), Requantization((1 << 30,), (3,)), 0, (-128, 127))
