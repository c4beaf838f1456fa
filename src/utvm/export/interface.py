"""What a library's header says about its inputs and outputs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from utvm.codegen.c_text import C_TYPES
from utvm.codegen.names import Identifiers
from utvm.codegen.program import PlacedTensor, Program
from utvm.export.options import LibraryOptions
from utvm.model.tensor import ITEM_SIZE_BYTES

# As names of struct members; those of C++ too, whose compilers read the header.
C_KEYWORDS = frozenset(
    {"alignas", "alignof", "and", "asm", "auto", "bitand", "bitor", "bool", "break", "case", "catch", "char", "class"}
    | {"compl", "concept", "const", "constexpr", "continue", "decltype", "default", "delete", "do", "double", "else"}
    | {"enum", "explicit", "export", "extern", "false", "float", "for", "friend", "goto", "if", "inline", "int", "long"}
    | {"mutable", "namespace", "new", "noexcept", "not", "nullptr", "operator", "or", "private", "protected", "public"}
    | {"register", "requires", "restrict", "return", "short", "signed", "sizeof", "static", "struct", "switch", "this"}
    | {"template", "throw", "true", "try", "typedef", "typeid", "typename", "typeof", "union", "unsigned", "using"}
    | {"virtual", "void", "volatile", "while", "xor"}
)
_QUANTIZED = ("int8", "uint8", "int16")


@dataclass(frozen=True)
class Port:
    """An input or output. `identifier` ends function names, `member` is its name in the struct, `macro` begins macros.

    `scale` and `zero_point` are None where it is not quantized, or not with one scale.
    """

    tensor: PlacedTensor
    identifier: str
    member: str
    macro: str
    c_type: str
    elements: int
    scale: float | None
    zero_point: int | None

    @property
    def size_bytes(self) -> int:
        """Bytes of the elements."""
        return self.elements * ITEM_SIZE_BYTES[self.tensor.dtype]

    @property
    def dtype(self) -> str:
        """Type and shape in words: int8 1x49x10x1."""
        return f"{self.tensor.dtype} {'x'.join(str(extent) for extent in self.tensor.shape) or '1'}"

    @property
    def integer_limits(self) -> tuple[int, int]:
        """Least and greatest stored value of an integer type."""
        limits = np.iinfo(self.tensor.dtype)
        return int(limits.min), int(limits.max)


@dataclass(frozen=True)
class Interface:
    """The ports of a program under a library's names."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


def interface(program: Program, options: LibraryOptions) -> Interface:
    """Inputs and outputs in the model's order."""
    return Interface(
        _ports(program, program.inputs, f"{options.macro}_INPUT"),
        _ports(program, program.outputs, f"{options.macro}_OUTPUT"),
    )


def _ports(program: Program, names: Sequence[str], macro: str) -> tuple[Port, ...]:
    identifiers = Identifiers()
    return tuple(_port(program.tensor(name), identifiers.fresh(_told(name)), macro) for name in names)


def _told(name: str) -> str:
    """What a name tells when the converter's additions are off: serving_default_image:0 is the image."""
    text = re.sub(r":\d+$", "", name).removeprefix("serving_default_")
    return "output" if re.fullmatch(r"(Stateful)?PartitionedCall(_\d+)?", text) else text


def _port(tensor: PlacedTensor, identifier: str, macro: str) -> Port:
    quantization = tensor.quantization
    has_one_scale = quantization is not None and not quantization.per_channel and tensor.dtype in _QUANTIZED
    return Port(
        tensor=tensor,
        identifier=identifier,
        member=f"{identifier}_" if identifier in C_KEYWORDS else identifier,
        macro=f"{macro}_{identifier.upper()}",
        c_type=C_TYPES[tensor.dtype],
        elements=tensor.size_bytes // ITEM_SIZE_BYTES[tensor.dtype],
        scale=quantization.scale if quantization is not None and has_one_scale else None,
        zero_point=quantization.zero_point if quantization is not None and has_one_scale else None,
    )
