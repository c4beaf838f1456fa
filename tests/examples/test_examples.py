"""The examples do what they say, and the arithmetic that they describe is the arithmetic that runs."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.session.hosted_programs import load_fitting
from utvm.boards import load_board
from utvm.model import Array
from utvm.operators import run_reference
from utvm.session.session import Session

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_example(name: str, *arguments: str) -> str:
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("board", ["stm32f746-disco", "nucleo-g0b1re", "host"])
def test_one_convolution(board: str) -> None:
    assert "the answer is right" in run_example("conv2d_call", "--board", board)


@pytest.mark.models
@pytest.mark.parametrize(
    "way",
    [
        ("--board", "stm32f746-disco"),
        ("--board", "host"),
        pytest.param(("--via", "virtual-openocd"), marks=pytest.mark.openocd),
        pytest.param(("--board", "qemu-mps2-an500"), marks=pytest.mark.qemu),
    ],
    ids=lambda way: way[1],
)
def test_the_real_image_is_a_cat(models_dir: Path, way: tuple[str, str]) -> None:
    lines = run_example("cifar10_session", "--models", str(models_dir), *way).splitlines()
    assert "every layer equals the numpy reference" in lines
    assert lines[-1] == "the image is a cat"


def shifted(acc: Array, bits: int) -> Array:
    result: Array = np.clip((acc + (1 << (bits - 1))) >> bits, -128, 127)
    return result


def convolved(image: Array, weights: Array, bias: Array) -> Array:
    """A 5x5 convolution with a border of two zeros, as plain as it can be written; rows, columns, channels."""
    height, width, _ = image.shape
    padded = np.pad(image, ((2, 2), (2, 2), (0, 0))).astype(np.int64)
    sums = np.zeros((height, width, len(bias)), np.int64) + bias
    for y in range(5):
        for x in range(5):
            sums += padded[y : y + height, x : x + width] @ weights[:, y, x].astype(np.int64).T
    return shifted(sums, 9)


def pooled(image: Array, kind: str) -> Array:
    height, width, channels = image.shape
    result = np.zeros((height // 2, width // 2, channels), np.int64)
    for y in range(height // 2):
        for x in range(width // 2):
            window = image[2 * y : 2 * y + 3, 2 * x : 2 * x + 3].reshape(-1, channels)
            if kind == "max":
                result[y, x] = window.max(axis=0)
            else:
                quotient = np.abs(window.sum(axis=0)) / len(window)
                result[y, x] = np.sign(window.sum(axis=0)) * np.floor(quotient + 0.5)
    return result


def test_the_documented_arithmetic_is_what_runs() -> None:
    """Random weights, large enough to saturate and to round halves both ways, against the formulas written out."""
    random = np.random.default_rng(9)
    sizes = {"conv0": (32, 5, 5, 3), "conv1": (32, 5, 5, 32), "conv2": (64, 5, 5, 32), "dense0": (10, 1024)}
    params: dict[str, list[int]] = {}
    values: dict[str, tuple[Array, Array]] = {}
    for name, shape in sizes.items():
        weights = random.integers(-60, 61, shape)
        bias = random.integers(-128, 128, shape[0])
        values[name] = (weights, bias)
        params |= {f"{name}_weight": weights.ravel().tolist(), f"{name}_bias": bias.tolist()}
    model = example("cifar10_session").build_model(params)
    image = random.integers(-128, 128, (1, 32, 32, 3)).astype(np.int8)

    x = pooled(convolved(image[0].astype(np.int64), *values["conv0"]), "max").clip(0)
    x = pooled(convolved(x, *values["conv1"]).clip(0), "average")
    x = pooled(convolved(x, *values["conv2"]).clip(0), "average")
    weights, bias = values["dense0"]
    logits = shifted(weights @ x.ravel() + (bias << 3), 5)

    assert len(np.unique(logits)) > 1
    assert np.array_equal(run_reference(model, {"image": image})["logits"][0], logits)
    board = load_board("stm32f746-disco")
    with Session(board) as session:
        run = load_fitting(session, model).run({"image": image})
    assert np.array_equal(run.outputs["logits"][0], logits)


def test_shifts_round_halves_up_and_saturate() -> None:
    requantization = example("cifar10_session").shift_right(9)
    from utvm.model.fixed_point import multiply_double_rounding

    acc = np.array([255, 256, 257, -256, -257, -255, 767, 768, -768, -769, 1 << 20, -(1 << 20)], np.int64)
    result = multiply_double_rounding(acc, requantization.multipliers[0], requantization.shifts[0])
    assert result.tolist() == [0, 1, 1, 0, -1, 0, 1, 2, -1, -2, 2048, -2048]
    assert shifted(acc, 9)[-2:].tolist() == [127, -128]


@pytest.mark.models
def test_the_picture_is_prepared_by_subtracting_the_mean(models_dir: Path) -> None:
    folder = models_dir / "cifar10"
    params = json.loads((folder / "params.json").read_text(encoding="utf-8"))
    picture = np.load(folder / "image.npy", allow_pickle=False)
    prepared = example("cifar10_session").prepare(picture, params["mean_data"])
    wanted = picture.astype(int).ravel() - np.array(params["mean_data"])
    assert prepared.ravel().tolist() == [min(max(value, -128), 127) for value in wanted.tolist()]
