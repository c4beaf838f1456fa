"""What of µTVM's helpers this machine has, and what the missing ones cost."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
from dataclasses import dataclass

from utvm.errors import ToolchainError
from utvm.toolchain.find import GCC_PREFIX_VARIABLE, first_line_of_version, zig_command, zig_version
from utvm.toolchain.host import find_host_compiler, supported_sanitizers


@dataclass(frozen=True)
class Finding:
    """One tool: where it was found (None if it was not), what it is for, what goes without it, how to get it."""

    name: str
    path: str | None
    version: str | None
    purpose: str
    without_it: str
    remedy: str

    @property
    def found(self) -> bool:
        """Whether the tool is there and answers."""
        return self.path is not None


def examine() -> list[Finding]:
    """Look for every tool that µTVM can use. Nothing is required but one cross compiler and one native one."""
    gcc = (os.environ.get(GCC_PREFIX_VARIABLE) or "arm-none-eabi-") + "gcc"
    return [
        _program(
            "arm-none-eabi-gcc",
            gcc,
            "compiles for Arm boards, first choice",
            "zig compiles instead; answers are the same, cycles and sizes differ",
            f"apt install gcc-arm-none-eabi, or set {GCC_PREFIX_VARIABLE} to its path and prefix",
        ),
        _zig(),
        _native(),
        _native_hook(),
        _program(
            "gdb-multiarch",
            "gdb-multiarch",
            "debugs code on a board",
            "no source-level debugging; utvm itself does not need it",
            "apt install gdb-multiarch",
        ),
        _program(
            "qemu-system-arm",
            "qemu-system-arm",
            "runs models on QEMU's Arm machines",
            "boards qemu-mps... and qemu-microbit do not work; the virtual boards do",
            "apt install qemu-system-arm",
        ),
        _program(
            "qemu-system-riscv32",
            "qemu-system-riscv32",
            "runs models on QEMU's RISC-V machine",
            "board qemu-riscv32-virt does not work; the virtual boards do",
            "apt install qemu-system-misc",
        ),
        _program(
            "openocd",
            "openocd",
            "reaches real boards through a debug probe",
            "--via openocd does not work; virtual boards and other GDB servers do",
            "apt install openocd",
        ),
        _pyocd(),
    ]


def _program(name: str, command: str, purpose: str, without_it: str, remedy: str) -> Finding:
    path = shutil.which(command)
    version = None
    if path is not None:
        try:
            version = first_line_of_version(path)
        except ToolchainError as error:
            path, remedy = None, f"{path} is there but does not answer ({error}); reinstall it: {remedy}"
    return Finding(name, path, version, purpose, without_it, remedy)


def _pyocd() -> Finding:
    spec = importlib.util.find_spec("pyocd")
    return Finding(
        "pyocd",
        spec.origin if spec is not None else shutil.which("pyocd"),
        importlib.metadata.version("pyocd") if spec is not None else None,
        "reaches real boards through a debug probe, without OpenOCD",
        "--via pyocd does not work; OpenOCD and other GDB servers do",
        "pip install 'utvm[pyocd]'",
    )


def _zig() -> Finding:
    command = zig_command()
    return Finding(
        "zig (ziglang wheel)",
        " ".join(command) if command else None,
        zig_version() if command else None,
        "compiles for boards and for this machine where no gcc is installed",
        "boards need a gcc of their own, tests and the virtual board a native one",
        "pip install ziglang",
    )


def _native() -> Finding:
    path, version = None, None
    try:
        compiler = find_host_compiler("native")
        sanitizers = ", ".join(supported_sanitizers(compiler)) or "none"
        path, version = compiler.command[0], f"{compiler.version} (sanitizers: {sanitizers})"
    except ToolchainError:
        pass
    return Finding(
        "native C compiler",
        path,
        version,
        "runs generated C on this machine, with sanitizers",
        "zig compiles instead, without the address sanitizer",
        "apt install gcc",
    )


def _native_hook() -> Finding:
    path, version = None, None
    try:
        compiler = find_host_compiler()
        path, version = " ".join(compiler.command), f"built by {compiler.version}"
    except ToolchainError:
        pass
    return Finding(
        "native hook",
        path,
        version,
        "counts cycles in the virtual board; compiled once per machine",
        "the virtual board does not count cycles, or only slowly",
        "pip install ziglang, or install gcc",
    )
