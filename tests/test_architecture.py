"""The house: rooms import only rooms above them, everything imports, heavy things stay behind their doors."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import utvm

ROOT = Path(utvm.__path__[0])

# Ground floor first: a room may import itself and the rooms listed before it.
ROOMS = [
    "errors",
    "boards",
    "demo",
    "model",
    "operators",
    "importers",
    "rewrites",
    "microkernels",
    "schedules",
    "libraries",
    "codegen",
    "compiler",
    "runtime",
    "toolchain",
    "transports",
    "session",
    "tuning",
    "export",
    "report",
    "cli",
]
VIRTUAL_BOARD_MAY_IMPORT = {"errors", "boards", "toolchain", "virtual_board"}


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        rooms |= {name.split(".")[1] for name in names if name.startswith("utvm.")}
    return rooms


PYTHON_FILES = sorted(path for path in ROOT.rglob("*.py") if path.parent != ROOT or path.stem in ROOMS)


@pytest.mark.parametrize("path", PYTHON_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_rooms_import_only_rooms_above(path: Path) -> None:
    room, rooms = room_of(path), imported_rooms(path)
    if room == "virtual_board":
        allowed = VIRTUAL_BOARD_MAY_IMPORT
    else:
        assert room in ROOMS, f"room {room} is not in the list of rooms"
        allowed = set(ROOMS[: ROOMS.index(room) + 1])
    if room == "cli":
        allowed = allowed | {"virtual_board"}
    assert rooms <= allowed, f"{path.relative_to(ROOT)} imports {sorted(rooms - allowed)}"


def test_every_module_imports() -> None:
    for module in pkgutil.walk_packages(utvm.__path__, "utvm."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("utvm.cli", {"tvm", "numpy", "rich", "pydantic", "unicorn"}),
        ("utvm.boards", {"tvm", "numpy", "unicorn"}),
        ("utvm.operators", {"tvm", "unicorn"}),
        ("utvm.importers.tflite", {"tvm", "unicorn"}),
        ("utvm.transports", {"tvm", "unicorn"}),
        ("utvm.virtual_board.__main__", {"tvm", "numpy"}),
    ],
)
def test_heavy_packages_stay_out(module: str, heavy: set[str]) -> None:
    script = f"import sys, {module}; print(*sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_tvm_pins_hold() -> None:
    """With a newer apache-tvm-ffi than ours this segfaults, hence the process of its own."""
    script = (
        "import tvm; from tvm import tirx; from tvm.script.ir_builder import IRBuilder;"
        "from tvm.script.ir_builder import tirx as T\n"
        "with IRBuilder() as ib:\n"
        "    with T.prim_func(s_tir=False):\n"
        "        T.func_name('f'); x = T.arg('x', T.buffer((4,), 'int8'))\n"
        "        T.buffer_store(x, tirx.const(1, 'int8'), [0])\n"
        "tvm.ir.load_json(tvm.ir.save_json(ib.get()))"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
