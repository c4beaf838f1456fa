"""Stored outputs as real values, and classes only where the values are probabilities."""

from __future__ import annotations

import numpy as np

from utvm.codegen.program import PlacedTensor
from utvm.model import Array, Quantization
from utvm.report.outputs import OutputReport, dequantize


def _output(stored: Array, quantization: Quantization | None) -> OutputReport:
    tensor = PlacedTensor("y", "y", stored.shape[1:], stored.dtype.name, quantization, "dtcm", 0, 0, 0)
    return OutputReport(tensor, stored, dequantize(stored, tensor))


def test_per_tensor() -> None:
    output = _output(np.array([[[-128, 0, 127]]], np.int8), Quantization((0.5,), (-128,)))
    assert output.reals.tolist() == [[[0.0, 64.0, 127.5]]]


def test_per_channel() -> None:
    output = _output(np.array([[[1, 1], [3, 3]]], np.int8), Quantization((1.0, 0.5), (0, 1), axis=0))
    assert output.reals.tolist() == [[[1.0, 1.0], [1.0, 1.0]]]


def test_without_quantization() -> None:
    assert _output(np.array([[7]], np.int32), None).reals.tolist() == [[7.0]]


def test_probabilities_name_a_class() -> None:
    stored = np.array([[[-128, 122, -123, -128]], [[127, -128, -128, -128]]], np.int8)
    output = _output(stored, Quantization((1 / 256,), (-128,)))
    assert [output.top_class(0), output.top_class(1)] == [1, 0]


def test_other_values_name_none() -> None:
    unit = Quantization((1 / 256,), (-128,))
    assert _output(np.array([[[100, 100]]], np.int8), unit).top_class(0) is None
    assert _output(np.array([[[-128, 127]]], np.int8), Quantization((0.01,), (0,))).top_class(0) is None
    assert _output(np.array([[127]], np.int8), unit).top_class(0) is None
    assert _output(np.full((1, 1, 2, 2), -64, np.int8), unit).top_class(0) is None
    assert _output(np.array([[np.nan, 1.0]], np.float32), None).top_class(0) is None
