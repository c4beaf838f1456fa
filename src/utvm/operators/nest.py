"""Loops over all elements of a tensor, shared by the operators that move data."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from utvm.operators.kernel_builder import KernelBuilder


def nest(k: KernelBuilder, prefix: str, extents: tuple[int, ...]) -> AbstractContextManager[tuple[Any, ...]]:
    """One loop per axis, outermost first, with variables `prefix`0, `prefix`1, ..."""
    return k.loops(**{f"{prefix}{axis}": extent for axis, extent in enumerate(extents)})
