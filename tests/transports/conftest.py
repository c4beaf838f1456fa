"""Virtual boards for the transport tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from utvm.transports import VirtualBoardTransport


@pytest.fixture
def transport() -> Iterator[VirtualBoardTransport]:
    """A virtual board of its own, halted after reset."""
    with VirtualBoardTransport("stm32f746-disco") as board:
        yield board
