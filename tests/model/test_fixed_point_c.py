"""utvm_fixed_point.h computes what fixed_point.py does, and nothing undefined."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.kernels.host import RUNTIME_INCLUDE, SANITIZERS, WARNINGS, host_compiler
from utvm.model import fixed_point
from utvm.model.fixed_point import INT32_MAX, INT32_MIN, Int64Array
from utvm.model.gemmlowp import reciprocal
from utvm.model.gemmlowp_int16 import logistic_int16, tanh_int16

# One line per function: a number, three arguments; the answer comes back as a line.
DRIVER = """
#include <stdio.h>
#include "utvm_fixed_point.h"
static int32_t call(int function, int32_t x, int64_t y, int32_t z) {
    switch (function) {
    case 0: return utvm_doubling_high_mul(x, (int32_t)y);
    case 1: return utvm_rounding_shift_right(x, z);
    case 2: return utvm_requantize(x, (int32_t)y, z);
    case 3: return utvm_requantize_once(x, (int32_t)y, z);
    case 4: return utvm_requantize_wide(x, y, z);
    case 5: return utvm_reciprocal(x);
    case 6: return utvm_leading_zeros((uint32_t)x);
    case 7: return utvm_saturating_shift_left(x, z);
    case 8: return utvm_rounding_divide(x, z);
    case 10: return utvm_logistic_q15(x);
    case 11: return utvm_tanh_q15(x, z);
    default: return utvm_clamp(x, (int32_t)y, z);
    }
}
int main(void) {
    long long arguments[4];
    while (fread(arguments, sizeof arguments, 1, stdin) == 1) {
        int32_t answer = call((int)arguments[0], (int32_t)arguments[1], arguments[2], (int32_t)arguments[3]);
        if (fwrite(&answer, sizeof answer, 1, stdout) != 1) return 1;
    }
    return 0;
}
"""
EXTREMES = np.array([INT32_MIN, INT32_MIN + 1, -(1 << 30), -3, -2, -1, 0, 1, 2, 3, 1 << 30, INT32_MAX - 1, INT32_MAX])


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The functions behind pipes, built with sanitizers."""
    folder = tmp_path_factory.mktemp("fixed_point")
    (folder / "driver.c").write_text(DRIVER)
    command = [*host_compiler(), *WARNINGS, *SANITIZERS, "-O1", f"-I{RUNTIME_INCLUDE}", str(folder / "driver.c")]
    subprocess.run([*command, "-o", str(folder / "driver")], check=True)
    return folder / "driver"


def _run(driver: Path, function: int, x: Int64Array, y: Any, z: Any) -> Int64Array:
    columns = np.broadcast_arrays(np.int64(function), x, y, z)
    fed = np.ascontiguousarray(np.stack(columns, axis=-1).astype(np.int64)).tobytes()
    done = subprocess.run([str(driver)], input=fed, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return np.frombuffer(done.stdout, dtype=np.int32).astype(np.int64)


def _numbers(rng: np.random.Generator, count: int = 20000) -> Int64Array:
    uniform = rng.integers(INT32_MIN, INT32_MAX + 1, count)
    small = uniform >> rng.integers(0, 31, count)
    return np.concatenate([np.repeat(EXTREMES, 200), small])


Meaning = Callable[[Int64Array, Int64Array, Int64Array], Any]


@pytest.mark.parametrize(
    ("function", "multiplier_bits", "shifts", "meaning"),
    [
        (0, 0, (0, 0), lambda x, y, z: fixed_point.doubling_high_mul(x, y) + 0 * z),
        (1, 31, (0, 31), lambda x, y, z: fixed_point.rounding_shift_right(x, z) + 0 * y),
        (2, 31, (-31, 30), fixed_point.multiply_double_rounding),
        (3, 31, (-31, 30), fixed_point.multiply_single_rounding),
        (4, 53, (-31, 30), fixed_point.multiply_wide),
        (7, 31, (0, 30), lambda x, y, z: np.clip(x << z, INT32_MIN, INT32_MAX) + 0 * y),
    ],
)
def test_equals_numpy(
    driver: Path, function: int, multiplier_bits: int, shifts: tuple[int, int], meaning: Meaning
) -> None:
    rng = np.random.default_rng(function)
    x = _numbers(rng)
    y = (
        _numbers(rng)
        if multiplier_bits == 0
        else rng.integers(1 << (multiplier_bits - 1), 1 << multiplier_bits, x.shape)
    )
    rng.shuffle(y)
    y[::50] = 0
    z = rng.integers(shifts[0], shifts[1] + 1, x.shape)
    np.testing.assert_array_equal(_run(driver, function, x, y, z), meaning(x, y, z))


def test_products_that_a_double_rounds_onto_a_half(driver: Path) -> None:
    """Factors of the kind 1 / (3 * 2**n), with accumulators whose exact products lie just beside a half."""
    for divisor in (3.0, 6.0, 7.0, 4861.130859375, 1e6 + 1):
        mantissa, shift = np.frexp(1 / divisor)
        accumulators = np.floor((np.arange(1, 300) - 0.5) * divisor)[:, np.newaxis] + np.arange(-1, 3)
        x = np.concatenate([accumulators, -accumulators]).ravel().astype(np.int64)
        multiplier = np.int64(np.ldexp(mantissa, 53))
        expected = fixed_point.multiply_wide(x, multiplier, shift)
        np.testing.assert_array_equal(_run(driver, 4, x, multiplier, shift), expected)


def test_reciprocal_and_leading_zeros(driver: Path) -> None:
    x = np.unique(np.concatenate([np.geomspace(1 << 19, INT32_MAX, 4000).astype(np.int64), 1 << np.arange(19, 31)]))
    np.testing.assert_array_equal(_run(driver, 5, x, 0, 0), reciprocal(x)[0])
    powers = np.concatenate([1 << np.arange(31), (1 << np.arange(1, 32)) - 1, [0]])
    expected = [32 - int(value).bit_length() for value in powers]
    np.testing.assert_array_equal(_run(driver, 6, powers, 0, 0), expected)
    assert _run(driver, 6, np.array([-1]), 0, 0).tolist() == [0]


def test_division_and_clamp(driver: Path) -> None:
    rng = np.random.default_rng(8)
    total, count = rng.integers(-(1 << 20), 1 << 20, 5000), rng.integers(1, 300, 5000)
    magnitude = (np.abs(total) + count // 2) // count
    np.testing.assert_array_equal(_run(driver, 8, total, 0, count), np.where(total > 0, magnitude, -magnitude))
    low, high = -rng.integers(0, 200, 5000), rng.integers(0, 200, 5000)
    np.testing.assert_array_equal(_run(driver, 9, total >> 12, low, high), np.clip(total >> 12, low, high))


def test_logistic_and_tanh_of_all_sixteen_bits(driver: Path) -> None:
    x = np.arange(-(1 << 15), 1 << 15, dtype=np.int64)
    np.testing.assert_array_equal(_run(driver, 10, x, 0, 0), logistic_int16(x))
    for integer_bits in range(7):
        got = _run(driver, 11, x, 0, integer_bits)
        np.testing.assert_array_equal(got, tanh_int16(x, integer_bits))
        # And they are those functions, within what 16 bits can say.
        assert np.abs(got / 2**15 - np.tanh(x / 2.0 ** (15 - integer_bits))).max() < 4e-4
    assert np.abs(logistic_int16(x) / 2**15 - 1 / (1 + np.exp(-x / 2.0**12))).max() < 4e-4
