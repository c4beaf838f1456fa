"""Compilers, linking and linked images."""

from utvm.toolchain.compiler import CompileJob, Compiler
from utvm.toolchain.elf import Elf, Segment, Symbol, read_elf
from utvm.toolchain.find import find_compiler
from utvm.toolchain.image import Image, ImageSizes, build_image

__all__ = [
    "CompileJob",
    "Compiler",
    "Elf",
    "Image",
    "ImageSizes",
    "Segment",
    "Symbol",
    "build_image",
    "find_compiler",
    "read_elf",
]
