"""What a GDB server tells about its target: register layout and memory map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from xml.etree import ElementTree

from utvm.errors import TransportError

# The layout of the `g` packet of servers without a description: r0 to pc, eight 96-bit registers of an ancient
# floating-point unit with their status, and the program status.
_LEGACY = [
    *((name, 4) for name in (*(f"r{n}" for n in range(13)), "sp", "lr", "pc")),
    *((f"f{n}", 12) for n in range(8)),
]
_MAX_DEPTH = 4
_XINCLUDE_NAMESPACE = "http://www.w3.org/2001/XInclude"
_XINCLUDE = f"{{{_XINCLUDE_NAMESPACE}}}include"


@dataclass(frozen=True)
class RemoteRegister:
    """A register in the server's numbering."""

    number: int
    name: str
    size_bytes: int


@dataclass(frozen=True)
class FlashRegion:
    """A flash of the memory map; erased in blocks."""

    addr: int
    size_bytes: int
    block_bytes: int


def legacy_registers() -> list[RemoteRegister]:
    """Registers of an Arm server that describes none."""
    layout = [*_LEGACY, ("fps", 4), ("xpsr", 4)]
    return [RemoteRegister(number, name, size) for number, (name, size) in enumerate(layout)]


def parse_registers(text: str, read_annex: Callable[[str], str]) -> list[RemoteRegister]:
    """Registers in the order of the `g` packet. `read_annex` gives the text of an included description."""
    registers: list[RemoteRegister] = []
    _collect(_parse(text, "target description"), read_annex, registers, depth=0)
    if not registers:
        raise TransportError("the server's target description names no registers; it is not usable")
    return sorted(registers, key=lambda register: register.number)


def parse_memory_map(text: str) -> list[FlashRegion]:
    """The flash regions of a memory map."""
    regions = []
    for memory in _parse(text, "memory map").iter("memory"):
        if memory.get("type") == "flash":
            block = memory.find("property[@name='blocksize']")
            size = int(memory.get("length", "0"), 0)
            block_bytes = int(block.text, 0) if block is not None and block.text else size
            regions.append(FlashRegion(int(memory.get("start", "0"), 0), size, block_bytes))
    return regions


def _collect(
    element: ElementTree.Element, read_annex: Callable[[str], str], found: list[RemoteRegister], depth: int
) -> None:
    if element.tag == _XINCLUDE:
        if depth == _MAX_DEPTH:
            raise TransportError("the server's target description includes itself; it is not usable")
        annex = element.get("href", "")
        _collect(_parse(read_annex(annex), annex), read_annex, found, depth + 1)
    elif element.tag == "reg":
        number = int(element.get("regnum", found[-1].number + 1 if found else 0))
        found.append(RemoteRegister(number, element.get("name", "").lower(), int(element.get("bitsize", "32")) // 8))
    for item in element:
        _collect(item, read_annex, found, depth)
    if element.get("name") == "org.gnu.gdb.arm.m-profile":
        _rename_status(found)


def _rename_status(registers: list[RemoteRegister]) -> None:
    for index, register in enumerate(registers):
        if register.name == "cpsr":
            registers[index] = RemoteRegister(register.number, "xpsr", register.size_bytes)


def _parse(text: str, what: str) -> ElementTree.Element:
    if "<!ENTITY" in text:
        raise TransportError(f"the server's {what} declares XML entities; it is not usable")
    if "<xi:" in text and "xmlns:xi" not in text:  # QEMU relies on GDB's knowing this prefix
        text = text.replace("<target>", f'<target xmlns:xi="{_XINCLUDE_NAMESPACE}">', 1)
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise TransportError(f"the server's {what} is not valid XML: {error}") from error
