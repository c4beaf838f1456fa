"""The commands as users run them: processes of their own, C compilers, the virtual board."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from utvm.demo import load_digits

BOARD = "stm32f746-disco"
UTVM = [sys.executable, "-m", "utvm"]
DIGITS = load_digits()


def _utvm(*arguments: object, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*UTVM, *(str(argument) for argument in arguments)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done


def _json(*arguments: object, status: int = 0) -> dict[str, Any]:
    document = json.loads(_utvm(*arguments, "--json", status=status).stdout)
    assert isinstance(document, dict)
    return document


@pytest.mark.parametrize("toolchain", [pytest.param("gcc", marks=pytest.mark.arm_gcc), "zig"])
def test_run_with_check(tmp_path: Path, toolchain: str) -> None:
    images = 5
    np.save(tmp_path / "x.npy", DIGITS.inputs[:images])
    document = _json(
        "run", DIGITS.model_path, "-b", BOARD, "-i", tmp_path / "x.npy", "-o", tmp_path / "y.npy", "--check",
        "--toolchain", toolchain,
    )  # fmt: skip
    assert (document["mismatches"], document["max_abs_diff"], document["runs"]) == (0, 0.0, images)
    assert document["check"]["elements"] == images * 10
    assert document["toolchain"]["kind"] == toolchain
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), DIGITS.answers[:images])
    layer_cycles = [layer["cycles"] for layer in document["layers"]]
    assert min(layer_cycles) > 0
    assert sum(layer_cycles) <= document["cycles"]
    # A convolution cannot take less than an instruction per eight multiply-accumulates on this core.
    assert document["cycles"] > document["macs"] / 8
    ram = document["ram_bytes"]
    assert 0 < ram["stack_high_water"] <= ram["stack_reserved"]
    assert ram["total"] == sum(ram["arena"].values()) + ram["runtime"] + ram["stack_reserved"]
    assert document["flash_bytes"]["text"] > 0


def test_a_saved_program_gives_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "digits"
    _utvm("compile", DIGITS.model_path, "-b", BOARD, "-o", folder)
    arguments = ("--random", 2, "--seed", 5, "--check")
    fresh = _json("run", DIGITS.model_path, "-b", BOARD, *arguments)
    saved = _json("run", folder, "--reference", DIGITS.model_path, *arguments)
    assert saved == fresh


def test_the_demo_tells_the_story() -> None:
    done = _utvm("demo", "--images", 12)
    assert "12 of 12 held-out images" in done.stdout or "11 of 12 held-out images" in done.stdout
    assert "0 mismatches of 120 elements in 12 runs (against LiteRT's stored answers)" in done.stdout
    assert "depthwise_conv_2d_1" in done.stdout


def test_an_interruption(tmp_path: Path) -> None:
    output = tmp_path / "y.npy"
    process = subprocess.Popen(
        [*UTVM, "run", str(DIGITS.model_path), "-b", BOARD, "--random", "2000", "-o", str(output)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if "Running on" in line:
            break
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert stdout == ""
    assert stderr.splitlines()[-1] == "error: interrupted"
    assert "Traceback" not in stderr
    assert list(tmp_path.iterdir()) == []


def test_a_virtual_board_serves_debuggers_until_it_is_told_to_end() -> None:
    process = subprocess.Popen([*UTVM, "virtual-board", BOARD, "--gdb", "0"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        ready = re.fullmatch(r"gdb (\S+):(\d+)\n", process.stdout.readline())
        assert ready is not None
        with socket.create_connection((ready.group(1), int(ready.group(2))), timeout=10) as connection:
            connection.sendall(b"$?#3f")
            connection.settimeout(10)
            assert connection.recv(1) == b"+"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    finally:
        process.kill()
        process.communicate()


def test_a_board_of_ones_own(tmp_path: Path) -> None:
    data = Path(__file__).parents[2] / "src" / "utvm" / "boards" / "data" / f"{BOARD}.toml"
    mine = tmp_path / "mine.toml"
    mine.write_text(data.read_text(encoding="utf-8").replace(f'"{BOARD}"', '"mine"'), encoding="utf-8")
    document = _json("run", DIGITS.model_path, "-b", mine, "--check")
    assert document["board"]["name"] == "mine"
    assert document["mismatches"] == 0


def test_a_program_that_runs_too_long(slow: Path) -> None:
    document = _json("run", slow, "-b", BOARD, "--timeout", "0.01", status=1)
    assert document["error"]["type"] == "TransportTimeout"


@pytest.mark.models
def test_a_benchmark_model_on_real_data(models_dir: Path) -> None:
    document = _json(
        "run", models_dir / "ad01_int8.tflite", "-b", BOARD, "-i", models_dir / "inputs" / "ad_normal_id_01.npy",
        "--check",
    )  # fmt: skip
    assert (document["mismatches"], document["runs"]) == (0, 40)


@pytest.mark.models
def test_a_model_that_does_not_fit(models_dir: Path, tmp_path: Path) -> None:
    data = Path(__file__).parents[2] / "src" / "utvm" / "boards" / "data" / f"{BOARD}.toml"
    small = tmp_path / "small.toml"
    text = data.read_text(encoding="utf-8")
    assert "size_bytes = 0x10_0000" in text
    small.write_text(text.replace("size_bytes = 0x10_0000", "size_bytes = 0x8000"), encoding="utf-8")
    document = _json("compile", models_dir / "vww_96_int8.tflite", "-b", small, "--no-build", status=1)
    assert document["error"]["type"] == "OutOfMemoryError"
    assert "short by" in document["error"]["message"]


def test_no_temporary_files_stay(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    subprocess.run(
        [*UTVM, "run", str(DIGITS.model_path), "-b", BOARD],
        capture_output=True,
        env=environment,
        timeout=300,
        check=True,
    )
    assert list(tmp_path.iterdir()) == []
