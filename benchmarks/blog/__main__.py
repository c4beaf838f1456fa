"""python -m benchmarks.blog [--models DIR] [--trials 48] [--toolchain gcc] [--library PATH ...] [--write docs/blog.md]

The CIFAR-10 network of the post "TinyML - How TVM is Taming Tiny": untuned, tuned without and with SIMD, and served by
libraries of the user's, on the virtual F746 (modelled cycles, caches and flash included) and on this computer's arena.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np

from benchmarks.blog.network import CAT, load_network
from benchmarks.blog.picture import svg
from benchmarks.blog.rows import F746, Row, rows
from utvm.boards import load_board
from utvm.libraries import load_library
from utvm.operators import run_reference
from utvm.toolchain import find_compiler

_PICTURE = "blog.svg"


def main() -> None:
    """Print the table; write page and picture if asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.blog", description=__doc__)
    parser.add_argument("--models", type=Path, default=os.environ.get("UTVM_MODELS"), help="folder with cifar10/")
    parser.add_argument("--trials", type=int, default=48, help="most schedules per layer")
    parser.add_argument("--toolchain", choices=("auto", "gcc", "zig"), default="auto")
    parser.add_argument("--library", type=Path, action="append", default=[], help="kernels of your own, as a row")
    parser.add_argument("--write", type=Path, metavar="FILE", help=f"write the page, and {_PICTURE} beside it")
    arguments = parser.parse_args()
    if arguments.models is None:
        parser.error("give --models, or set UTVM_MODELS, to the folder that holds cifar10/ (docs/models.md)")
    model, image = load_network(arguments.models)
    logits = run_reference(model, {"image": image})["logits"][0]
    if int(np.argmax(logits)) != CAT:
        raise SystemExit(f"the picture is a cat, but the network answers {logits}")
    libraries = [load_library(path) for path in arguments.library]
    found = rows(model, image, arguments.trials, arguments.toolchain, libraries)
    compiler = find_compiler(load_board(F746), arguments.toolchain).version
    print(table(found))
    for row in found:
        print(f"\n{row.where}, {row.what}")
        for layer, schedule, macs, cycles in row.layers:
            print(f"  {layer:7} {cycles:11,} cycles{f' {cycles / macs:6.3f} a MAC' if macs else '':13}  {schedule}")
    if arguments.write is not None:
        arguments.write.write_text(page(found, compiler, arguments.trials), encoding="utf-8")
        arguments.write.with_name(_PICTURE).write_text(svg(found), encoding="utf-8")


def table(found: list[Row]) -> str:
    """In Markdown."""
    lines = ["| where | what | ms | the post, ms |", "|---|---|---|---|"]
    lines += [
        f"| {row.where} | {row.what} | {row.ms:.1f} | {'-' if row.post_ms is None else f'{row.post_ms:.1f}'} |"
        for row in found
    ]
    return "\n".join(lines)


def page(found: list[Row], compiler: str, trials: int) -> str:
    """The page in docs."""
    return f"""# The post's figure, today

Made by `python -m benchmarks.blog --write docs/blog.md`. The network and the picture are those of the post "TinyML -
How TVM is Taming Tiny" (June 2020, [models.md](models.md)): three 5x5 convolutions, three pools, a dense layer, 12.3
million multiply-accumulates, accumulators shifted right, which rounds down. Every row gives the reference's bytes,
and answers cat.

![Milliseconds of one run, today and in 2020]({_PICTURE})

{table(found)}

F746: an STM32F746 at 216 MHz, its virtual board's **modelled** cycles with caches and flash
([timing.md](timing.md)), built by {compiler}; the post's figures were measured on hardware. Untuned is
the portable kernel, compiled as all our C is (`-O2`). Tuned rows are what {trials} measured schedules per layer found,
of those that fit the arena as compilation limits it; without SIMD, the core is taken for one without DSP instructions,
and only convolutions and the dense layer have schedules to tune. Host: the machine that made this page, by its own
clock, whatever else ran there; there compilers vectorise the portable loops, and little is left to
tune. A library's row is there where one is given
([bring-your-own-kernels.md](bring-your-own-kernels.md)); the post's value beside it is that of CMSIS-NN's older
q7 kernels; with its kernels for TensorFlow Lite it took 135.9 ms.
"""


if __name__ == "__main__":
    main()
