"""Tensors of a model graph."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from utvm.model.quantization import Quantization

Array = npt.NDArray[Any]

ITEM_SIZE_BYTES = {"bool": 1, "int8": 1, "uint8": 1, "int16": 2, "int32": 4, "int64": 8, "float32": 4}


@dataclass(frozen=True, eq=False)
class Tensor:
    """A named, typed, shaped value; `data` is set for constants only (read-only array of that shape and dtype)."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    quantization: Quantization | None = None
    data: Array | None = None

    @property
    def element_count(self) -> int:
        """Product of the shape; 1 for a scalar."""
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        """Bytes of the elements, without alignment."""
        return self.element_count * ITEM_SIZE_BYTES[self.dtype]

    @property
    def is_constant(self) -> bool:
        """Whether the value is known at compile time."""
        return self.data is not None

    def __str__(self) -> str:
        return f"{self.name}: {self.dtype}[{'x'.join(str(extent) for extent in self.shape)}]"


def constant(name: str, data: Array, quantization: Quantization | None = None) -> Tensor:
    """A constant tensor holding a read-only copy of `data`."""
    frozen = np.array(data, order="C")
    frozen.setflags(write=False)
    return Tensor(name, tuple(int(extent) for extent in frozen.shape), frozen.dtype.name, quantization, frozen)
