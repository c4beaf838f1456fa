"""Signatures of compiled functions, read from their debugging information: C is never parsed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from elftools.common.exceptions import DWARFError, ELFError, ELFRelocationError
from elftools.elf.elffile import ELFFile

from utvm.errors import ToolchainError

Kind = Literal["pointer", "int", "float", "unsupported"]

_ENCODINGS: dict[int, tuple[Kind, bool]] = {
    0x02: ("int", False),  # boolean
    0x04: ("float", True),
    0x05: ("int", True),
    0x06: ("int", True),  # signed char
    0x07: ("int", False),
    0x08: ("int", False),  # unsigned char
    0x10: ("int", False),  # UTF character
}
_TRANSPARENT = ("DW_TAG_typedef", "DW_TAG_const_type", "DW_TAG_volatile_type", "DW_TAG_restrict_type")


@dataclass(frozen=True)
class CType:
    """A parameter's or result's type. `element` is a pointer's target as a numpy dtype name, None if it is opaque."""

    kind: Kind
    size_bytes: int
    signed: bool = False
    element: str | None = None
    writable: bool = True
    text: str = ""

    @property
    def dtype(self) -> str:
        """Name of the numpy dtype of a scalar."""
        prefix = {"int": "int" if self.signed else "uint", "float": "float"}[self.kind]
        return f"{prefix}{8 * self.size_bytes}"


@dataclass(frozen=True)
class Parameter:
    """One parameter; the name is empty where the source gives none."""

    name: str
    ctype: CType


@dataclass(frozen=True)
class Signature:
    """A function. `result` is None for void. `is_task` says that it is `int32_t name(void **args)` already."""

    name: str
    parameters: tuple[Parameter, ...]
    result: CType | None
    is_task: bool
    variadic: bool

    @property
    def returns_status(self) -> bool:
        """Whether the result is a status (int or int32_t: 0 is success), not a value."""
        return self.result is not None and self.result.text in ("int", "int32_t")

    @property
    def value(self) -> CType | None:
        """Type of the value that it returns, None if it returns none or a status."""
        return None if self.is_task or self.returns_status else self.result

    def __str__(self) -> str:
        listed = ", ".join(f"{item.ctype.text} {item.name}".strip() for item in self.parameters)
        return f"{self.result.text if self.result else 'void'} {self.name}({listed or 'void'})"


def read_signatures(path: Path) -> dict[str, Signature] | None:
    """Signatures of the global functions that an ELF file defines; empty without debugging information.

    None if it is an object whose relocations are not understood: link it and read the result.
    """
    try:
        with path.open("rb") as stream:
            elf = ELFFile(stream)
            if not elf.has_dwarf_info():
                return {}
            found = {}
            for unit in elf.get_dwarf_info().iter_CUs():
                for entry in unit.get_top_DIE().iter_children():
                    if entry.tag == "DW_TAG_subprogram" and "DW_AT_low_pc" in entry.attributes:
                        signature = _signature(entry)
                        if signature is not None:
                            found[signature.name] = signature
            return found
    except ELFRelocationError:
        return None
    except OSError as error:
        raise ToolchainError(f"{path}: cannot be read: {error}") from error
    except (ELFError, DWARFError, KeyError, ValueError) as error:
        raise ToolchainError(f"{path}: its debugging information cannot be read: {error}") from error


def _signature(entry: Any) -> Signature | None:
    if "DW_AT_abstract_origin" in entry.attributes:
        entry = entry.get_DIE_from_attribute("DW_AT_abstract_origin")
    if "DW_AT_external" not in entry.attributes or "DW_AT_name" not in entry.attributes:
        return None
    children = list(entry.iter_children())
    parameters = tuple(
        Parameter(_name(child), _ctype(_type_of(child))) for child in children if child.tag == "DW_TAG_formal_parameter"
    )
    result = _ctype(_type_of(entry)) if "DW_AT_type" in entry.attributes else None
    is_task = (
        len(parameters) == 1
        and parameters[0].ctype.text == "void **"
        and result is not None
        and (result.kind, result.size_bytes, result.signed) == ("int", 4, True)
    )
    variadic = any(child.tag == "DW_TAG_unspecified_parameters" for child in children)
    return Signature(_name(entry), parameters, result, is_task, variadic)


def _name(entry: Any) -> str:
    attribute = entry.attributes.get("DW_AT_name")
    if attribute is None and "DW_AT_abstract_origin" in entry.attributes:
        return _name(entry.get_DIE_from_attribute("DW_AT_abstract_origin"))
    return attribute.value.decode() if attribute is not None else ""


def _type_of(entry: Any) -> Any:
    """The entry's type, None for void."""
    if "DW_AT_type" in entry.attributes:
        return entry.get_DIE_from_attribute("DW_AT_type")
    if "DW_AT_abstract_origin" in entry.attributes:
        return _type_of(entry.get_DIE_from_attribute("DW_AT_abstract_origin"))
    return None


def _ctype(entry: Any) -> CType:
    text = _text(entry)
    while entry is not None and entry.tag in _TRANSPARENT:
        entry = _type_of(entry)
    if entry is None:
        return CType("unsupported", 0, text=text)
    size_bytes = entry.attributes["DW_AT_byte_size"].value if "DW_AT_byte_size" in entry.attributes else 4
    if entry.tag == "DW_TAG_pointer_type":
        element, writable = _element(_type_of(entry))
        return CType("pointer", size_bytes, element=element, writable=writable, text=text)
    if entry.tag == "DW_TAG_enumeration_type":
        underlying = _type_of(entry)
        return CType("int", size_bytes, signed=underlying is None or _ctype(underlying).signed, text=text)
    if entry.tag == "DW_TAG_base_type":
        kind, signed = _ENCODINGS.get(entry.attributes["DW_AT_encoding"].value, ("unsupported", False))
        if size_bytes in ((4, 8) if kind == "float" else (1, 2, 4, 8)):
            return CType(kind, size_bytes, signed, text=text)
    return CType("unsupported", size_bytes, text=text)


def _element(entry: Any) -> tuple[str | None, bool]:
    writable = True
    while entry is not None and entry.tag in _TRANSPARENT:
        writable = writable and entry.tag != "DW_TAG_const_type"
        entry = _type_of(entry)
    if entry is None or entry.tag != "DW_TAG_base_type":
        return None, writable
    scalar = _ctype(entry)
    plain_char = _name(entry) == "char"
    return (None if plain_char or scalar.kind == "unsupported" else scalar.dtype), writable


def _text(entry: Any) -> str:
    """The type as C writes it, for messages."""
    if entry is None:
        return "void"
    if entry.tag == "DW_TAG_pointer_type":
        target = _text(_type_of(entry))
        return f"{target}*" if target.endswith("*") else f"{target} *"
    if entry.tag == "DW_TAG_const_type":
        return f"const {_text(_type_of(entry))}"
    if entry.tag in ("DW_TAG_volatile_type", "DW_TAG_restrict_type"):
        return _text(_type_of(entry))
    if entry.tag in ("DW_TAG_structure_type", "DW_TAG_union_type", "DW_TAG_enumeration_type"):
        word = {"structure": "struct", "union": "union"}.get(entry.tag.split("_")[2], "enum")
        return f"{word} {_name(entry)}".strip()
    return _name(entry) or entry.tag
