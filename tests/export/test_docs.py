"""The commands of docs/export.md's tutorials run, and their code compiles."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.export.programs import STRICT, ZIG, compile_and_link
from utvm.export import FORMATS

DOCS = Path(__file__).parents[2] / "docs"


def commands(name: str) -> list[str]:
    """The blocks that are marked as runnable."""
    return re.findall(r"```sh\n(.*?)```", (DOCS / name).read_text(encoding="utf-8"), re.DOTALL)


def run_blocks(blocks: list[str], folder: Path) -> str:
    """Each block in a shell of its own in `folder`, `MODEL` kept; what they print."""
    tools = folder / "bin"
    tools.mkdir()
    for name, arguments in (("python3", ""), ("utvm", "-m utvm ")):
        tool = tools / name
        tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments}"$@"\n')
        tool.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
    model = blocks[0].splitlines()[0]
    assert model.startswith("MODEL=")
    printed = ""
    for block in blocks:
        script = f"set -e\n{model}\n{block}"
        done = subprocess.run(
            ["sh", "-c", script], cwd=folder, env=environment, capture_output=True, text=True,
            stdin=subprocess.DEVNULL, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        printed += done.stdout + done.stderr
    return printed


@pytest.mark.cmake
@pytest.mark.qemu
def test_bare_metal(tmp_path: Path) -> None:
    printed = run_blocks(commands("tutorial-bare-metal.md"), tmp_path)
    assert printed.count("mismatches 0") == 2  # QEMU, and the virtual board
    assert (tmp_path / "firmware" / "build-zig" / "firmware.elf").is_file()
    code = re.findall(r"```c\n(.*?)```", (DOCS / "tutorial-bare-metal.md").read_text(), re.DOTALL)[0]
    (tmp_path / "use.c").write_text(code)
    flags = [flag for flag in STRICT if flag != "-Wmissing-prototypes"]
    compile_and_link(
        (*ZIG, "cc"), [tmp_path / "use.c"], tmp_path / "use.o", *flags, "-c", f"-I{tmp_path / 'lib' / 'digits'}"
    )


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("tutorial-zephyr.md", "digits_module/zephyr/module.yml"),
        ("tutorial-arduino.md", "digits/examples/Run/Run.ino"),
    ],
)
def test_exports_of_the_other_tutorials(name: str, made: str, tmp_path: Path) -> None:
    run_blocks(commands(name), tmp_path)
    assert (tmp_path / made).is_file()
    text = (DOCS / name).read_text(encoding="utf-8")
    if "zephyr" in name:
        assert "CONFIG_DIGITS=y" in text
        assert "CONFIG_DIGITS=y" in (tmp_path / "digits_module/samples/run/prj.conf").read_text()


def test_export_md_names_every_format_and_file() -> None:
    text = (DOCS / "export.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in text for name in FORMATS)
    for target in re.findall(r"\]\(([\w.-]+\.md)\)", text):
        assert (DOCS / target).is_file()
