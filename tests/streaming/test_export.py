"""The exported library of a model with state: sequences side by side in one arena, resets, every kind of project."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests.export.programs import (
    STRICT,
    STRICT_CPP,
    ZIG,
    as_bytes,
    c_compilers,
    compile_and_link,
    compile_for_host,
    digits,
    library_of,
    request_of,
    run_binary,
    write_files,
)
from tests.kernels.host import SANITIZERS, host_compiler
from tests.models import random_inputs
from tests.streaming.models import streaming_models
from utvm.boards import load_board
from utvm.export import FORMATS, Library, format_files
from utvm.export.firmware import build_firmware, program_board, run_firmware
from utvm.importers.tflite import import_tflite
from utvm.model import Array, Model
from utvm.operators import ReferenceSequence, run_reference
from utvm.toolchain import find_compiler
from utvm.transports import VirtualBoardTransport

NAMES = sorted(streaming_models())
STEPS = 20
RESET_BEFORE = 13
# Which of the two sequences each run belongs to.
TURNS = [0, 1, 1, 0, 0, 0, 1, 0, 1, 1, 1, 0, 0, 1, 0, 1, 1, 0, 1, 0]


def model_of(name: str) -> Model:
    return import_tflite(streaming_models()[name], f"{name}.tflite")


def interleaved_main(library: Library, other: Library | None = None) -> str:
    """Two sequences of one library by turns in one arena; before run RESET_BEFORE the second begins anew.

    With `other`, that library runs in the same arena after each run, on zeros.
    """
    prefix, regions = library.options.prefix, list(library.program.arenas)
    is_own = library.options.arena == "static"
    given = "".join(f", arena_{region}" for region in regions if not is_own)
    lines = ["#include <stdio.h>", f'#include "{library.header}"']
    sizes = {region: library.program.arenas[region] for region in regions}
    if other is not None:
        lines.append(f'#include "{other.header}"')
        sizes = {region: max(size, other.program.arenas.get(region, 0)) for region, size in sizes.items()}
        assert set(other.program.arenas) <= set(sizes)
    if not is_own:
        lines += [f"static uint8_t arena_{r}[{size}] __attribute__((aligned(16)));" for r, size in sizes.items()]
    lines += [
        f"static const int turns[] = {{{', '.join(map(str, TURNS))}}};",
        f"static {prefix}_model models[2];",
        "int main(void) {",
        f"for (int m = 0; m < 2; ++m) if ({prefix}_init(&models[m]{given}) != 0) return 1;",
    ]
    if other is not None:
        arguments = "".join(f", arena_{region}" for region in other.program.arenas)
        lines += [f"static {other.options.prefix}_model guest;",
                  f"if ({other.options.prefix}_init(&guest{arguments}) != 0) return 1;"]  # fmt: skip
    lines += [
        f"for (int step = 0; step < {STEPS}; ++step) {{",
        f"{prefix}_model *const model = &models[turns[step]];",
        f"if (step == {RESET_BEFORE}) {prefix}_reset(&models[1]);",
    ]
    for port in library.interface.inputs:
        count = f"{port.macro}_BYTES"
        lines.append(f"if (fread(model->input.{port.member}, 1, {count}, stdin) != {count}) return 2;")
    lines.append(f"if ({prefix}_run(model) != 0) return 3;")
    for port in library.interface.outputs:
        count = f"{port.macro}_BYTES"
        lines.append(f"if (fwrite(model->output.{port.member}, 1, {count}, stdout) != {count}) return 4;")
    if other is not None:
        lines.append(f"if ({other.options.prefix}_run(&guest) != 0) return 5;")
    return "\n".join([*lines, "}", "return 0;", "}", ""])


def expected(model: Model, runs: list[dict[str, Array]]) -> bytes:
    sequences = [ReferenceSequence(model), ReferenceSequence(model)]
    answers = []
    for step, (turn, inputs) in enumerate(zip(TURNS, runs, strict=True)):
        if step == RESET_BEFORE:
            sequences[1].reset()
        answers.append(as_bytes(sequences[turn].run(inputs), model.outputs))
    return b"".join(answers)


def check(folder: Path, command: tuple[str, ...], library: Library, model: Model, *flags: str,
          other: Library | None = None) -> None:  # fmt: skip
    libraries = [library, *([other] if other else [])]
    sources, includes = [], []
    for each in libraries:
        place = write_files(each.files, folder / each.options.prefix)
        sources += [place / name for name in each.sources]
        includes.append(f"-I{place}")
    (folder / "main.c").write_text(interleaved_main(library, other))
    binary = compile_and_link(command, [*sources, folder / "main.c"], folder / "program", *STRICT, *flags, *includes)
    runs = random_inputs(model, STEPS)
    got = run_binary(binary, b"".join(as_bytes(run, model.inputs) for run in runs))
    assert got == expected(model, runs)


@pytest.mark.parametrize("command", c_compilers())
@pytest.mark.parametrize("static", [False, True], ids=["caller", "static"])
@pytest.mark.parametrize("name", NAMES)
def test_two_sequences_by_turns_in_one_arena(name: str, static: bool, command: tuple[str, ...], tmp_path: Path) -> None:
    model = model_of(name)
    check(tmp_path, command, library_of(compile_for_host(model), "net", static=static), model, "-O2")


@pytest.mark.parametrize("name", NAMES)
def test_under_sanitizers(name: str, tmp_path: Path) -> None:
    model = model_of(name)
    check(tmp_path, tuple(host_compiler()), library_of(compile_for_host(model), "net"), model, "-O1", *SANITIZERS)


def test_another_model_in_the_arena_leaves_the_state_alone(tmp_path: Path) -> None:
    model = model_of("ring_buffer")
    other = library_of(compile_for_host(digits()), "guest")
    check(tmp_path, (*ZIG, "cc"), library_of(compile_for_host(model), "net"), model, "-O1", other=other)


@pytest.mark.parametrize("name", NAMES)
def test_sizes_are_exact_and_cpp_reads_the_header(name: str, tmp_path: Path) -> None:
    library = library_of(compile_for_host(model_of(name)), "net")
    place = write_files(library.files, tmp_path)
    (tmp_path / "main.cpp").write_text(
        '#include "net.h"\n#if NET_STATE_BYTES < 4\n#error\n#endif\n'
        "static_assert(sizeof(net_state) == NET_STATE_BYTES, \"size\");\n"
        "static_assert(sizeof(net_model::state) == NET_STATE_BYTES, \"member\");\n"
        "int main() { void (*reset)(net_model *) = net_reset; return reset == nullptr; }\n"
    )  # fmt: skip
    objects = []
    for source in library.sources:
        flags = (*STRICT, "-c", f"-I{place}")
        objects.append(compile_and_link((*ZIG, "cc"), [place / source], tmp_path / f"{source}.o", *flags))
    sources = [tmp_path / "main.cpp", *objects]
    run_binary(compile_and_link((*ZIG, "c++"), sources, tmp_path / "p", *STRICT_CPP, f"-I{place}"))


@pytest.mark.parametrize("static", [False, True], ids=["caller", "static"])
def test_the_readme_says_how_and_its_example_compiles(static: bool, tmp_path: Path) -> None:
    files = format_files("c", request_of(model_of("ring_buffer"), "stm32f746-disco", "net", static))
    place = write_files(files, tmp_path / "net")
    text = (place / "README.md").read_text()
    assert "`NET_STATE_BYTES` bytes, is `model.state`" in text
    assert "net_reset()" in text
    example, _ = re.findall(r"```c\n(.*?)```", text, re.DOTALL)
    (tmp_path / "example.c").write_text(example)
    flags = (*(flag for flag in STRICT if flag != "-Wmissing-prototypes"), "-c", f"-I{place}")
    compile_and_link((*ZIG, "cc"), [tmp_path / "example.c"], tmp_path / "example.o", *flags)


@pytest.mark.parametrize("format_name", FORMATS)
def test_every_format_takes_a_model_with_state(format_name: str) -> None:
    board = "qemu-riscv32-virt" if format_name == "esp-idf" else "stm32f746-disco"
    files = format_files(format_name, request_of(model_of("ring_buffer"), board, "net"))
    assert files


def test_firmware_runs_the_first_step(tmp_path: Path) -> None:
    model, board = model_of("accumulator"), load_board("stm32f746-disco")
    request = request_of(model, board.name, "net")
    firmware = build_firmware(request, find_compiler(board, "zig"), tmp_path)
    with VirtualBoardTransport(board.name) as transport:
        program_board(firmware, transport)
        result = run_firmware(request, firmware, transport, 60)
    assert (result.status, result.mismatches) == (0, 0)
    for name, wanted in run_reference(model, dict(request.sample.inputs)).items():
        np.testing.assert_array_equal(result.outputs[name], wanted)


def test_a_model_without_state_has_no_trace_of_any() -> None:
    files = library_of(compile_for_host(digits()), "net").files
    assert not re.search(r"net_state|net_reset", files["net.h"] + files["net.c"], re.IGNORECASE)
