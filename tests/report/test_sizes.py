"""Sizes add up, and what is not known stays unknown."""

from __future__ import annotations

import dataclasses

from utvm.boards import load_board
from utvm.report.json import sizes_json
from utvm.report.sizes import built_sizes
from utvm.toolchain import ImageSizes

IMAGE = ImageSizes(
    text_bytes=4000, constants_bytes=3000, data_bytes=20, bss_bytes=180, stack_bytes=2048,
    arena_bytes={"dtcm": 60000, "sram1": 1000},
)  # fmt: skip


def test_totals_are_the_images() -> None:
    sizes = built_sizes(load_board("stm32f746-disco"), IMAGE, stack_used_bytes=300)
    assert sizes.ram_bytes == IMAGE.ram_bytes == 60000 + 1000 + 200 + 2048
    assert sizes.flash_bytes == IMAGE.flash_bytes == 7020
    for memory, total in (("ram", sizes.ram_bytes), ("flash", sizes.flash_bytes)):
        assert sum(part.size_bytes or 0 for part in sizes.parts if part.memory == memory) == total


def test_parts_are_in_their_regions() -> None:
    board = load_board("stm32f746-disco")
    parts = {(part.kind, part.region) for part in built_sizes(board, IMAGE).parts}
    assert {("activations", "dtcm"), ("activations", "sram1"), ("stack, reserved", "dtcm"), ("code", "flash")} <= parts


def test_unknown_sizes_have_no_total() -> None:
    sizes = built_sizes(load_board("stm32f746-disco"), IMAGE)
    unknown = dataclasses.replace(sizes, text_bytes=None, runtime_bytes=None)
    assert unknown.ram_bytes is None and unknown.flash_bytes is None
    document = sizes_json(unknown)
    assert document["flash_bytes"]["total"] is None
    assert document["flash_bytes"]["constants"] == 3000
    assert document["ram_bytes"]["stack_high_water"] is None
