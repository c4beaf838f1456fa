"""The linker script of a standalone image, made from the board's memory map."""

from __future__ import annotations

from importlib import resources

from utvm.boards import Board, Region

ARENA_ALIGNMENT_BYTES = 16
"""Alignment of each arena section: that of the widest vector load of any core."""


def boot_region(board: Board) -> Region:
    """The region that holds the vector table and the initial contents of RAM: flash where the board has any."""
    code = board.region(board.placement.code)
    if code.kind == "flash":
        return code
    return next((region for region in board.regions if region.kind == "flash"), code)


def linker_script(board: Board) -> str:
    """Text of a linker script for GNU ld and lld that places a standalone image as the board file says.

    Code or constants that the board file places in RAM are stored in flash and copied by the start-up code.
    """
    import jinja2  # here, because virtual boards import this room and should start at once

    placement = board.placement
    boot = boot_region(board)

    def load_region(name: str) -> str:
        return name if board.region(name).kind == "flash" else boot.name

    copied = [".data"]
    if load_region(placement.code) != placement.code:
        copied.append(".text")
    if load_region(placement.constants) != placement.constants:
        copied.append(".rodata")
    environment = jinja2.Environment(
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, undefined=jinja2.StrictUndefined
    )
    template = (resources.files("utvm") / "runtime" / "linker.ld.j2").read_text(encoding="utf-8")
    return environment.from_string(template).render(
        title=board.title,
        regions=board.regions,
        boot=boot.name,
        boot_is_flash=boot.kind == "flash",
        code=placement.code,
        code_load=load_region(placement.code),
        constants=placement.constants,
        constants_load=load_region(placement.constants),
        data=placement.data,
        stack=placement.stack,
        stack_bytes=placement.stack_bytes,
        arenas=[region.name for region in board.regions if region.kind == "ram"],
        arena_alignment_bytes=ARENA_ALIGNMENT_BYTES,
        copied=copied,
        pointer="QUAD" if board.hosted.word_size_bytes == 8 else "LONG",
        pointer_bytes=board.hosted.word_size_bytes,
    )
