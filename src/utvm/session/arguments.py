"""Python values as the words of a task's argument array."""

from __future__ import annotations

import operator
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from utvm.errors import UsageError
from utvm.session.signatures import CType, Parameter, Signature
from utvm.session.tensor import DTYPES, Tensor

Argument = object
"""Tensor, int, float, numpy scalar, or None for a null pointer."""


@dataclass(frozen=True)
class Encoded:
    """Words, and what they point to: (address, bytes) ranges, None if that cannot be known."""

    words: tuple[int, ...]
    operands: tuple[tuple[int, int], ...] | None
    keeps: tuple[Tensor, ...]


def encode(name: str, signature: Signature | None, arguments: Sequence[Argument], word_bytes: int) -> Encoded:
    """Check the arguments against the signature and encode them; without one each is a word.

    Raises UsageError naming the parameter.
    """
    if signature is not None and not signature.is_task:
        if len(arguments) != len(signature.parameters):
            raise UsageError(f"{signature} takes {len(signature.parameters)} arguments, not {len(arguments)}")
        parameters: Sequence[Parameter] = signature.parameters
    else:
        parameters = [Parameter(f"argument {index}", CType("pointer", word_bytes)) for index in range(len(arguments))]
    words: list[int] = []
    keeps: list[Tensor] = []
    known = True
    for parameter, value in zip(parameters, arguments, strict=True):
        if isinstance(value, Tensor):
            _check_tensor(name, parameter, value)
            keeps.append(value)
            words.append(value.addr)
            continue
        if parameter.ctype.kind == "pointer":
            is_typed = signature is not None and not signature.is_task
            words.append(_pointer(name, parameter, value, word_bytes))
            # A number where a typed function wants a pointer is an address of anything.
            known = known and (value is None or not is_typed)
            continue
        data = _scalar(name, parameter, value)
        data += bytes(-len(data) % word_bytes)
        words += [int.from_bytes(data[at : at + word_bytes], "little") for at in range(0, len(data), word_bytes)]
    ranges = tuple((tensor.storage.block.addr, tensor.storage.block.size_bytes) for tensor in keeps)
    return Encoded(tuple(words), ranges if known else None, tuple(keeps))


def decode_result(ctype: CType, data: bytes) -> int | float:
    """The value that a function returned."""
    return np.frombuffer(data[: ctype.size_bytes], np.dtype(ctype.dtype).newbyteorder("<"))[0].item()  # type: ignore[no-any-return]


def _check_tensor(name: str, parameter: Parameter, tensor: Tensor) -> None:
    ctype = parameter.ctype
    if ctype.kind != "pointer":
        raise UsageError(f"{name}: {_of(parameter)} is no pointer; it cannot take {tensor!r}")
    # Tensors of the wider unsigned types do not exist: those of the signed ones stand for them.
    element = ctype.element if ctype.element in (*DTYPES, None) else str(ctype.element).removeprefix("u")
    if element is not None and element != tensor.dtype:
        raise UsageError(f"{name}: {_of(parameter)} cannot point to {tensor!r}; make a view of the other dtype")


def _pointer(name: str, parameter: Parameter, value: Argument, word_bytes: int) -> int:
    if value is None:
        return 0
    number = _integer(name, parameter, value)
    if not -(1 << 8 * word_bytes - 1) <= number < 1 << 8 * word_bytes:
        raise UsageError(f"{name}: {number} does not fit {_of(parameter)}, a word of {word_bytes} bytes")
    return number % (1 << 8 * word_bytes)


def _scalar(name: str, parameter: Parameter, value: Argument) -> bytes:
    ctype = parameter.ctype
    if ctype.kind == "float":
        if not isinstance(value, (int, float, np.integer, np.floating)):
            raise UsageError(f"{name}: {_of(parameter)} takes a number, not {value!r}")
        return struct.pack("<f" if ctype.size_bytes == 4 else "<d", float(value))
    number = _integer(name, parameter, value)
    try:
        return number.to_bytes(ctype.size_bytes, "little", signed=ctype.signed)
    except OverflowError:
        raise UsageError(f"{name}: {number} does not fit {_of(parameter)}") from None


def _integer(name: str, parameter: Parameter, value: Argument) -> int:
    if isinstance(value, np.ndarray):
        raise UsageError(
            f"{name}: {_of(parameter)} was given an array of this computer; make it a session.tensor first"
        )
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise UsageError(f"{name}: {_of(parameter)} takes an integer, not {value!r}") from None


def _of(parameter: Parameter) -> str:
    return f"{parameter.ctype.text} {parameter.name}".strip()
