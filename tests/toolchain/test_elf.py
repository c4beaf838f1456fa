"""Reading images, and files that are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.toolchain.images import build_tiny_image
from utvm.errors import ToolchainError
from utvm.toolchain import Image, read_elf


@pytest.fixture(name="image", scope="module")
def zig_image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return build_tiny_image("stm32f746-disco", "zig", tmp_path_factory.mktemp("elf"))


def test_function_symbols_have_no_thumb_bit(image: Image) -> None:
    functions = [image.elf.symbol(name) for name in ("Reset", "UTVMMain", "UTVMDone", "UTVMFault", "utvm_model_run")]
    assert all(function.addr % 2 == 0 for function in functions)
    assert len({function.addr for function in functions}) == len(functions)


def test_a_missing_symbol_is_named(image: Image) -> None:
    with pytest.raises(ToolchainError, match=r"image\.elf has no symbol 'utvm_output'"):
        image.elf.symbol("utvm_output")


def test_data_is_loaded_into_flash_behind_everything_else(image: Image) -> None:
    last = max(image.elf.segments, key=lambda segment: segment.addr)
    assert last.data[:4] != b""
    assert len(last.data) == image.sizes.data_bytes
    assert (100).to_bytes(4, "little") in last.data


def test_files_that_are_no_image(image: Image, tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="cannot be read"):
        read_elf(tmp_path / "none.elf")
    text = tmp_path / "text.elf"
    text.write_text("no image", encoding="utf-8")
    with pytest.raises(ToolchainError, match=r"text\.elf: not an ELF file"):
        read_elf(text)
    relocatable = next(image.path.parent.glob("*tiny_model.o"))
    with pytest.raises(ToolchainError, match="not a 32-bit ELF executable"):
        read_elf(relocatable)


@pytest.mark.parametrize("kept_percent", range(5, 100, 5))
def test_a_truncated_image_is_an_error(image: Image, tmp_path: Path, kept_percent: int) -> None:
    whole = image.path.read_bytes()
    part = tmp_path / "part.elf"
    part.write_bytes(whole[: len(whole) * kept_percent // 100])
    with pytest.raises(ToolchainError):
        read_elf(part)
