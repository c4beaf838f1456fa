"""Programs and libraries for this machine."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path
from typing import Any

import pytest

from utvm.errors import UsageError
from utvm.toolchain.compiler import Compiler
from utvm.toolchain.host import (
    build_executable,
    build_shared_library,
    find_host_compiler,
    runs_programs,
    supported_sanitizers,
)

OVERFLOW = """
#include <stdlib.h>
int main(int argc, char **argv) {
    (void)argv;
    signed char *volatile values = malloc(4);
    values[argc + 3] = 1;
    int result = values[argc + 3];
    free((void *)values);
    return result == 1 ? 0 : 1;
}
"""
SHIFT = "int main(int argc, char **argv) { (void)argv; return (1 << (31 + argc)) == 12345; }\n"


@pytest.fixture(name="compiler", scope="module")
def any_host_compiler() -> Compiler:
    return find_host_compiler()


def build(compiler: Compiler, folder: Path, text: str, **options: Any) -> subprocess.CompletedProcess[str]:
    source = folder / "program.c"
    source.write_text(text, encoding="utf-8")
    program = build_executable(compiler, [source], folder / "program", **options)
    return subprocess.run([str(program)], capture_output=True, text=True, timeout=60, check=False)


def test_a_program_runs(compiler: Compiler, tmp_path: Path) -> None:
    assert build(compiler, tmp_path, "int main(void) { return 7; }\n").returncode == 7
    assert sorted(path.name for path in tmp_path.iterdir()) == ["program", "program.c"]


def test_zig_serves_where_there_is_no_native_compiler(tmp_path: Path) -> None:
    assert build(find_host_compiler("zig"), tmp_path, "int main(void) { return 7; }\n").returncode == 7


@pytest.mark.parametrize(("sanitizer", "text"), [("address", OVERFLOW), ("undefined", SHIFT)])
def test_sanitizers_end_a_wrong_program(compiler: Compiler, tmp_path: Path, sanitizer: str, text: str) -> None:
    if sanitizer not in supported_sanitizers(compiler):
        pytest.skip(f"{compiler.version} has no {sanitizer} sanitizer here")
    assert build(compiler, tmp_path, text).returncode == 0
    done = build(compiler, tmp_path, text, sanitizers=(sanitizer,))
    assert done.returncode != 0
    assert "overflow" in done.stderr or "shift" in done.stderr


def test_a_shared_library_can_be_called(compiler: Compiler, tmp_path: Path) -> None:
    source = tmp_path / "twice.c"
    source.write_text("int twice(int value);\nint twice(int value) { return 2 * value; }\n", encoding="utf-8")
    library = ctypes.CDLL(str(build_shared_library(compiler, [source], tmp_path / "libtwice.so")))
    assert library.twice(21) == 42


def test_a_flag_that_the_compiler_does_not_know_is_noticed(compiler: Compiler) -> None:
    assert not runs_programs(compiler.command, ("-fsanitize=no-such-thing",))


def test_an_unknown_preference_is_refused() -> None:
    anything: Any = "msvc"
    with pytest.raises(UsageError, match=r"'msvc'; choose auto, native or zig"):
        find_host_compiler(anything)
