"""Programs, libraries and C compilers for the tests of exports."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tests.litert.builder import ModelBuilder
from tests.models import random_inputs
from utvm.boards import load_board
from utvm.codegen.program import Program
from utvm.compiler import compile_model, load_model
from utvm.demo import load_digits
from utvm.export import ExportRequest, Library, Sample, library_options, make_library
from utvm.model import Array, Model
from utvm.operators import run_reference
from utvm.rewrites import rewrite
from utvm.schedules import PORTABLE

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Wmissing-prototypes", "-Werror")
STRICT_CPP = ("-std=c++11", "-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror")
ZIG = (sys.executable, "-m", "ziglang")


@cache
def digits() -> Model:
    return load_model(load_digits().model_path)


def compile_for_host(model: Model, board: str = "stm32f746-disco") -> Program:
    """The model for a board, in portable kernels only."""
    return compile_model(model, load_board(board), {operator.name: PORTABLE for operator in rewrite(model).operators})


def library_of(program: Program, prefix: str, *sections: str, static: bool = False) -> Library:
    return make_library(program, library_options(program, prefix, "static" if static else "caller", sections))


def request_of(model: Model, board: str, prefix: str, static: bool = False) -> ExportRequest:
    """An export of the board's own kernels, with a random sample and the outputs expected of it."""
    program = compile_model(model, load_board(board))
    floats = any(model.tensors[name].dtype == "float32" for name in model.inputs)
    inputs = {name: np.zeros(model.tensors[name].shape, model.tensors[name].dtype) for name in model.inputs}
    inputs = inputs if floats else random_inputs(model, 1)[0]
    sample = Sample(inputs, run_reference(model, inputs))
    return ExportRequest(library_of(program, prefix, static=static), load_board(board), sample)


def write_files(files: dict[str, str] | dict[str, str | bytes], folder: Path) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def c_compilers() -> list[pytest.ParameterSet]:
    """gcc where there is one, and clang as zig brings it."""
    gcc = shutil.which("gcc")
    return [
        pytest.param(
            (gcc or "gcc",), id="gcc", marks=pytest.mark.skipif(gcc is None, reason="no gcc for this machine")
        ),
        pytest.param((*ZIG, "cc"), id="clang"),
    ]


def compile_and_link(command: Sequence[str], sources: Sequence[Path], output: Path, *flags: str) -> Path:
    done = subprocess.run(
        [*command, *flags, *map(str, sources), "-o", str(output)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return output


def run_binary(path: Path, fed: bytes = b"") -> bytes:
    done = subprocess.run([str(path)], input=fed, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, (done.returncode, done.stderr.decode(errors="replace"))
    return done.stdout


def as_bytes(values: dict[str, Array], names: Sequence[str]) -> bytes:
    return b"".join(np.ascontiguousarray(values[name]).tobytes() for name in names)


def odd_model(folder: Path) -> Model:
    """Two inputs and two outputs, named as no C variable can be; one of each is float32."""
    builder = ModelBuilder()
    word = builder.input("class", (1, 4), scale=0.5, zero_point=3)
    real = builder.input("serving_default_été:0", (1, 4), dtype="float32")
    new = builder.tensor("new", (1, 4), scale=0.25, zero_point=-7)
    middle = builder.tensor("middle", (1, 4), scale=0.5, zero_point=3)
    out = builder.tensor("PartitionedCall:1", (1, 4), dtype="float32")
    builder.operator("RELU", [word], [middle])
    builder.operator("QUANTIZE", [real], [new])
    builder.operator("DEQUANTIZE", [middle], [out])
    builder.output(new)
    builder.output(out)
    path = folder / "int.tflite"
    path.write_bytes(builder.finish())
    return load_model(path)
