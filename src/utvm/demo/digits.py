"""The bundled digits network, its held-out images, their labels, and LiteRT's stored answers.

Both data files are made by tools/train_digits.py. The images are real scans from the UCI set "Optical Recognition of
Handwritten Digits" (E. Alpaydin, C. Kaynak; CC BY 4.0), as scikit-learn distributes them.
"""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from utvm.errors import ModelError

MODEL_FILE = "digits_int8.tflite"
HELDOUT_FILE = "digits_heldout.npz"
_HELDOUT_ARRAYS = ("pixels", "inputs", "labels", "answers")


@dataclass(frozen=True, eq=False)
class Digits:
    """The demo's network and data; n is the number of held-out images.

    `model_path`: the int8 .tflite file (input (1, 8, 8, 1), output (1, 10), both int8).
    `pixels`: the scans, (n, 8, 8) uint8 from 0 (paper) to 16 (ink), for drawing.
    `inputs`: the same as the network takes them, (n, 8, 8, 1) int8; pixels / 16 in the input's scale and zero point.
    `labels`: the digit that each image shows, (n,) uint8.
    `answers`: what LiteRT's reference kernels answer, (n, 10) int8; the largest one is the predicted digit.
    """

    model_path: Path
    pixels: npt.NDArray[np.uint8]
    inputs: npt.NDArray[np.int8]
    labels: npt.NDArray[np.uint8]
    answers: npt.NDArray[np.int8]


def load_digits() -> Digits:
    """Read the bundled network and data. Raises ModelError if the installation lacks them or they are damaged."""
    folder = Path(__file__).parent
    model_path = folder / MODEL_FILE
    if not model_path.is_file():
        raise ModelError(f"{model_path} is missing; install utvm again or run tools/train_digits.py")
    try:
        with np.load(folder / HELDOUT_FILE, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in _HELDOUT_ARRAYS}
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        path = folder / HELDOUT_FILE
        raise ModelError(f"{path} cannot be read ({error}); install utvm again or run tools/train_digits.py") from error
    return Digits(model_path, **arrays)
