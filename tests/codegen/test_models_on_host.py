"""MLPerf Tiny's models compiled to C: no warning, no sanitizer report, LiteRT's bytes."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.kernels.host import SANITIZERS, compile_portable, run_program
from tests.litert import run_reference as run_litert
from tests.models import FILES, benchmark_model, random_inputs, real_inputs
from utvm.operators import run_reference

pytestmark = pytest.mark.models


@pytest.mark.parametrize("name", FILES)
def test_reference_equals_litert(models_dir: Path, name: str) -> None:
    model = benchmark_model(models_dir, name)
    data = (models_dir / FILES[name]).read_bytes()
    for inputs in random_inputs(model, 5) + real_inputs(models_dir, name, model)[:2]:
        expected = run_litert(data, [inputs[key] for key in model.inputs])
        ours = run_reference(model, inputs)
        for key, value in zip(model.outputs, expected, strict=True):
            np.testing.assert_array_equal(ours[key], value)


@pytest.mark.skipif(shutil.which("gcc") is None, reason="the host's sanitizers come with gcc")
@pytest.mark.parametrize("name", FILES)
def test_generated_c_is_clean_under_sanitizers(models_dir: Path, name: str) -> None:
    model = benchmark_model(models_dir, name)
    runs = random_inputs(model, 2) + real_inputs(models_dir, name, model)[:1]
    program = compile_portable(model)
    results = run_program(program, runs, ["-O1", *SANITIZERS])
    for inputs, outputs in zip(runs, results, strict=True):
        for key, expected in run_reference(model, inputs).items():
            np.testing.assert_array_equal(outputs[key], expected)
