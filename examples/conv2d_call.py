"""One convolution on a board: load C, make tensors, call it, look at the result and its cycles.

    python examples/conv2d_call.py [--board stm32f746-disco] [--via virtual]

The function is plain C. Its parameters are known from the compiler's debugging information, so a tensor of another
type, or an argument too many, is an error here and not on the device.
"""

from __future__ import annotations

import argparse

import numpy as np

import utvm
from utvm.model import Array

CONV2D = """
#include <stdint.h>

/* A square int8 image of size x size x channels, a 3x3 kernel per output channel, no padding. */
void conv2d(const int8_t *x, const int8_t *w, int32_t *y, int size, int channels, int outputs) {
    const int places = size - 2;
    for (int oy = 0; oy < places; ++oy)
        for (int ox = 0; ox < places; ++ox)
            for (int o = 0; o < outputs; ++o) {
                int32_t sum = 0;
                for (int ky = 0; ky < 3; ++ky)
                    for (int kx = 0; kx < 3; ++kx)
                        for (int c = 0; c < channels; ++c) {
                            int8_t pixel = x[((oy + ky) * size + ox + kx) * channels + c];
                            sum += pixel * w[((o * 3 + ky) * 3 + kx) * channels + c];
                        }
                y[(oy * places + ox) * outputs + o] = sum;
            }
}
"""
SIZE, CHANNELS, OUTPUTS = 10, 8, 4


def expected(x: Array, w: Array) -> Array:
    """The same convolution in numpy."""
    windows = np.lib.stride_tricks.sliding_window_view(x.astype(np.int32), (3, 3), axis=(0, 1))
    result: Array = np.einsum("yxcij,oijc->yxo", windows, w.astype(np.int32))
    return result


def main() -> None:
    """Call the convolution and compare."""
    parser = argparse.ArgumentParser(description="One convolution on a board.")
    parser.add_argument("--board", default="stm32f746-disco")
    parser.add_argument("--via")
    arguments = parser.parse_args()
    random = np.random.default_rng(2020)
    x = random.integers(-128, 128, (SIZE, SIZE, CHANNELS)).astype(np.int8)
    w = random.integers(-128, 128, (OUTPUTS, 3, 3, CHANNELS)).astype(np.int8)

    with utvm.Session(arguments.board, via=arguments.via) as session:
        module = session.load(CONV2D, name="conv2d")
        conv2d = module["conv2d"]
        y = session.tensor((SIZE - 2, SIZE - 2, OUTPUTS), "int32")
        call = conv2d(session.tensor(x), session.tensor(w), y, SIZE, CHANNELS, OUTPUTS)  # queued
        right = np.array_equal(y.numpy(), expected(x, w))  # reading the result runs it
        macs = (SIZE - 2) ** 2 * OUTPUTS * 9 * CHANNELS
        print(f"{conv2d.signature}: {module.size_bytes} bytes on {session.board.title}")
        print(f"{macs:,} MACs in {call.cycles:,} cycles; the answer is {'right' if right else 'wrong'}")


if __name__ == "__main__":
    main()
