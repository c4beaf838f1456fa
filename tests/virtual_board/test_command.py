"""The program itself: wrong usage, readiness, ends."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from utvm.virtual_board.command import main
from utvm.virtual_board.native import HostCompiler, build, host_compilers, library_path

BOARD = "stm32f746-disco"


def test_a_wrong_board_is_one_line_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no-such-board"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert "no-such-board" in printed.err


def test_a_core_without_emulation_says_what_to_use_instead(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from importlib import resources

    text = (resources.files("utvm.boards") / "data" / f"{BOARD}.toml").read_text(encoding="utf-8")
    path = tmp_path / "own.toml"
    path.write_text(text.replace("cortex-m7", "cortex-m55").replace("cortex_m7", "cortex_m55"), encoding="utf-8")
    assert main([str(path)]) == 2
    assert "QEMU" in capsys.readouterr().err


def test_a_busy_port_is_one_line_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main([BOARD, "--gdb", str(port)]) == 2
    error = capsys.readouterr().err
    assert str(port) in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("port", ["-1", "65536", "abc"])
def test_a_senseless_port_is_wrong_usage(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([BOARD, "--gdb", port])
    assert "--gdb" in capsys.readouterr().err


def test_it_listens_soon_and_ends_on_sigterm() -> None:
    start = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "utvm.virtual_board", BOARD], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    elapsed = time.monotonic() - start
    assert line.startswith("gdb 127.0.0.1:")
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 0
    process.stdout.close()
    assert elapsed < 3


def test_it_imports_nothing_heavy() -> None:
    script = (
        "import sys; import utvm.virtual_board.machine, utvm.virtual_board.gdb.server;"
        "print([name for name in ('tvm', 'numpy', 'capstone', 'rich', 'click') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout.strip() == "[]"


def test_the_native_library_is_keyed_by_compiler_and_unicorn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    one, other = HostCompiler(("cc",), "one"), HostCompiler(("cc",), "other")
    paths = {library_path(one, "2.1.4"), library_path(other, "2.1.4"), library_path(one, "2.1.5")}
    assert len(paths) == 3
    assert all(path.is_relative_to(tmp_path) for path in paths)


def test_the_native_library_builds_without_warnings(tmp_path: Path) -> None:
    path = tmp_path / "native" / "library.so"
    build(host_compilers()[0], path)
    assert path.stat().st_size > 1000
    assert [item.name for item in path.parent.iterdir()] == ["library.so"]
