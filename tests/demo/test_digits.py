from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tflite

import utvm.demo.digits
from tests.litert import run_reference
from utvm.demo import Digits, load_digits
from utvm.errors import ModelError


@pytest.fixture(scope="module")
def digits() -> Digits:
    return load_digits()


def test_litert_gives_the_stored_answers(digits: Digits) -> None:
    model = digits.model_path.read_bytes()
    now = np.concatenate([run_reference(model, [one[np.newaxis]])[0] for one in digits.inputs])
    np.testing.assert_array_equal(now, digits.answers)


def test_the_network_reads_held_out_digits(digits: Digits) -> None:
    assert len(digits.labels) == 360
    assert set(digits.labels.tolist()) == set(range(10))
    assert np.mean(digits.answers.argmax(axis=1) == digits.labels) >= 0.97


def test_inputs_are_the_pixels_in_the_networks_own_quantization(digits: Digits) -> None:
    graph = tflite.Model.GetRootAs(digits.model_path.read_bytes()).Subgraphs(0)
    tensor = graph.Tensors(graph.Inputs(0))
    assert tensor.Type() == tflite.TensorType.INT8
    assert tensor.ShapeAsNumpy().tolist() == [1, *digits.inputs.shape[1:]]
    scale, zero_point = tensor.Quantization().Scale(0), tensor.Quantization().ZeroPoint(0)
    real = (digits.inputs[..., 0].astype(np.float64) - zero_point) * scale
    assert digits.pixels.max() == 16
    np.testing.assert_allclose(real, digits.pixels / 16, atol=scale * 0.51)


def test_the_held_out_images_are_scikit_learns(digits: Digits) -> None:
    from sklearn import datasets

    published = datasets.load_digits()
    images = published.images.astype(np.uint8)
    labelled = {(image.tobytes(), int(label)) for image, label in zip(images, published.target, strict=True)}
    bundled = {(image.tobytes(), int(label)) for image, label in zip(digits.pixels, digits.labels, strict=True)}
    assert bundled <= labelled


def test_the_network_shows_several_operators(digits: Digits) -> None:
    model = tflite.Model.GetRootAs(digits.model_path.read_bytes())
    names = {number: name for name, number in vars(tflite.BuiltinOperator).items() if isinstance(number, int)}
    codes = [model.OperatorCodes(i).BuiltinCode() for i in range(model.OperatorCodesLength())]
    shown = {names[code] for code in codes}
    assert shown >= {"CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "AVERAGE_POOL_2D", "FULLY_CONNECTED", "SOFTMAX"}


def test_the_bundled_files_are_small(digits: Digits) -> None:
    assert sum(path.stat().st_size for path in digits.model_path.parent.iterdir() if path.is_file()) < 100_000


def test_a_damaged_installation_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(utvm.demo.digits, "__file__", str(tmp_path / "digits.py"))
    with pytest.raises(ModelError, match=r"digits_int8\.tflite is missing"):
        load_digits()
    (tmp_path / "digits_int8.tflite").write_bytes(b"TFL3")
    whole = (Path(utvm.demo.__file__).parent / "digits_heldout.npz").read_bytes()
    for damaged in (b"", b"not an archive", whole[:1000], whole[:3000] + b"\xff" * 64 + whole[3064:]):
        (tmp_path / "digits_heldout.npz").write_bytes(damaged)
        with pytest.raises(ModelError, match=r"digits_heldout\.npz cannot be read"):
            load_digits()
