"""The benchmark models as the tests see them: files, real inputs, random inputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from utvm.compiler import load_model
from utvm.model import Array, Model

FILES = {
    "ad": "ad01_int8.tflite",
    "ic": "pretrainedResnet_quant.tflite",
    "kws": "kws_ref_model.tflite",
    "vww": "vww_96_int8.tflite",
}


def benchmark_model(folder: Path, name: str) -> Model:
    """One of MLPerf Tiny's models."""
    return load_model(folder / FILES[name])


def quantized(model: Model, values: Array) -> Array:
    """Real values in the quantization of the model's first input, halves away from zero."""
    tensor = model.tensors[model.inputs[0]]
    assert tensor.quantization is not None
    scaled = values.astype(np.float64) / tensor.quantization.scale
    rounded = np.copysign(np.floor(np.abs(scaled) + 0.5), scaled) + tensor.quantization.zero_point
    return np.asarray(np.clip(rounded, -128, 127), dtype=np.int8).reshape(tensor.shape)


def random_inputs(model: Model, count: int) -> list[dict[str, Array]]:
    """Seeded random inputs over the whole int8 range."""
    generator = np.random.default_rng(2020)
    return [
        {
            name: generator.integers(-128, 128, model.tensors[name].shape, dtype=np.int16).astype(np.int8)
            for name in model.inputs
        }
        for _ in range(count)
    ]


def real_inputs(folder: Path, name: str, model: Model) -> list[dict[str, Array]]:
    """The published inputs of a model: car noise for ad, photographs for vww, the cat for ic; none for kws."""
    if name == "ad":
        windows = np.load(folder / "inputs" / "ad_normal_id_01.npy", allow_pickle=False)
        values = [window for window in windows.reshape(-1, 640)]
    elif name == "vww":
        photographs = ("person_96x96_gray.npy", "no_person_96x96_gray.npy")
        grey = [np.load(folder / "inputs" / file, allow_pickle=False).reshape(96, 96, 1) for file in photographs]
        values = [np.repeat(image, 3, axis=2) / 255.0 for image in grey]
    elif name == "ic":
        values = [np.load(folder / "cifar10" / "image.npy", allow_pickle=False)]
    else:
        values = []
    return [{model.inputs[0]: quantized(model, value)} for value in values]
