"""The exported library in a C program of the test's own: no warnings, the reference's bytes, no writable globals."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
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
    odd_model,
    request_of,
    run_binary,
    write_files,
)
from tests.models import FILES, benchmark_model, random_inputs
from utvm.cli.arrays.fit import quantize
from utvm.errors import UsageError
from utvm.export import Library, Sample, format_files, library_options
from utvm.export.firmware import build_firmware, program_board, run_firmware
from utvm.model import Array
from utvm.operators import run_reference
from utvm.toolchain import find_compiler
from utvm.transports import VirtualBoardTransport


def driver(*libraries: Library) -> str:
    """A program that feeds each library from standard input, once per library, in turn, in one shared arena."""
    lines = ["#include <stdio.h>", *(f'#include "{library.header}"' for library in libraries)]
    callers = [library for library in libraries if library.options.arena == "caller"]
    regions = {name for library in callers for name in library.program.arenas}
    for name in sorted(regions):
        size = max(library.program.arenas.get(name, 0) for library in callers)
        lines.append(f"static uint8_t shared_{name}[{size}] __attribute__((aligned(16)));")
    lines.append("int main(void) {")
    for number, library in enumerate(libraries):
        prefix = library.options.prefix
        model = f"model_{number}"
        given = (
            "" if library.options.arena == "static" else "".join(f", shared_{name}" for name in library.program.arenas)
        )
        lines.append(f"{prefix}_model {model}; if ({prefix}_init(&{model}{given}) != 0) return 1;")
    for number, library in enumerate(libraries):
        model = f"model_{number}"
        for port in library.interface.inputs:
            count = f"{port.macro}_BYTES"
            lines.append(f"if (fread({model}.input.{port.member}, 1, {count}, stdin) != {count}) return 2;")
        lines.append(f"if ({library.options.prefix}_run(&{model}) != 0) return 3;")
        for port in library.interface.outputs:
            count = f"{port.macro}_BYTES"
            lines.append(f"if (fwrite({model}.output.{port.member}, 1, {count}, stdout) != {count}) return 4;")
    return "\n".join([*lines, "return 0;", "}", ""])


def build(folder: Path, command: tuple[str, ...], *libraries: Library, flags: tuple[str, ...] = ("-O1",)) -> Path:
    """The libraries side by side in folders of their own, and the driver."""
    sources, includes = [], []
    for library in libraries:
        place = write_files(library.files, folder / library.options.prefix)
        sources += [place / name for name in library.sources]
        includes.append(f"-I{place}")
    (folder / "main.c").write_text(driver(*libraries))
    return compile_and_link(command, [*sources, folder / "main.c"], folder / "program", *STRICT, *flags, *includes)


@pytest.mark.parametrize("command", c_compilers())
@pytest.mark.parametrize("static", [False, True], ids=["caller", "static"])
def test_digits_give_the_references_bytes(command: tuple[str, ...], static: bool, tmp_path: Path) -> None:
    model = digits()
    inputs = random_inputs(model, 1)[0]
    library = library_of(compile_for_host(model), "digits", static=static)
    got = run_binary(build(tmp_path, command, library), as_bytes(inputs, model.inputs))
    assert got == as_bytes(run_reference(model, inputs), model.outputs)


@pytest.mark.models
@pytest.mark.parametrize("name", FILES)
def test_benchmark_models_under_strict_warnings(models_dir: Path, name: str, tmp_path: Path) -> None:
    model = benchmark_model(models_dir, name)
    inputs = random_inputs(model, 1)[0]
    library = library_of(compile_for_host(model), name)
    gcc = shutil.which("gcc")
    commands = [(*ZIG, "cc"), *([(gcc,)] if gcc else [])]
    for number, command in enumerate(commands):
        got = run_binary(build(tmp_path / str(number), command, library), as_bytes(inputs, model.inputs))
        assert got == as_bytes(run_reference(model, inputs), model.outputs)


def test_two_models_in_one_program_share_an_arena(tmp_path: Path) -> None:
    model = digits()
    program = compile_for_host(model)
    first, second = library_of(program, "first"), library_of(program, "second")
    runs = random_inputs(model, 2)
    fed = b"".join(as_bytes(run, model.inputs) for run in runs)
    got = run_binary(build(tmp_path, (*ZIG, "cc"), first, second), fed)
    assert got == b"".join(as_bytes(run_reference(model, run), model.outputs) for run in runs)


def symbols(objects: list[Path]) -> list[tuple[str, str]]:
    """Kind as nm has it, and name, of what the objects define for others or keep in writable memory."""
    done = subprocess.run(["nm", *map(str, objects)], capture_output=True, text=True, check=True)
    return [(kind, name) for kind, name in re.findall(r"^[0-9a-f]+ (\w) (\S+)$", done.stdout, re.MULTILINE)]


@pytest.mark.skipif(shutil.which("nm") is None or shutil.which("gcc") is None, reason="no gcc and nm for this machine")
@pytest.mark.parametrize("static", [False, True], ids=["caller", "static"])
def test_only_prefixed_symbols_and_no_writable_globals(static: bool, tmp_path: Path) -> None:
    library = library_of(compile_for_host(digits()), "net7", static=static)
    place = write_files(library.files, tmp_path)
    objects = []
    for name in library.sources:
        done = subprocess.run(["gcc", *STRICT, "-O2", "-c", name, "-o", f"{name}.o"], cwd=place, check=False)
        assert done.returncode == 0
        objects.append(place / f"{name}.o")
    found = symbols(objects)
    assert {"net7_init", "net7_run"} <= {name for _, name in found}
    assert [name for kind, name in found if kind.isupper() and not name.startswith("net7_")] == []
    writable = [name for kind, name in found if kind in "bBdDcC"]
    assert writable == (["own_dtcm"] if static else [])


def test_layer_hooks_see_every_layer(tmp_path: Path) -> None:
    model = digits()
    library = library_of(compile_for_host(model), "net")
    place = write_files(library.files, tmp_path)
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "net.h"\n'
        "static uint8_t arena[NET_ARENA_DTCM_BYTES] __attribute__((aligned(16)));\n"
        "static const char *const names[] = NET_LAYER_NAMES;\n"
        'void net_layer_begin(net_model *m, int32_t i) { (void)m; printf("%s ", names[i]); }\n'
        'void net_layer_end(net_model *m, int32_t i) { (void)m; printf("%d\\n", (int)i); }\n'
        "int main(void) { net_model m; return net_init(&m, arena) || net_run(&m); }\n"
    )
    sources = [*(place / name for name in library.sources), tmp_path / "main.c"]
    binary = compile_and_link((*ZIG, "cc"), sources, tmp_path / "p", *STRICT, "-DNET_LAYER_HOOKS", f"-I{place}")
    lines = run_binary(binary).decode().splitlines()
    assert lines == [f"{call.layer} {index}" for index, call in enumerate(library.program.calls)]


@pytest.mark.parametrize("arena", ["(void *)0", "arena + 4"])
def test_a_bad_arena_is_refused(arena: str, tmp_path: Path) -> None:
    library = library_of(compile_for_host(digits()), "net")
    place = write_files(library.files, tmp_path)
    (tmp_path / "main.c").write_text(
        '#include "net.h"\nstatic uint8_t arena[NET_ARENA_DTCM_BYTES + 16] __attribute__((aligned(16)));\n'
        f"int main(void) {{ net_model m; (void)arena; return net_init(&m, {arena}) != NET_ERROR_ARENA; }}\n"
    )
    sources = [*(place / name for name in library.sources), tmp_path / "main.c"]
    run_binary(compile_and_link((*ZIG, "cc"), sources, tmp_path / "p", *STRICT, f"-I{place}"))


def test_the_header_is_cpp_and_quantizes_as_we_do(tmp_path: Path) -> None:
    """From C++, over both edges of every step; the library itself is compiled as C."""
    model = digits()
    library = library_of(compile_for_host(model), "net")
    place = write_files(library.files, tmp_path)
    port = library.interface.inputs[0]
    assert port.scale is not None and port.zero_point is not None
    steps = np.arange(-140 * 8, 140 * 8, dtype=np.float32) / np.float32(8)
    reals = np.concatenate([(steps - port.zero_point) * np.float32(port.scale), [np.nan, np.inf, -np.inf, 1e30]])
    reals = reals.astype(np.float32)
    (tmp_path / "main.cpp").write_text(
        '#include <cstdio>\n#include "net.h"\n'
        "alignas(NET_ARENA_ALIGNMENT) static uint8_t arena[NET_ARENA_DTCM_BYTES];\n"
        "int main() {\n    net_model model;\n"
        "    if (net_init(&model, arena) != 0 || net_run(&model) != 0) return 1;\n"
        "    float real;\n"
        "    while (std::fread(&real, sizeof real, 1, stdin) == 1) {\n"
        f"        const int8_t stored = net_quantize_{port.identifier}(real);\n"
        "        std::fwrite(&stored, 1, 1, stdout);\n    }\n"
        f"    return net_dequantize_{library.interface.outputs[0].identifier}(-128) != 0.0f;\n}}\n"
    )
    objects = []
    for name in library.sources:
        flags = (*STRICT, "-c", f"-I{place}")
        objects.append(compile_and_link((*ZIG, "cc"), [place / name], tmp_path / f"{name}.o", *flags))
    binary = compile_and_link(
        (*ZIG, "c++"), [tmp_path / "main.cpp", *objects], tmp_path / "p", *STRICT_CPP, f"-I{place}"
    )
    got = np.frombuffer(run_binary(binary, reals.tobytes()), np.int8)
    finite = ~np.isnan(reals)
    expected = quantize(reals[finite], port.scale, port.zero_point, "int8")
    np.testing.assert_array_equal(got[finite], expected)
    assert got[~finite].tolist() == [-128]


@pytest.mark.parametrize("static", [False, True], ids=["caller", "static"])
@pytest.mark.parametrize("odd", [False, True], ids=["digits", "odd"])
def test_the_readmes_example_compiles(odd: bool, static: bool, tmp_path: Path) -> None:
    model = odd_model(tmp_path) if odd else digits()
    place = write_files(format_files("c", request_of(model, "stm32f746-disco", "net", static)), tmp_path / "net")
    example, hooks = re.findall(r"```c\n(.*?)```", (place / "README.md").read_text(), re.DOTALL)
    (tmp_path / "example.c").write_text(f"#define NET_LAYER_HOOKS\n{example}")
    flags = (*(flag for flag in STRICT if flag != "-Wmissing-prototypes"), "-c", f"-I{place}")
    compile_and_link((*ZIG, "cc"), [tmp_path / "example.c"], tmp_path / "example.o", *flags)
    assert all(line in (place / "net.h").read_text() for line in hooks.splitlines())


def odd_inputs() -> dict[str, Array]:
    return {
        "class": np.array([[-128, 2, 4, 127]], np.int8),
        "serving_default_été:0": np.array([[-1.0, 0.125, 3.0, 1e9]], np.float32),
    }


def test_names_that_c_forbids_and_floats(tmp_path: Path) -> None:
    model, inputs = odd_model(tmp_path), odd_inputs()
    library = library_of(compile_for_host(model), "net")
    assert [port.member for port in library.interface.inputs] == ["class_", "t"]
    assert [port.member for port in library.interface.outputs] == ["new_", "output"]
    got = run_binary(build(tmp_path, (*ZIG, "cc"), library), as_bytes(inputs, model.inputs))
    assert got == as_bytes(run_reference(model, inputs), model.outputs)


def test_firmware_of_such_a_model(tmp_path: Path) -> None:
    model, inputs = odd_model(tmp_path), odd_inputs()
    request = request_of(model, "stm32f746-disco", "net")
    request = replace(request, sample=Sample(inputs, run_reference(model, inputs)))
    elf = build_firmware(request, find_compiler(request.board, "zig"), tmp_path / "firmware")
    with VirtualBoardTransport(request.board.name) as board:
        program_board(elf, board)
        result = run_firmware(request, elf, board, 60)
    assert (result.status, result.mismatches) == (0, 0)
    for name, value in run_reference(model, inputs).items():
        np.testing.assert_array_equal(result.outputs[name], value)


def test_sections_are_where_they_were_asked_for(tmp_path: Path) -> None:
    library = library_of(compile_for_host(digits()), "net", "dtcm=.fast", "constants=.ext", static=True)
    place = write_files(library.files, tmp_path)
    names = {"net.c": ".fast", "net_constants.c": ".ext"}
    for name, section in names.items():
        flags = ("-target", "thumb-freestanding-eabi", "-mcpu=cortex_m4", "-c")
        compile_and_link((*ZIG, "cc"), [place / name], tmp_path / f"{name}.o", *flags)
        assert section.encode() in (tmp_path / f"{name}.o").read_bytes()
    assert ".data" not in library.files["net_constants.c"]


@pytest.mark.parametrize("prefix", ["", "9lives", "a b", "utvm", "x__y", "y_", "a" * 30, "ä"])
def test_bad_prefixes_are_usage_errors(prefix: str) -> None:
    with pytest.raises(UsageError, match="prefix"):
        library_options(compile_for_host(digits()), prefix)


@pytest.mark.parametrize("text", ["dtcm", "nowhere=.x", "constants=a b", "constants="])
def test_bad_sections_are_usage_errors(text: str) -> None:
    with pytest.raises(UsageError, match="--section"):
        library_options(compile_for_host(digits()), "net", "static", [text])


def test_a_section_for_the_callers_arena_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="--arena static"):
        library_options(compile_for_host(digits()), "net", "caller", ["dtcm=.fast"])


def test_default_prefixes_come_from_the_models_name() -> None:
    assert library_options(compile_for_host(digits())).prefix == "digits_int8"
