"""From the words of the command line and of board files to transports."""

from __future__ import annotations

import pytest

from utvm.boards import load_board
from utvm.errors import TransportError, UsageError
from utvm.transports import ArenaTransport, QemuTransport, VirtualBoardTransport, open_transport

F746 = load_board("stm32f746-disco")


def test_a_board_is_reached_as_its_file_says() -> None:
    with open_transport(F746) as virtual, open_transport(load_board("host")) as arena:
        assert isinstance(virtual, VirtualBoardTransport)
        assert isinstance(arena, ArenaTransport)


@pytest.mark.qemu
def test_a_machine_of_qemu() -> None:
    with open_transport(load_board("qemu-mps2-an386"), "qemu") as transport:
        assert isinstance(transport, QemuTransport)


@pytest.mark.parametrize(
    "via", ["", "jlink", "gdb", "gdb://", "gdb://here", "gdb://here:port", "gdb://:1", "gdb://h:0", "pyocd://"]
)
def test_another_word_lists_the_ways(via: str) -> None:
    with pytest.raises(UsageError, match=r"virtual, arena, qemu, gdb://HOST:PORT, openocd://HOST:PORT, pyocd"):
        open_transport(F746, via)


@pytest.mark.parametrize("scheme", ["gdb", "openocd"])
def test_nobody_at_the_port(scheme: str) -> None:
    with pytest.raises(TransportError, match=r"127\.0\.0\.1:1\b"):
        open_transport(F746, f"{scheme}://127.0.0.1:1")


def test_a_server_from_the_board_file() -> None:
    hosted = F746.hosted.model_copy(update={"comms": "gdb", "server_addr": "127.0.0.1", "server_port": 1})
    with pytest.raises(TransportError, match=r"127\.0\.0\.1:1\b"):
        open_transport(F746.model_copy(update={"hosted": hosted}))
