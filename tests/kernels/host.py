"""Run compiled programs on the host: the generated C, built by the host's compiler, fed through pipes."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

import utvm
from utvm import compiler
from utvm.boards import load_board
from utvm.codegen.assemble import Target, assemble
from utvm.codegen.memory_plan import ArenaRegion
from utvm.codegen.model_source import source_files
from utvm.codegen.program import Program
from utvm.compiler import provenance
from utvm.model import Array, Model
from utvm.rewrites.place_states import place_states
from utvm.schedules import PORTABLE

RUNTIME_INCLUDE = Path(utvm.__path__[0]) / "runtime" / "include"
WARNINGS = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g"]


def host_compiler() -> list[str]:
    """The host's C compiler, or zig's."""
    for name in ("gcc", "cc", "clang"):
        path = shutil.which(name)
        if path:
            return [path]
    return [sys.executable, "-m", "ziglang", "cc"]


def _driver(program: Program, repeats: int) -> str:
    lines = [
        "#include <stdio.h>",
        '#include "model.h"',
        "int main(void) {",
        *(["utvm_model_reset();"] if program.states else []),
        f"for (int run = 0; run < {repeats}; ++run) {{",
    ]
    for index, name in enumerate(program.inputs):
        size = program.tensor(name).size_bytes
        lines.append(f"if (fread(utvm_model_input_{index}, 1, {size}, stdin) != {size}) return 2;")
    lines.append("if (utvm_model_run() != 0) return 3;")
    for index, name in enumerate(program.outputs):
        size = program.tensor(name).size_bytes
        lines.append(f"if (fwrite(utvm_model_output_{index}, 1, {size}, stdout) != {size}) return 4;")
    return "\n".join([*lines, "}", "return 0;", "}", ""])


def run_program(
    program: Program, runs: Sequence[Mapping[str, Array]], flags: Sequence[str] = ("-O1",)
) -> list[dict[str, Array]]:
    """The outputs by name of each run; states are kept from one to the next.

    Compiles with all warnings as errors; raises on any sanitizer report.
    """
    with tempfile.TemporaryDirectory() as folder:
        build = Path(folder)
        for name, text in source_files(program).items():
            (build / name).write_text(text)
        (build / "driver.c").write_text(_driver(program, len(runs)))
        sources = [str(path) for path in sorted(build.glob("*.c"))]
        binary = build / "program"
        command = [
            *host_compiler(),
            *WARNINGS,
            *flags,
            f"-I{RUNTIME_INCLUDE}",
            f"-I{build}",
            *sources,
            "-o",
            str(binary),
        ]
        built = subprocess.run(command, capture_output=True, text=True, check=False)
        assert built.returncode == 0, built.stderr
        fed = b"".join(np.ascontiguousarray(run[name]).tobytes() for run in runs for name in program.inputs)
        done = subprocess.run([str(binary)], input=fed, capture_output=True, check=False, timeout=120)
        assert done.returncode == 0, f"exit status {done.returncode}: {done.stderr.decode(errors='replace')}"
    results: list[dict[str, Array]] = []
    cursor = 0
    for _ in runs:
        outputs: dict[str, Array] = {}
        for name in program.outputs:
            tensor = program.tensor(name)
            raw = done.stdout[cursor : cursor + tensor.size_bytes]
            outputs[name] = np.frombuffer(raw, dtype=tensor.dtype).reshape(tensor.shape)
            cursor += tensor.size_bytes
        results.append(outputs)
    assert cursor == len(done.stdout)
    return results


def assemble_as_is(model: Model) -> Program:
    """The program of a model without rewrites but the placing of states, in an arena as large as it needs."""
    model = place_states(model)
    target = Target("host", load_board("stm32f746-disco").core, (ArenaRegion("ram", 1 << 30),))
    portable = {operator.name: PORTABLE for operator in model.operators}
    return assemble(model, target, provenance(model), portable)


def run_kernels(model: Model, inputs: Mapping[str, Array], flags: Sequence[str] = ("-O1",)) -> dict[str, Array]:
    """The model's outputs from its portable kernels, no rewrite applied."""
    return run_program(assemble_as_is(model), [inputs], flags)[0]


def merge_models(models: Sequence[Model]) -> Model:
    """Several models side by side in one, names prefixed by m0/, m1/, ...: one compilation runs them all."""
    from dataclasses import replace

    tensors, operators, inputs, outputs, states = {}, [], [], [], []
    for index, model in enumerate(models):
        prefix = f"m{index}/"
        for name, tensor in model.tensors.items():
            tensors[prefix + name] = replace(tensor, name=prefix + name)
        for operator in model.operators:
            operators.append(
                replace(
                    operator,
                    name=prefix + operator.name,
                    inputs=tuple(prefix + name for name in operator.inputs),
                    outputs=tuple(prefix + name for name in operator.outputs),
                )
            )
        inputs += [prefix + name for name in model.inputs]
        outputs += [prefix + name for name in model.outputs]
        states += [replace(state, tensor=prefix + state.tensor, update=prefix + state.update) for state in model.states]
    return Model("merged", tensors, tuple(operators), tuple(inputs), tuple(outputs), states=tuple(states))


def run_many(
    cases: Sequence[tuple[Model, Mapping[str, Array]]], flags: Sequence[str] = ("-O1",)
) -> list[dict[str, Array]]:
    """Outputs of many small models, all kernels compiled together, no rewrite applied."""
    return [steps[0] for steps in run_many_sequences([(model, [inputs]) for model, inputs in cases], flags)]


def run_many_sequences(
    cases: Sequence[tuple[Model, Sequence[Mapping[str, Array]]]], flags: Sequence[str] = ("-O1",)
) -> list[list[dict[str, Array]]]:
    """The same over so many runs, the same number for each model; outputs by model and run."""
    merged = merge_models([model for model, _ in cases])
    runs = [
        {f"m{index}/{name}": value for index, (_, each) in enumerate(cases) for name, value in each[step].items()}
        for step in range(len(cases[0][1]))
    ]
    outputs = run_program(assemble_as_is(merged), runs, flags)
    return [
        [{name: step[f"m{index}/{name}"] for name in model.outputs} for step in outputs]
        for index, (model, _) in enumerate(cases)
    ]


def run_compiled(
    model: Model, runs: Sequence[Mapping[str, Array]], board: str = "stm32f746-disco", flags: Sequence[str] = ("-O1",)
) -> list[dict[str, Array]]:
    """The model compiled as for a board (rewrites and plan) with portable kernels, run on the host."""
    return run_program(compile_portable(model, board), runs, flags)


def compile_portable(model: Model, board: str = "stm32f746-disco") -> Program:
    """The model compiled for a board with portable kernels only, so that the host can run them."""
    return compiler.compile_portable(model, load_board(board))
