"""The CIFAR-10 network of the post, as a model; example and benchmark build it alike, but for the rounding.

The post's TVM shifted accumulators right, which rounds down. As a requantization of ours, which rounds halves up: with
half a step taken from the bias.
"""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np

from utvm.model import Array, Model, constant

_EXAMPLE = Path(__file__).parents[2] / "examples" / "cifar10_session.py"
CAT = 3


def load_network(folder: Path) -> tuple[Model, Array]:
    """The model, rounding down, and the picture as its input; `folder` holds cifar10/."""
    example = _example()
    params = json.loads((folder / "cifar10" / "params.json").read_text(encoding="utf-8"))
    model: Model = example.build_model(params)
    shifts = {f"conv{index}_bias": example.CONVOLUTION_SHIFT for index in range(3)}
    shifts["dense0_bias"] = example.DENSE_SHIFT
    tensors = dict(model.tensors)
    for name, bits in shifts.items():
        data = tensors[name].data
        assert data is not None
        tensors[name] = constant(name, (data - (1 << (bits - 1))).astype(np.int32))
    picture = np.load(folder / "cifar10" / "image.npy", allow_pickle=False)
    image: Array = example.prepare(picture, params["mean_data"])
    return replace(model, tensors=tensors), image


def _example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("cifar10_session", _EXAMPLE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
