"""The CIFAR-10 network of the post "TinyML - How TVM is Taming Tiny", run layer by layer in a µTVM session.

    python examples/cifar10_session.py --models DIR [--board stm32f746-disco] [--via virtual]
    python examples/cifar10_session.py --models DIR --via virtual-openocd    # the post's way: JTAG through OpenOCD
    python examples/cifar10_session.py --models DIR --board host             # this computer as the device

DIR holds cifar10/params.json, the weights of Arm's CMSIS-NN example, and cifar10/image.npy, a real picture
(docs/models.md says where they are from). The network is built as an operator graph, compiled, loaded into the board's
RAM and run there; every layer is compared with the numpy reference.

The arithmetic is fixed point with power-of-two scales, as in CMSIS-NN:
- input: pixel - mean of the training set, saturated to int8;
- convolution and dense: int32 accumulator, (bias << shift) + sum, then (acc + half) >> n saturated to int8: shifted
  right with rounding, halves up, where half is 1 << (n - 1). As a requantization of ours: a multiplier of 2^(31 - n);
- max pool 3x3 stride 2, ceiling: windows that hang over the edge see only what is inside;
- average pool likewise, the sum divided by the number of pixels inside, rounded, halves away from zero;
- ReLU is the clamp of the layer to 0 ... 127.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import numpy as np

import utvm
from utvm.boards import load_board
from utvm.codegen.limits import Limits
from utvm.compiler import compile_model
from utvm.model import Array, Model, Tensor, constant
from utvm.model import operator_types as ops
from utvm.rewrites import rewrite
from utvm.session.check import first_difference
from utvm.transports import Transport
from utvm.transports.openocd_virtual import OpenOcdVirtualTransport

IN_SESSION_BYTES = 160 * 1024

LABELS = ("plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CONVOLUTION_SHIFT, DENSE_SHIFT, DENSE_BIAS_SHIFT = 9, 5, 3
INT8, POSITIVE = (-128, 127), (0, 127)
EDGE = ops.Padding(bottom=1, right=1)  # what the ceiling adds to an even image
BORDER = ops.Padding(2, 2, 2, 2)


def shift_right(bits: int) -> ops.Requantization:
    """(acc + (1 << (bits - 1))) >> bits."""
    return ops.Requantization((1 << (31 - bits),), (0,))


def build_model(params: dict[str, list[int]]) -> Model:
    """The network as an operator graph: input "image" int8 [1, 32, 32, 3], output "logits" int8 [1, 10]."""
    tensors: dict[str, Tensor] = {}
    operators: list[ops.Operator] = []

    def activation(name: str, *shape: int) -> str:
        tensors[name] = Tensor(name, shape, "int8")
        return name

    def weights(layer: str, shape: tuple[int, ...], bias_shift: int) -> tuple[str, str]:
        values = np.array(params[f"{layer}_weight"], np.int8).reshape(shape)
        bias = np.array(params[f"{layer}_bias"], np.int32) << bias_shift
        for name, data in ((f"{layer}_weight", values), (f"{layer}_bias", bias)):
            tensors[name] = constant(name, data)
        return f"{layer}_weight", f"{layer}_bias"

    def convolution(name: str, source: str, size: int, channels_in: int, channels: int, clamp: tuple[int, int]) -> str:
        output = activation(f"{name}_out", 1, size, size, channels)
        operators.append(
            ops.Conv2D(
                name=name,
                inputs=(source, *weights(name, (channels, 5, 5, channels_in), 0)),
                outputs=(output,),
                strides=(1, 1),
                padding=BORDER,
                dilation=(1, 1),
                input_zero_point=0,
                requantization=shift_right(CONVOLUTION_SHIFT),
                output_zero_point=0,
                clamp=clamp,
            )
        )
        return output

    def pool(name: str, source: str, kind: str, size: int, channels: int, clamp: tuple[int, int]) -> str:
        output = activation(f"{name}_out", 1, size, size, channels)
        operators.append(
            ops.Pool2D(
                name=name,
                inputs=(source,),
                outputs=(output,),
                kind="max" if kind == "max" else "average",
                window=(3, 3),
                strides=(2, 2),
                padding=EDGE,
                clamp=clamp,
            )
        )
        return output

    image = activation("image", 1, 32, 32, 3)
    x = convolution("conv0", image, 32, 3, 32, INT8)
    x = pool("pool0", x, "max", 16, 32, POSITIVE)
    x = convolution("conv1", x, 16, 32, 32, POSITIVE)
    x = pool("pool1", x, "average", 8, 32, INT8)
    x = convolution("conv2", x, 8, 32, 64, POSITIVE)
    x = pool("pool2", x, "average", 4, 64, INT8)
    operators.append(ops.Reshape(name="flatten", inputs=(x,), outputs=(activation("flat", 1, 1024),), shape=(1, 1024)))
    operators.append(
        ops.FullyConnected(
            name="dense0",
            inputs=("flat", *weights("dense0", (10, 1024), DENSE_BIAS_SHIFT)),
            outputs=(activation("logits", 1, 10),),
            input_zero_point=0,
            weights_zero_point=0,
            requantization=shift_right(DENSE_SHIFT),
            output_zero_point=0,
            clamp=INT8,
        )
    )
    return Model("cifar10", tensors, tuple(operators), (image,), ("logits",))


def prepare(picture: Array, mean: list[int]) -> Array:
    """A uint8 picture of 32x32x3 as the network's input."""
    difference: Array = picture.astype(np.int32) - np.array(mean, np.int32).reshape(32, 32, 3)
    saturated: Array = np.clip(difference, *INT8).astype(np.int8)
    return saturated.reshape(1, 32, 32, 3)


def start_openocd(board: str) -> Transport:
    """A virtual board with its JTAG door open, and an OpenOCD connected to it."""
    return OpenOcdVirtualTransport(board)


def main() -> None:
    """Run the network and say what the picture shows."""
    parser = argparse.ArgumentParser(description="The CIFAR-10 network of 2020's post, in a session on a board.")
    parser.add_argument("--models", type=Path, default=os.environ.get("UTVM_MODELS"))
    parser.add_argument("--board", default="stm32f746-disco")
    parser.add_argument(
        "--via",
        help="virtual, arena, qemu, gdb://HOST:PORT, openocd://HOST:PORT, or virtual-openocd: a virtual board "
        "(stm32f746-disco) and an OpenOCD that debugs it by JTAG, both started here",
    )
    arguments = parser.parse_args()
    if arguments.models is None:
        parser.error("give --models, or set UTVM_MODELS, to the folder that holds cifar10/")
    folder = arguments.models / "cifar10"
    params = json.loads((folder / "params.json").read_text(encoding="utf-8"))
    image = prepare(np.load(folder / "image.npy", allow_pickle=False), params["mean_data"])
    model, board = build_model(params), load_board(arguments.board)

    via, transport = arguments.via, None
    if via == "virtual-openocd":
        via, transport = None, start_openocd(arguments.board)
    with utvm.Session(board, via=via, transport=transport) as session:
        # In a session the weights lie in RAM, which is smaller than the flash that kernels are chosen for.
        network = session.load(compile_model(model, board, limits=Limits(max_flash_bytes=IN_SESSION_BYTES)))
        run = network.run({"image": image})
        for call, cycles in zip(network.program.calls, run.layer_cycles, strict=True):
            print(f"{call.layer:8} {call.macs:12,} MACs {cycles:14,} cycles")
        print(f"{'in all':8} {network.program.macs:12,} MACs {run.cycles:14,} cycles on {board.title}")
        difference = first_difference(network, rewrite(model), {"image": image})
        print("every layer equals the numpy reference" if difference is None else difference)
        logits = run.outputs["logits"][0]
        print("logits:", ", ".join(f"{label} {value}" for label, value in zip(LABELS, logits, strict=True)))
        print(f"the image is a {LABELS[int(np.argmax(logits))]}")


if __name__ == "__main__":
    main()
