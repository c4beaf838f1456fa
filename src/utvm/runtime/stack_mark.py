"""The high-water mark of a stack that the start-up code painted."""

from __future__ import annotations

STACK_PAINT_BYTE = 0xC5
"""Each byte of UTVM_STACK_PAINT in utvm_stack.h."""


def stack_used_bytes(contents: bytes) -> int:
    """Deepest use of a stack, from its memory between `utvm_stack_bottom` and `utvm_stack_top`.

    Exact unless the deepest words happen to hold the paint; the size of the stack if all of it was used.
    """
    return len(contents.lstrip(bytes([STACK_PAINT_BYTE])))
