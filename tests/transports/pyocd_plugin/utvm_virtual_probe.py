"""A debug probe for pyOCD: the JTAG door of the virtual board at the address in UTVM_TEST_JTAG, HOST:PORT.

pyOCD finds it by the entry point in the folder beside this file, as it finds any installed probe plugin.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from pyocd.core.exceptions import ProbeError, TransferFaultError
from pyocd.core.plugin import Plugin
from pyocd.probe.debug_probe import DebugProbe

DPACC, APACC = 0x1FA, 0x1FB  # the second TAP in bypass
CONTROL, SELECT, RDBUFF = 0x4, 0x8, 0xC
STICKYERR = 1 << 5
IDENTITY = 0x2BA0_1477  # of a debug port with this protocol; JTAG has none in its registers
MOST_SCANS = 64


class VirtualProbe(DebugProbe):
    """One probe, if the variable is set."""

    @classmethod
    def get_all_connected_probes(cls, unique_id: str | None = None, is_explicit: bool = False) -> Sequence[DebugProbe]:
        del unique_id, is_explicit
        return [cls()] if "UTVM_TEST_JTAG" in os.environ else []

    @classmethod
    def get_probe_with_id(cls, unique_id: str, is_explicit: bool = False) -> DebugProbe | None:
        del is_explicit
        return next((probe for probe in cls.get_all_connected_probes() if probe.unique_id == unique_id), None)

    def __init__(self) -> None:
        super().__init__()
        self._socket: socket.socket | None = None
        self._protocol: DebugProbe.Protocol | None = None
        self._reset_asserted = False

    vendor_name = property(lambda _: "utvm")
    product_name = property(lambda _: "virtual board")
    unique_id = property(lambda _: "virtual0001")
    is_open = property(lambda self: self._socket is not None)
    capabilities = property(lambda _: set())
    wire_protocol = property(lambda self: self._protocol)

    @property
    def supported_wire_protocols(self) -> Collection[DebugProbe.Protocol]:
        return [self.Protocol.DEFAULT, self.Protocol.SWD]

    def open(self) -> None:
        host, _, port = os.environ["UTVM_TEST_JTAG"].rpartition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=10.0)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def connect(self, protocol: DebugProbe.Protocol | None = None) -> None:
        del protocol
        self._protocol = self.Protocol.SWD
        self._exchange(_clocks([1, 1, 1, 1, 1, 0]), 0)

    def disconnect(self) -> None:
        self._protocol = None

    def set_clock(self, frequency: float) -> None:
        pass

    def reset(self) -> None:
        self.assert_reset(True)
        self.assert_reset(False)

    def assert_reset(self, asserted: bool) -> None:
        self._reset_asserted = asserted
        self._exchange(b"s" if asserted else b"r", 0)

    def is_reset_asserted(self) -> bool:
        return self._reset_asserted

    def read_dp(self, addr: int, now: bool = True) -> Any:
        value = IDENTITY if addr == 0 else self._scan([(DPACC, addr, None), (DPACC, RDBUFF, None)])[1]
        return value if now else lambda: value

    def write_dp(self, addr: int, data: int) -> None:
        if addr == 0:  # ABORT: this port clears its error flag where it shows it
            self._scan([(DPACC, CONTROL, 0x5000_0000 | STICKYERR)])
        else:
            self._scan([(DPACC, addr, data)])

    def read_ap(self, addr: int, now: bool = True) -> Any:
        (value,) = self.read_ap_multiple(addr, 1)
        return value if now else lambda: value

    def write_ap(self, addr: int, data: int) -> None:
        self.write_ap_multiple(addr, [data])

    def read_ap_multiple(self, addr: int, count: int = 1, now: bool = True) -> Any:
        values: list[int] = []
        while len(values) < count:
            part = min(MOST_SCANS, count - len(values))
            values += self._access(addr, [None] * part)
        return values if now else lambda: values

    def write_ap_multiple(self, addr: int, values: Sequence[int]) -> None:
        for start in range(0, len(values), MOST_SCANS):
            self._access(addr, list(values[start : start + MOST_SCANS]))

    def _access(self, addr: int, values: Sequence[int | None]) -> list[int]:
        select = (DPACC, SELECT, addr & 0xFF00_00F0)
        requests = [(APACC, addr & 0xC, value) for value in values]
        answers = self._scan([select, *requests, (DPACC, CONTROL, None), (DPACC, RDBUFF, None)])
        if answers[-1] & STICKYERR:
            raise TransferFaultError
        return answers[2 : 2 + len(values)]

    def _scan(self, requests: Sequence[tuple[int, int, int | None]]) -> list[int]:
        """The data that each scan brings: the answer to the request before it."""
        characters = b"".join(
            piece
            for instruction, offset, value in requests
            for scan in (
                _register_scan(instruction, 9, is_instruction=True),
                _register_scan(_request(offset, value), 36),
            )
            for piece in scan
        )
        replies = self._exchange(characters, 45 * len(requests))
        found = []
        for index in range(len(requests)):
            bits = replies[45 * index + 9 : 45 * index + 44]
            found.append(sum((bit == ord("1")) << place for place, bit in enumerate(bits)) >> 3)
        return found

    def _exchange(self, characters: bytes, replies: int) -> bytes:
        if self._socket is None:
            raise ProbeError("the probe is not open")
        self._socket.sendall(characters)
        data = b""
        while len(data) < replies:
            part = self._socket.recv(replies - len(data))
            if not part:
                raise ProbeError("the virtual board has ended")
            data += part
        return data


def _request(offset: int, value: int | None) -> int:
    return (value or 0) << 3 | offset >> 1 & 6 | (value is None)


def _clocks(modes: Sequence[int]) -> bytes:
    return b"".join(bytes([0x30 + 2 * mode, 0x34 + 2 * mode]) for mode in modes)


def _register_scan(value: int, bits: int, is_instruction: bool = False) -> Iterator[bytes]:
    """From Run-Test/Idle and back, reading every bit."""
    yield _clocks([1, 1, 0, 0] if is_instruction else [1, 0, 0])
    for index in range(bits):
        pins = 2 * (index == bits - 1) + (value >> index & 1)
        yield bytes([0x30 + pins]) + b"R" + bytes([0x34 + pins])
    yield _clocks([1, 0])


class VirtualProbePlugin(Plugin):
    """What the entry point names."""

    def load(self) -> type[DebugProbe]:
        return VirtualProbe

    name: property | Callable[[], str] = property(lambda _: "virtual")
    description: property | Callable[[], str] = property(lambda _: "the JTAG door of a virtual board")
