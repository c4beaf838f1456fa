"""A linker script that puts the sections of a module at the start of given holes in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from utvm.session.memory import Hole
from utvm.session.objects import KINDS

SECTION_ALIGNMENT_BYTES = 16
VECTORS_ALIGNMENT_BYTES = 128
_INPUTS = {
    "text": "*(.text .text.*)",
    "rodata": "*(.rodata .rodata.*)",
    "data": "*(.data .data.*)",
    "bss": "*(.bss .bss.* COMMON .utvm_arena.* .utvm_state.*)",
}


def placed_script(
    holes: Mapping[str, Hole], symbols: Mapping[str, int], roots: Sequence[str], *, with_vectors: bool = False
) -> str:
    """Text for GNU ld and lld. `holes` has one per kind of section; kinds in the same hole follow each other.

    `symbols` are defined at their addresses (Thumb bit included), so that no library's function of that name is linked.
    `roots` are kept although nothing refers to them. `with_vectors` puts a vector table before the code.
    """
    areas = list(dict.fromkeys(holes[kind] for kind in KINDS))
    lines = [f"{name} = {addr:#x};" for name, addr in symbols.items()]
    lines += [f'EXTERN("{name}")' for name in roots]  # quoted: ld has keywords such as "fill"
    lines.append("MEMORY\n{")
    lines += [
        f"    hole{index} (rwx) : ORIGIN = {area.addr:#x}, LENGTH = {area.size_bytes:#x}"
        for index, area in enumerate(areas)
    ]
    # Named by hand, so that no linker puts file headers or page padding into the image.
    lines.append("}\nPHDRS\n{\n    text PT_LOAD FLAGS(5);\n    rodata PT_LOAD FLAGS(4);\n    data PT_LOAD FLAGS(6);\n}")
    lines.append("SECTIONS\n{")
    if with_vectors:
        lines.append(f"    .vectors : ALIGN({VECTORS_ALIGNMENT_BYTES}) {{ KEEP(*(.vectors)) }} > hole0 :text")
    for kind in KINDS:
        note, header = (" (NOLOAD)", "NONE") if kind == "bss" else ("", kind)
        area = areas.index(holes[kind])
        lines.append(
            f"    .{kind}{note} : ALIGN({SECTION_ALIGNMENT_BYTES}) {{ {_INPUTS[kind]} . = ALIGN(4); }}"
            f" > hole{area} :{header}"
        )
    lines.append("    /DISCARD/ : { *(.ARM.exidx .ARM.exidx.* .ARM.extab .ARM.extab.* .eh_frame .eh_frame_hdr) }\n}\n")
    return "\n".join(lines)
