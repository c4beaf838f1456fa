"""The native part of the JTAG door: TAPs, debug port and access port on one core."""

from __future__ import annotations

import ctypes
import socket
from collections.abc import Callable
from enum import IntEnum

from utvm.errors import VirtualBoardError
from utvm.virtual_board.engine import Engine
from utvm.virtual_board.jtag.chain import ScanChain
from utvm.virtual_board.memory import Memory

BusAccess = Callable[[int, int, int | None], int | None]
"""(address, size in bytes, value or None to read) -> the value read, 0 after a store, None for a bus fault."""

_ACCESS = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_int, ctypes.POINTER(ctypes.c_uint32)
)
_RESET = ctypes.CFUNCTYPE(None, ctypes.c_int)


class ServeEnd(IntEnum):
    """Why a conversation ended; the values are those vb_jtag_serve returns."""

    CLOSED = 0
    GARBAGE = 1
    SOCKET_ERROR = 2


class DebugPort:
    """One scan chain. Plain memory is accessed directly, also while the core runs; the rest through `access`."""

    def __init__(
        self, engine: Engine, memory: Memory, chain: ScanChain, access: BusAccess, reset_pin: Callable[[bool], None]
    ) -> None:
        native, core = engine.native
        self._native = _declare(native)
        # ctypes keeps no reference to callbacks: these must live as long as the port.
        self._callbacks = (_ACCESS(_as_native(access)), _RESET(lambda asserted: reset_pin(bool(asserted))))
        self._jtag = self._native.vb_jtag_create(
            core,
            *self._callbacks,
            chain.cpu_idcode,
            chain.boundary_idcode,
            chain.access_port_idr,
            chain.rom_table_base,
        )
        if not self._jtag:
            raise VirtualBoardError("no memory for the JTAG door")
        for item in memory.regions:
            if item.region.kind == "ram":
                self._native.vb_jtag_add_ram(self._jtag, item.region.base_addr)

    def serve(self, connection: socket.socket) -> ServeEnd:
        """Talk remote_bitbang until the client goes. Other threads run meanwhile."""
        return ServeEnd(self._native.vb_jtag_serve(self._jtag, connection.fileno()))

    def feed(self, characters: bytes) -> bytes:
        """Replies to characters of the protocol; VirtualBoardError after one that is not."""
        replies = ctypes.create_string_buffer(max(1, len(characters)))
        count = self._native.vb_jtag_feed(self._jtag, characters, len(characters), replies)
        if count < 0:
            raise VirtualBoardError("that is not the remote_bitbang protocol")
        return replies.raw[:count]

    def note_code_change(self) -> None:
        """Code may have changed in a way that the port did not see."""
        self._native.vb_jtag_note_code_change(self._jtag)

    def forget_stale_code(self) -> None:
        """Drop translations of code that stores have changed; only while the core stands still."""
        self._native.vb_jtag_forget_stale_code(self._jtag)


def _as_native(access: BusAccess) -> Callable[[int, int, int, ctypes._Pointer[ctypes.c_uint32]], int]:
    def native(addr: int, size_bytes: int, is_write: int, value: ctypes._Pointer[ctypes.c_uint32]) -> int:
        result = access(addr, size_bytes, value[0] if is_write else None)
        if result is None:
            return 0
        value[0] = result & 0xFFFF_FFFF
        return 1

    return native


def _declare(native: ctypes.CDLL) -> ctypes.CDLL:
    u32, pointer, integer = ctypes.c_uint32, ctypes.c_void_p, ctypes.c_int
    signatures: dict[str, tuple[object, tuple[object, ...]]] = {
        "vb_jtag_create": (pointer, (pointer, _ACCESS, _RESET, u32, u32, u32, u32)),
        "vb_jtag_add_ram": (integer, (pointer, u32)),
        "vb_jtag_serve": (integer, (pointer, integer)),
        "vb_jtag_feed": (ctypes.c_int64, (pointer, ctypes.c_char_p, u32, ctypes.c_char_p)),
        "vb_jtag_note_code_change": (None, (pointer,)),
        "vb_jtag_forget_stale_code": (None, (pointer,)),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(native, name)
        function.restype = result
        function.argtypes = list(arguments)
    return native
