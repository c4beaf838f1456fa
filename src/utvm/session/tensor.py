"""Arrays in the device's memory."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import numpy as np

from utvm.errors import UsageError
from utvm.session.memory import Block

if TYPE_CHECKING:
    from utvm.model.tensor import Array

DTYPES = ("int8", "uint8", "int16", "int32", "int64", "float32")

Index = int | slice


class TensorMemory(Protocol):
    """What a tensor asks of its session."""

    def read_operand(self, addr: int, size_bytes: int) -> bytes:
        """Bytes of memory, after the queued calls that may write them."""

    def write_operand(self, addr: int, data: bytes) -> None:
        """Store bytes, after the queued calls that may use them."""


class Storage:
    """One block of the heap. `release` is called, in any thread, when the last tensor in it is garbage."""

    def __init__(self, memory: TensorMemory, release: Callable[[Block], None], block: Block) -> None:
        self.memory, self.block = memory, block
        weakref.finalize(self, release, block).atexit = False


class Tensor:
    """An array of the device: shape, dtype and address. Made by `Session.tensor`; a view shares another's memory."""

    def __init__(self, storage: Storage, addr: int, shape: tuple[int, ...], dtype: str) -> None:
        self.storage, self.addr, self.shape, self.dtype = storage, addr, shape, dtype

    @property
    def size_bytes(self) -> int:
        """Bytes of the elements."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize

    def numpy(self) -> Array:
        """A copy of the elements; runs the queued calls first if they may change them."""
        data = self.storage.memory.read_operand(self.addr, self.size_bytes)
        return np.frombuffer(data, np.dtype(self.dtype).newbyteorder("<")).astype(self.dtype).reshape(self.shape)

    def write(self, array: Array) -> None:
        """Replace all elements by those of an array of the same shape and dtype."""
        value = np.asarray(array)
        if value.shape != self.shape or value.dtype.name != self.dtype:
            raise UsageError(
                f"a tensor of {self.dtype}{list(self.shape)} cannot take {value.dtype.name}{list(value.shape)}"
            )
        self.storage.memory.write_operand(self.addr, little_endian(value))

    def view(self, shape: tuple[int, ...], *, dtype: str | None = None, offset_bytes: int = 0) -> Tensor:
        """A tensor of another shape or dtype in part of this one's memory, from `offset_bytes` on."""
        name = checked_dtype(dtype or self.dtype)
        item_bytes = np.dtype(name).itemsize
        size_bytes = math.prod(checked_shape(shape)) * item_bytes
        if offset_bytes < 0 or offset_bytes + size_bytes > self.size_bytes:
            raise UsageError(
                f"a view of {size_bytes} bytes from {offset_bytes} does not fit a tensor of {self.size_bytes} bytes"
            )
        if (self.addr + offset_bytes) % item_bytes:
            raise UsageError(f"a view of {name} cannot begin at {self.addr + offset_bytes:#x}: it must be aligned")
        return Tensor(self.storage, self.addr + offset_bytes, shape, name)

    def __getitem__(self, index: Index | tuple[Index, ...]) -> Tensor:
        """A view of a contiguous sub-region: integers for the first axes, then at most one slice of step 1."""
        indices = index if isinstance(index, tuple) else (index,)
        if len(indices) > len(self.shape):
            raise UsageError(f"{len(indices)} indices are too many for a tensor of {len(self.shape)} axes")
        shape, start = list(self.shape), 0
        for axis, item in enumerate(indices):
            stride = math.prod(self.shape[axis + 1 :])
            if isinstance(item, slice):
                first, stop, step = item.indices(self.shape[axis])
                if step != 1 or axis + 1 != len(indices):
                    raise UsageError("a view is contiguous: one slice of step 1, as the last index")
                return self._part(start + first * stride, (max(stop - first, 0), *shape[axis + 1 :]))
            extent = self.shape[axis]
            if not -extent <= item < extent:
                raise UsageError(f"index {item} is outside of axis {axis} of extent {extent}")
            start += (item % extent) * stride
        return self._part(start, tuple(shape[len(indices) :]))

    def __repr__(self) -> str:
        return f"Tensor({self.dtype}{list(self.shape)} at {self.addr:#010x})"

    def _part(self, start: int, shape: tuple[int, ...]) -> Tensor:
        return Tensor(self.storage, self.addr + start * np.dtype(self.dtype).itemsize, shape, self.dtype)


def checked_dtype(dtype: str) -> str:
    """The dtype's name, if devices have it."""
    name = str(np.dtype(dtype).name)
    if name not in DTYPES:
        raise UsageError(f"a tensor cannot be of {name}; choose one of {', '.join(DTYPES)}")
    return name


def checked_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape, if no extent is negative."""
    if any(extent < 0 for extent in shape):
        raise UsageError(f"a shape cannot have a negative extent: {list(shape)}")
    return shape


def little_endian(value: Array) -> bytes:
    """Elements in C order as every supported core keeps them."""
    return np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("<")).tobytes()
