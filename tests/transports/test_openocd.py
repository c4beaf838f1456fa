"""The conformance suite through the real OpenOCD and the virtual board's JTAG door."""

from __future__ import annotations

import os
import signal
from typing import ClassVar

import pytest

from tests.transports.conformance import TransportConformance
from utvm.transports import Transport
from utvm.transports.openocd_virtual import OpenOcdVirtualTransport

pytestmark = pytest.mark.openocd
DTCM = 0x2000_0000


class TestOpenOcd(TransportConformance):
    ram_addr: ClassVar[int] = DTCM
    unmapped_addr: ClassVar[int] = 0x6000_0000

    def open(self) -> Transport:
        return OpenOcdVirtualTransport()

    def break_connection(self, transport: Transport) -> None:
        assert isinstance(transport, OpenOcdVirtualTransport)
        os.kill(transport.openocd.pid, signal.SIGKILL)
