"""The MLPerf Tiny models, whole, against LiteRT."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.litert import run_reference
from utvm.importers.tflite import import_tflite
from utvm.operators import run_reference as run_numpy

MODELS = ["ad01_int8", "kws_ref_model", "pretrainedResnet_quant", "vww_96_int8"]


@pytest.mark.models
@pytest.mark.parametrize("name", MODELS)
def test_references_equal_litert_on_random_inputs(models_dir: Path, name: str) -> None:
    data = (models_dir / f"{name}.tflite").read_bytes()
    model = import_tflite(data, name)
    (tensor,) = (model.tensors[each] for each in model.inputs)
    rng = np.random.default_rng(11)
    for _ in range(5):
        value = rng.integers(-128, 128, tensor.shape, dtype=np.int8)
        (expected,) = run_reference(data, [value])
        outputs = run_numpy(model, {tensor.name: value})
        np.testing.assert_array_equal(outputs[model.outputs[0]], expected)
