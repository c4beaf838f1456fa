"""Standalone images: where their parts lie, on every board and with both compilers."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import get_args

import pytest

from tests.toolchain.images import BOARDS_AND_COMPILERS, TINY_MODEL, Kind, build_tiny_image
from utvm.boards import Board, Core, load_board
from utvm.boards.loader import parse_board
from utvm.errors import OutOfMemoryError, ToolchainError
from utvm.toolchain import Image, build_image, find_compiler
from utvm.toolchain.image import standalone_sources

BOARD_DATA = Path(__file__).parents[2] / "src" / "utvm" / "boards" / "data"
RUNTIME = Path(__file__).parents[2] / "src" / "utvm" / "runtime"


@pytest.fixture(params=BOARDS_AND_COMPILERS, scope="module", name="built")
def built_image(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Board, Image]:
    board_name, kind = request.param
    return load_board(board_name), build_tiny_image(board_name, kind, tmp_path_factory.mktemp("image"))


# pytest passes marks of a fixture's params to the tests that use it.
def test_vector_table(built: tuple[Board, Image]) -> None:
    board, image = built
    flash = board.region("flash")
    first = min(image.elf.segments, key=lambda segment: segment.addr)
    assert first.addr == flash.base_addr
    words = [int.from_bytes(first.data[at : at + 4], "little") for at in range(0, 64, 4)]
    assert words[0] == image.elf.symbol("utvm_stack_top").addr
    assert words[1] == image.elf.symbol("Reset").addr | 1
    assert words[3] == image.elf.symbol("utvm_fault_handler").addr | 1
    assert words[15] == image.elf.symbol("utvm_cycles_systick").addr | 1
    assert image.elf.entry_addr == image.elf.symbol("Reset").addr


def test_stack_is_at_the_bottom_of_its_region(built: tuple[Board, Image]) -> None:
    board, image = built
    region = board.region(board.placement.stack)
    bottom, top = (image.elf.symbol(name).addr for name in ("utvm_stack_bottom", "utvm_stack_top"))
    assert bottom == region.base_addr
    assert top - bottom == board.placement.stack_bytes == image.sizes.stack_bytes


def test_only_flash_is_loaded(built: tuple[Board, Image]) -> None:
    board, image = built
    flash = board.region("flash")
    assert all(flash.contains(segment.addr, len(segment.data)) for segment in image.elf.segments)
    loaded_bytes = sum(len(segment.data) for segment in image.elf.segments)
    assert loaded_bytes == image.sizes.flash_bytes
    assert loaded_bytes < 5120


def test_arena_and_data_lie_in_their_regions(built: tuple[Board, Image]) -> None:
    board, image = built
    arena_name = board.placement.arena[-1]
    arena = image.elf.section(f".utvm_arena.{arena_name}")
    assert not arena.in_file
    assert arena.size_bytes == 64 + 16
    for name, size_bytes in (("tiny_input", 64), ("tiny_output", 16)):
        symbol = image.elf.symbol(name)
        assert symbol.size_bytes == size_bytes
        assert board.region(arena_name).contains(symbol.addr, size_bytes)
    assert board.region(board.placement.data).contains(image.elf.symbol("utvm_fault").addr, 60)
    assert board.region("flash").contains(image.elf.symbol("utvm_model_layer_count").addr)


def test_sizes(built: tuple[Board, Image]) -> None:
    board, image = built
    sizes = image.sizes
    assert sizes.arena_bytes == {board.placement.arena[-1]: 80}
    assert 64 + 4 <= sizes.constants_bytes <= 160
    assert 16 <= sizes.data_bytes <= 32
    assert 8 * 3 + 60 + 16 <= sizes.bss_bytes <= 256
    assert sizes.ram_bytes == sizes.data_bytes + sizes.bss_bytes + sizes.stack_bytes + 80
    assert 512 < sizes.text_bytes < 4096


def test_nothing_overlaps(built: tuple[Board, Image]) -> None:
    sections = sorted((s for s in built[1].elf.sections.values() if s.size_bytes), key=lambda s: s.addr)
    for low, high in itertools.pairwise(sections):
        assert low.addr + low.size_bytes <= high.addr, (low, high)


@pytest.mark.parametrize("kind", [pytest.param("gcc", marks=pytest.mark.arm_gcc), "zig"])
def test_an_image_is_the_same_from_every_folder(kind: Kind, tmp_path: Path) -> None:
    first, second = (build_tiny_image("stm32f746-disco", kind, tmp_path / name) for name in ("one", "another"))
    assert first.path.read_bytes() == second.path.read_bytes()


@pytest.mark.parametrize("kind", [pytest.param("gcc", marks=pytest.mark.arm_gcc), "zig"])
def test_code_and_constants_can_live_in_ram(kind: Kind, tmp_path: Path) -> None:
    text = (BOARD_DATA / "stm32f746-disco.toml").read_text(encoding="utf-8")
    text = text.replace('code = "flash"', 'code = "itcm"').replace('constants = "flash"', 'constants = "sram1"')
    board = parse_board(text, "in-ram.toml")
    define = 'ARENA_SECTION=".utvm_arena.dtcm"'
    image = build_image(board, find_compiler(board, kind), [TINY_MODEL], [], tmp_path, [define])
    assert board.region("itcm").contains(image.elf.symbol("utvm_model_run").addr)
    assert board.region("sram1").contains(image.elf.symbol("utvm_model_layer_count").addr)
    assert board.region("flash").contains(image.elf.symbol("Reset").addr)
    assert all(board.region("flash").contains(segment.addr, len(segment.data)) for segment in image.elf.segments)
    assert min(segment.addr for segment in image.elf.segments) == board.region("flash").base_addr


MODEL_START = '#include <stdint.h>\n#include "utvm_standalone.h"\n'
TOO_MUCH_ARENA = f"""{MODEL_START}
__attribute__((section(".utvm_arena.dtcm"))) int8_t feature_map[60000];
__attribute__((section(".utvm_arena.dtcm"))) int8_t scratch[5000];
int32_t utvm_model_run(void) {{ return feature_map[3] + scratch[7]; }}
"""
TOO_MUCH_CONSTANT = f"""{MODEL_START}
const int8_t filters[0x100001] = {{1}};
extern volatile int32_t which;
volatile int32_t which = 3;
int32_t utvm_model_run(void) {{ return filters[which]; }}
"""


@pytest.mark.parametrize("kind", [pytest.param("gcc", marks=pytest.mark.arm_gcc), "zig"])
@pytest.mark.parametrize(
    ("source", "region", "largest"),
    [(TOO_MUCH_ARENA, "dtcm", "feature_map 60,000, scratch 5,000, stack"), (TOO_MUCH_CONSTANT, "flash", "filters 1,0")],
)
def test_an_overflow_names_region_shortage_and_causes(
    kind: Kind, source: str, region: str, largest: str, tmp_path: Path
) -> None:
    board = load_board("stm32f746-disco")
    model = tmp_path / "model.c"
    model.write_text(source, encoding="utf-8")
    with pytest.raises(OutOfMemoryError) as caught:
        build_image(board, find_compiler(board, kind), [model], [], tmp_path)
    message = str(caught.value)
    assert f"does not fit {board.name}: region {region} of {board.region(region).size_bytes:,} bytes" in message
    shortage = re.search(r"too small by ([\d,]+) bytes", message)
    assert shortage is not None
    assert 0 < int(shortage[1].replace(",", "")) < 8192
    assert f"largest there: {largest}" in message


def test_a_model_without_a_run_function_is_an_error(tmp_path: Path) -> None:
    board = load_board("stm32f746-disco")
    with pytest.raises(ToolchainError, match=r"cannot link image\.elf(.|\n)*utvm_model_run"):
        build_image(board, find_compiler(board, "zig"), [], [], tmp_path)


@pytest.mark.parametrize("name", get_args(Core.model_fields["name"].annotation))
def test_every_core_has_a_standalone_runtime(name: str) -> None:
    board = load_board("stm32f746-disco")
    counter = {"rv32imac": "mcycle", "host": "clock"}.get(name, "systick")
    core = board.core.model_copy(update={"name": name, "cycle_counter": counter})
    sources = standalone_sources(board.model_copy(update={"core": core}), RUNTIME)
    assert [path.name for path in sources if not path.is_file()] == []
    assert {"startup.c", "standalone.c"} <= {path.name for path in sources}


def test_a_build_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    board = load_board("stm32f746-disco")
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ToolchainError, match=r"cannot build an image in .*file.build"):
        build_image(board, find_compiler(board, "zig"), [], [], tmp_path / "file" / "build")


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    board = load_board("stm32f746-disco")
    with pytest.raises(ToolchainError, match=r"none\.c: there is no such source file"):
        build_image(board, find_compiler(board, "zig"), [tmp_path / "none.c"], [], tmp_path)
