"""How much flash kernels take, before a compiler has seen them: constants exactly, code as its upper bound."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Hashable, Iterable, Mapping

from utvm.codegen.kernel_source import kernel_text
from utvm.operators.kernel import AnyKernel, CKernel, CodeUnit
from utvm.schedules import Site

# On Cortex-M at -O2 a template's C takes 0.09 to 0.31 bytes of code per byte of its body, dense portable loops up to
# 0.59 (`utvm compile`'s kernel_bytes).
_BYTES_PER_C_CHARACTER, _BYTES_PER_LOOP_CHARACTER = 0.35, 0.6
# A call, and each of its arguments: an instruction or two, and the word they load.
_CALL_BYTES, _ARGUMENT_BYTES = 12, 8
# Armv6-M, for which code for the Cortex-M3 is generated too, has few instructions of four bytes.
_SHORT_CORES = ("cortex-m0", "cortex-m0plus", "cortex-m3")
_INSTRUCTION = re.compile(r"^\s+[a-z][a-z0-9.]*(?:\s|$)", re.MULTILINE)
_WORDS = re.compile(r"^\s*\.word|\bldr\s+\w+, *=", re.MULTILINE)

Pieces = Mapping[Hashable, int]
"""Bytes by what is kept once, however many kernels use it."""


def flash_pieces(site: Site, kernel: AnyKernel) -> Pieces:
    """A kernel's constants, microkernels, own code and call."""
    pieces: dict[Hashable, int] = {}
    tensors = {tensor.name: tensor for tensor in site.inputs}
    for argument in kernel.arguments:
        data = argument.data if argument.role == "constant" else None
        if argument.role == "tensor" and argument.tensor in tensors:
            data = tensors[argument.tensor].data
        if data is not None:
            pieces[data.dtype.name, hashlib.sha256(data.tobytes()).digest()] = data.nbytes
    text = kernel_text(kernel)
    code = hashlib.sha256("\0".join((*text.types, *text.parameters, text.body)).encode()).digest()
    rate = _BYTES_PER_C_CHARACTER if isinstance(kernel, CKernel) else _BYTES_PER_LOOP_CHARACTER
    pieces["code", code] = int(len(text.body) * rate)
    pieces["call", site.operator.name] = _CALL_BYTES + _ARGUMENT_BYTES * len(kernel.arguments)
    for unit in kernel.units if isinstance(kernel, CKernel) else ():
        pieces["unit", unit.name] = _unit_bytes(unit, 2 if site.core.name in _SHORT_CORES else 4)
    return pieces


def total_bytes(several: Iterable[Pieces]) -> int:
    """Bytes of all pieces together."""
    union: dict[Hashable, int] = {}
    for pieces in several:
        union.update(pieces)
    return sum(union.values())


def _unit_bytes(unit: CodeUnit, instruction_bytes: int) -> int:
    if unit.language == "asm":
        return instruction_bytes * len(_INSTRUCTION.findall(unit.text)) + 4 * len(_WORDS.findall(unit.text))
    return int(len(unit.text) * _BYTES_PER_C_CHARACTER)
