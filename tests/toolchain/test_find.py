"""Which compiler is chosen, and what the error says if there is none."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest

from utvm.boards import board_names, load_board
from utvm.errors import ToolchainError, UsageError
from utvm.toolchain import find_compiler
from utvm.toolchain.doctor import examine
from utvm.toolchain.find import GCC_PREFIX_VARIABLE, first_line_of_version

F746 = load_board("stm32f746-disco")


def hide_gcc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)


def hide_zig(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec

    def without_zig(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == "ziglang" else real(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without_zig)


@pytest.mark.arm_gcc
def test_gcc_comes_first() -> None:
    compiler = find_compiler(F746)
    assert compiler.kind == "gcc"
    assert "arm-none-eabi-gcc" in compiler.version
    assert compiler == find_compiler(F746, "gcc")


def test_zig_where_there_is_no_gcc(monkeypatch: pytest.MonkeyPatch) -> None:
    hide_gcc(monkeypatch)
    compiler = find_compiler(F746)
    assert compiler.kind == "zig"
    assert compiler.version.startswith("zig 0.")
    assert compiler.command == (sys.executable, "-m", "ziglang", "cc")


@pytest.mark.parametrize("name", board_names())
def test_zig_never_drops_its_support_library(name: str) -> None:
    compiler = find_compiler(load_board(name), "zig")
    assert "-nostdlib" not in (*compiler.flags, *compiler.link_flags)
    assert "-fno-sanitize=all" in compiler.flags
    assert f"-mcpu={load_board(name).toolchain.zig_cpu}" in compiler.flags


def test_no_compiler_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    hide_gcc(monkeypatch)
    hide_zig(monkeypatch)
    with pytest.raises(ToolchainError, match=r"arm-none-eabi-gcc nor ziglang.*pip install ziglang.*UTVM_GCC_PREFIX"):
        find_compiler(F746)


def test_a_preferred_compiler_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    hide_gcc(monkeypatch)
    with pytest.raises(ToolchainError, match=r"no compiler for stm32f746-disco: arm-none-eabi-gcc not found"):
        find_compiler(F746, "gcc")


def test_an_unknown_preference_is_refused() -> None:
    anything: Any = "llvm"
    with pytest.raises(UsageError, match=r"'llvm'; choose auto, gcc or zig"):
        find_compiler(F746, anything)


def test_the_environment_names_another_gcc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gcc = tmp_path / "my-arm-gcc"
    gcc.write_text("#!/bin/sh\necho my gcc 99\n", encoding="utf-8")
    gcc.chmod(0o755)
    monkeypatch.setenv(GCC_PREFIX_VARIABLE, str(tmp_path / "my-arm-"))
    compiler = find_compiler(F746)
    assert compiler.command == (str(gcc),)
    assert compiler.version == "my gcc 99"


@pytest.mark.parametrize(
    ("script", "version"),
    [("echo tool 1 >&2", "tool 1"), ("true", "unknown version"), ("echo; echo tool 2", "tool 2")],
)
def test_versions_are_found_wherever_a_tool_prints_them(tmp_path: Path, script: str, version: str) -> None:
    tool = tmp_path / "tool"
    tool.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    tool.chmod(0o755)
    assert first_line_of_version(str(tool)) == version


def test_the_doctor_tells_what_is_missing_and_what_that_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    hide_gcc(monkeypatch)
    findings = {finding.name: finding for finding in examine()}
    assert not findings["arm-none-eabi-gcc"].found
    assert "zig compiles instead" in findings["arm-none-eabi-gcc"].without_it
    assert findings["zig (ziglang wheel)"].found
    assert not findings["native C compiler"].found
    assert findings["native hook"].version is not None
    assert "zig" in findings["native hook"].version
    assert set(findings) >= {"gdb-multiarch", "qemu-system-arm", "openocd"}
    assert all(finding.purpose and finding.without_it and finding.remedy for finding in findings.values())


def test_the_doctor_notices_a_tool_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gcc = tmp_path / "broken-gcc"
    gcc.write_text("#!/bin/sh\nexit 3\n", encoding="utf-8")
    gcc.chmod(0o755)
    monkeypatch.setenv(GCC_PREFIX_VARIABLE, str(tmp_path / "broken-"))
    finding = examine()[0]
    assert not finding.found
    assert "does not answer" in finding.remedy
