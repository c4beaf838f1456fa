"""Sessions for tests: one per board and module of tests, on every kind of core."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from utvm.session.session import Session

VIRTUAL_BOARDS = ("stm32f746-disco", "nucleo-l4r5zi", "nucleo-u575zi-q", "nucleo-g0b1re")
QEMU_BOARDS = (
    "qemu-microbit",
    "qemu-mps2-an385",
    "qemu-mps2-an386",
    "qemu-mps2-an500",
    "qemu-mps2-an505",
    "qemu-mps3-an547",
    "qemu-riscv32-virt",
)
BOARDS = [
    *VIRTUAL_BOARDS,
    "host",
    *(pytest.param(name, marks=pytest.mark.qemu) for name in QEMU_BOARDS),
]
SHORT_S = 1.0


@pytest.fixture(scope="module", params=BOARDS)
def session(request: pytest.FixtureRequest) -> Iterator[Session]:
    """An open session, shared by the tests of a module; each leaves it usable."""
    with Session(request.param) as opened:
        yield opened
