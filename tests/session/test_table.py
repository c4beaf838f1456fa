"""The table of hosted models in docs/session.md: this test prints it, and the page must hold it.

Run with `-s` to see it: every model on every way to a board, mismatches against the numpy reference over two random
inputs. A model that a board cannot hold is a dash.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.examples.test_examples import example
from tests.models import FILES, benchmark_model, random_inputs
from tests.session.conftest import QEMU_BOARDS
from tests.session.hosted_programs import load_fitting
from utvm.boards import load_board
from utvm.compiler import compile_model
from utvm.errors import OutOfDeviceMemory, OutOfMemoryError
from utvm.model import Model
from utvm.operators import run_reference
from utvm.session.session import Session
from utvm.transports import Transport
from utvm.transports.openocd_virtual import OpenOcdVirtualTransport

PAGE = Path(__file__).parents[2] / "docs" / "session.md"
NAMES = (*FILES, "cifar10")
WAYS: dict[str, tuple[str, Callable[[], Transport] | None]] = {
    "host arena": ("host", None),
    "virtual F746": ("stm32f746-disco", None),
    "virtual F746 through OpenOCD": ("stm32f746-disco", OpenOcdVirtualTransport),
    "virtual L4R5": ("nucleo-l4r5zi", None),
    "virtual U575": ("nucleo-u575zi-q", None),
    "virtual G0B1": ("nucleo-g0b1re", None),
    **{f"QEMU {name.removeprefix('qemu-')}": (name, None) for name in QEMU_BOARDS},
}


def mismatches(model: Model, board_name: str, connect: Callable[[], Transport] | None) -> str:
    board = load_board(board_name)
    try:
        compile_model(model, board)
    except OutOfMemoryError:
        return "-"
    wrong = 0
    with Session(board, transport=connect() if connect else None) as session:
        try:
            executor = load_fitting(session, model)
        except OutOfDeviceMemory:
            return "-"
        for inputs in random_inputs(model, 2):
            outputs = executor.run(inputs).outputs
            expected = run_reference(model, inputs)
            wrong += sum(int(np.count_nonzero(outputs[name] != value)) for name, value in expected.items())
    return str(wrong)


@pytest.mark.models
@pytest.mark.openocd
@pytest.mark.qemu
@pytest.mark.slow
def test_the_table_of_hosted_models(models_dir: Path) -> None:
    params = json.loads((models_dir / "cifar10" / "params.json").read_text(encoding="utf-8"))
    models = {name: benchmark_model(models_dir, name) for name in FILES}
    models["cifar10"] = example("cifar10_session").build_model(params)
    lines = [f"| way | {' | '.join(NAMES)} |", f"|---|{'---|' * len(NAMES)}"]
    for way, (board_name, connect) in WAYS.items():
        cells = [mismatches(models[name], board_name, connect) for name in NAMES]
        assert set(cells) <= {"0", "-"}, f"{way}: {cells}"
        lines.append(f"| {way} | {' | '.join(cells)} |")
    table = "\n".join(lines)
    print(f"\n{table}")
    assert table in PAGE.read_text(encoding="utf-8"), "the page holds another table: copy the one above"
