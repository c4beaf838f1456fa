"""Comparisons with a reference count every element that differs, and find the first."""

from __future__ import annotations

import numpy as np
import pytest

from utvm.model import Array
from utvm.report.check import compare_runs


def _runs(*arrays: Array) -> list[dict[str, Array]]:
    return [{"y": array} for array in arrays]


def test_equal_runs() -> None:
    values = np.arange(-128, 128, dtype=np.int16).astype(np.int8).reshape(2, 128)
    report = compare_runs(_runs(values, values), _runs(values.copy(), values.copy()), "the reference")
    assert (report.runs, report.elements, report.mismatches, report.max_abs_diff) == (2, 512, 0, 0.0)
    assert report.first is None
    assert str(report) == "0 mismatches of 512 elements in 2 runs (against the reference)"


def test_the_first_difference_and_the_largest() -> None:
    wanted = np.zeros((2, 3), np.int8)
    second = wanted.copy()
    second[1, 2], second[1, 0] = -128, 5
    report = compare_runs(_runs(wanted, wanted), _runs(wanted, second), "the reference")
    assert (report.mismatches, report.max_abs_diff) == (2, 128.0)
    assert report.first is not None
    assert (report.first.run, report.first.index, report.first.expected, report.first.got) == (1, (1, 0), 0, 5)
    assert "first: output y, run 1, element [1, 0]: expected 0, got 5" in str(report)


def test_the_difference_of_bytes_does_not_wrap() -> None:
    report = compare_runs(_runs(np.array([127], np.int8)), _runs(np.array([-128], np.int8)), "the reference")
    assert report.max_abs_diff == 255.0


def test_reals_are_compared_bit_by_bit() -> None:
    wanted = np.array([0.0, np.nan, np.inf, 1.0], np.float32)
    same = compare_runs(_runs(wanted), _runs(wanted.copy()), "the reference")
    assert same.mismatches == 0
    got = np.array([-0.0, np.nan, np.inf, np.nextafter(np.float32(1), np.float32(2))], np.float32)
    report = compare_runs(_runs(wanted), _runs(got), "the reference")
    assert report.mismatches == 2
    assert report.first is not None and report.first.index == (0,)


def test_scalars() -> None:
    report = compare_runs(_runs(np.array(3, np.int32)), _runs(np.array(4, np.int32)), "the reference")
    assert (report.mismatches, report.max_abs_diff) == (1, 1.0)
    assert report.first is not None and report.first.index == ()


def test_other_shapes_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        compare_runs(_runs(np.zeros(3, np.int8)), _runs(np.zeros(4, np.int8)), "the reference")
