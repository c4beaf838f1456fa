# /// script
# requires-python = ">=3.10,<3.14"
# dependencies = [
#     "tensorflow-cpu==2.21.0",
#     "scikit-learn==1.9.1",
#     "ai-edge-litert>=2.0,<3",
# ]
# ///
"""Train, quantize and store the network that `utvm demo` runs: handwritten digits, 8x8 grey pixels, int8.

    uv run tools/train_digits.py            (or: pip install the packages named above, then run it with python)

Writes into src/utvm/demo (or --output):
    digits_int8.tflite     the network, quantized to int8 by the TFLite converter
    digits_heldout.npz     images that training never saw, their labels, and LiteRT's answers (see utvm.demo)

The images are scikit-learn's `load_digits`: 1,797 real scans from the UCI set "Optical Recognition of Handwritten
Digits" (E. Alpaydin, C. Kaynak; CC BY 4.0). Everything random is seeded: the same packages on the same kind of
processor give the same files. Nothing is chosen by looking at the held-out images. Takes about a minute.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SEED = 2020
HELD_OUT = 360
EPOCHS = 60
BATCH = 32
PIXEL_MAX = 16  # the scans have pixels 0..16; the network sees them divided by this
DEMO_FOLDER = Path(__file__).resolve().parents[1] / "src" / "utvm" / "demo"

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Split:
    """Pixels (n, 8, 8) uint8 in 0..16 and labels (n,) uint8, for training and held out."""

    train_pixels: Array
    train_labels: Array
    heldout_pixels: Array
    heldout_labels: Array


def split_digits() -> Split:
    """Hold out HELD_OUT images, with each digit's share as in the whole set."""
    digits = load_digits()
    pixels, labels = digits.images.astype(np.uint8), digits.target.astype(np.uint8)
    train_x, heldout_x, train_y, heldout_y = train_test_split(
        pixels, labels, test_size=HELD_OUT, random_state=SEED, stratify=labels
    )
    return Split(train_x, train_y, heldout_x, heldout_y)


def as_network_input(pixels: Array) -> Array:
    """Pixels (n, 8, 8) to float32 (n, 8, 8, 1) in 0..1."""
    return (pixels.astype(np.float32) / PIXEL_MAX)[..., np.newaxis]


def digits_network() -> Any:
    """A small residual network of separable convolutions; the batch normalizations fold into the convolutions."""
    layers = tf.keras.layers

    def normalized(name: str, x: Any, layer: Any, relu: bool = True) -> Any:
        x = layers.BatchNormalization(name=f"{name}_norm")(layer(x))
        return layers.ReLU(name=f"{name}_relu")(x) if relu else x

    def depthwise(name: str, x: Any, stride: int) -> Any:
        return normalized(name, x, layers.DepthwiseConv2D(3, stride, padding="same", use_bias=False, name=name))

    def pointwise(name: str, x: Any, channels: int, relu: bool) -> Any:
        return normalized(name, x, layers.Conv2D(channels, 1, use_bias=False, name=name), relu)

    image = tf.keras.Input((8, 8, 1), name="image")
    stem = normalized("stem", image, layers.Conv2D(16, 3, padding="same", use_bias=False, name="stem"))
    x = depthwise("depthwise1", stem, stride=1)
    x = pointwise("pointwise1", x, 16, relu=False)
    x = layers.ReLU(name="residual_relu")(layers.Add(name="residual")([stem, x]))
    x = depthwise("depthwise2", x, stride=2)
    x = pointwise("pointwise2", x, 32, relu=True)
    x = layers.Flatten(name="flatten")(layers.AveragePooling2D(2, name="pool")(x))
    scores = layers.Dense(10, name="scores")(layers.Dropout(0.3, name="dropout")(x))
    return tf.keras.Model(image, layers.Softmax(name="probabilities")(scores), name="digits")


def train(split: Split) -> Any:
    """Train with Adam, a learning rate that decays by a cosine, and dropout."""
    network = digits_network()
    steps = EPOCHS * -(-len(split.train_labels) // BATCH)
    network.compile(
        optimizer=tf.keras.optimizers.Adam(tf.keras.optimizers.schedules.CosineDecay(3e-3, steps)),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    network.fit(as_network_input(split.train_pixels), split.train_labels, batch_size=BATCH, epochs=EPOCHS, verbose=2)
    return network


def quantize(network: Any, train_pixels: Array) -> bytes:
    """Full int8 by the TFLite converter, batch 1, with the training images as the representative data set."""
    image = tf.TensorSpec((1, 8, 8, 1), tf.float32, name="image")
    with tempfile.TemporaryDirectory() as folder:  # Keras 3 hides its variables from the more direct ways
        network.export(folder, input_signature=[image], verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        return convert_to_int8(converter, train_pixels)


def convert_to_int8(converter: Any, train_pixels: Array) -> bytes:
    """Set a converter to integers only, also at the network's input and output, and run it."""
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([one[np.newaxis]] for one in as_network_input(train_pixels))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    return bytes(converter.convert())


def quantized_inputs(interpreter: Any, pixels: Array) -> Array:
    """Pixels (n, 8, 8) to int8 (n, 8, 8, 1) by the network's own input scale and zero point."""
    scale, zero_point = interpreter.get_input_details()[0]["quantization"]
    stored = np.round(as_network_input(pixels) / scale) + zero_point
    return np.asarray(np.clip(stored, -128, 127), dtype=np.int8)


def reference_answers(interpreter: Any, inputs: Array) -> Array:
    """What LiteRT's reference kernels answer to each input: int8 (n, 10)."""
    source, result = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    answers = []
    for one in inputs:
        interpreter.set_tensor(source, one[np.newaxis])
        interpreter.invoke()
        answers.append(interpreter.get_tensor(result)[0].copy())
    return np.stack(answers)


def main() -> None:
    """Make both files and say how good the network is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--output", type=Path, default=DEMO_FOLDER, help="folder to write to (default: %(default)s)")
    folder = parser.parse_args().output

    tf.keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    split = split_digits()
    network = train(split)
    predicted = network.predict(as_network_input(split.heldout_pixels), verbose=0).argmax(1)
    model = quantize(network, split.train_pixels)

    interpreter = Interpreter(model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    inputs = quantized_inputs(interpreter, split.heldout_pixels)
    answers = reference_answers(interpreter, inputs)

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "digits_int8.tflite").write_bytes(model)
    np.savez_compressed(
        folder / "digits_heldout.npz",
        pixels=split.heldout_pixels,
        inputs=inputs,
        labels=split.heldout_labels,
        answers=answers,
    )
    print(f"held out: {HELD_OUT} images")
    print(f"float32:  {np.mean(predicted == split.heldout_labels):.2%} right")
    print(f"int8:     {np.mean(answers.argmax(1) == split.heldout_labels):.2%} right, {len(model):,} bytes")


if __name__ == "__main__":
    main()
