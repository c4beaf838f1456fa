"""The native timing functions, for tests that call them without a machine."""

from __future__ import annotations

import ctypes
from functools import cache

import unicorn

from utvm.virtual_board.native import load_native

FLAGS, FP_FLAGS, PC, S0 = 48, 49, 15, 16


class Instruction(ctypes.Structure):
    """Mirrors vt_instruction."""

    _fields_ = (
        ("addr", ctypes.c_uint32),
        ("kind", ctypes.c_uint16),
        ("attributes", ctypes.c_uint16),
        ("size_bytes", ctypes.c_uint8),
        ("access_bytes", ctypes.c_uint8),
        ("words", ctypes.c_uint8),
        ("base", ctypes.c_uint8),
        ("index", ctypes.c_uint8),
        ("index_shift", ctypes.c_uint8),
        ("offset", ctypes.c_int32),
        ("base_change", ctypes.c_int32),
        ("address", ctypes.c_uint64),
        ("shifted", ctypes.c_uint64),
        ("factors", ctypes.c_uint64),
        ("addends", ctypes.c_uint64),
        ("stored", ctypes.c_uint64),
        ("operands", ctypes.c_uint64),
        ("results", ctypes.c_uint64),
        ("base_result", ctypes.c_uint64),
    )

    @property
    def reads(self) -> int:
        return int(self.address | self.shifted | self.factors | self.addends | self.stored | self.operands)

    @property
    def writes(self) -> int:
        return int(self.results | self.base_result)


class Lookup(ctypes.Structure):
    """Mirrors vt_lookup."""

    _fields_ = (("hit", ctypes.c_bool), ("write_back", ctypes.c_bool))


@cache
def library() -> ctypes.CDLL:
    native = load_native(unicorn.__version__)
    u32, boolean = ctypes.c_uint32, ctypes.c_bool
    native.vt_decode.argtypes = [ctypes.c_void_p, u32, ctypes.c_uint16, ctypes.c_uint16, ctypes.c_uint8]
    native.vt_decode.restype = None
    native.vt_cache_create.argtypes = [u32, u32, u32, ctypes.c_int]
    native.vt_cache_create.restype = ctypes.c_void_p
    native.vt_cache_destroy.argtypes = [ctypes.c_void_p]
    native.vt_cache_clear.argtypes = [ctypes.c_void_p]
    native.vt_cache_access.argtypes = [ctypes.c_void_p, u32, boolean, boolean]
    native.vt_cache_access.restype = Lookup
    return native


def decode(code: bytes, it_state: int = 0) -> Instruction:
    """One instruction of two or four bytes."""
    found = Instruction()
    first, second = int.from_bytes(code[:2], "little"), int.from_bytes(code[2:4], "little")
    library().vt_decode(ctypes.byref(found), 0x1000, first, second, it_state)
    return found
