"""Link a module at addresses of its own: the one step that differs between boards and the host's arena."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from utvm.errors import OutOfDeviceMemory, ToolchainError
from utvm.session.memory import Block, DeviceMemory, Hole
from utvm.session.objects import KINDS, ObjectFile, total_bytes
from utvm.session.placed_script import placed_script
from utvm.session.target import Target
from utvm.toolchain import Compiler, Elf, Segment, read_elf

# Veneers for far branches and library functions, which no object shows; a guess that only chooses the hole.
_LINKED_IN_BYTES = 2048
_OVERFLOW = re.compile(r"will not fit in region|overflowed by (\d+) bytes?")
_UNDEFINED = re.compile(r"undefined (?:reference to [`']|symbol: )([A-Za-z_]\w*)")


@dataclass(frozen=True)
class LinkedModule:
    """A module at its final addresses.

    `segments` are to be written to memory, `zeroed` (address, size) ranges to be cleared; `symbols` have the addresses
    that a call or a pointer to them takes (on Arm a function's has its Thumb bit). `path` is the file with debugging
    information; `blocks` are freed with the module.
    """

    name: str
    path: Path
    segments: tuple[Segment, ...]
    zeroed: tuple[tuple[int, int], ...]
    symbols: Mapping[str, int]
    functions: tuple[str, ...]
    blocks: tuple[Block, ...]

    def contains(self, addr: int) -> bool:
        """Whether the address lies in the module's memory."""
        return any(block.overlaps(addr, 1) for block in self.blocks)


class Linker(Protocol):
    """Makes modules out of objects. `resident` are the runtime's symbols, which modules may use."""

    def link(
        self, name: str, objects: Sequence[ObjectFile], roots: Sequence[str], resident: Mapping[str, int]
    ) -> LinkedModule:
        """Link the objects, keeping `roots` (functions), and allocate the module's memory.

        Raises ToolchainError naming undefined symbols, or OutOfDeviceMemory.
        """

    def release(self, module: LinkedModule) -> None:
        """Give the module's memory back."""


class BoardLinker:
    """Links with the board's compiler, by a generated script, into holes of the board's RAM."""

    def __init__(
        self,
        compiler: Compiler,
        memory: DeviceMemory,
        code_regions: Sequence[str],
        data_regions: Sequence[str],
        build_dir: Path,
        target: Target,
    ) -> None:
        self._compiler, self._memory, self._build_dir = compiler, memory, build_dir
        self._code_regions, self._data_regions = list(code_regions), list(data_regions)
        self._target = target
        self._numbers = itertools.count()

    def link(
        self, name: str, objects: Sequence[ObjectFile], roots: Sequence[str], resident: Mapping[str, int]
    ) -> LinkedModule:
        """See Linker.link. One link is enough: a hole is given whole, and what is not needed of it stays free."""
        defined = frozenset().union(*(item.defined for item in objects))
        symbols = {symbol: addr for symbol, addr in resident.items() if symbol not in defined}
        needs = total_bytes(objects)
        stem = self._build_dir / f"module{next(self._numbers)}"
        shortage = 0
        for holes in self._candidates(needs):
            script = stem.with_suffix(".ld")
            script.write_text(placed_script(holes, symbols, roots), encoding="utf-8")
            try:
                self._compiler.link(
                    [item.path for item in objects],
                    stem.with_suffix(".elf"),
                    script,
                    extra_flags=self._target.link_flags,
                )
            except ToolchainError as error:
                # GNU ld does not always say by how much.
                overflows = [int(size or 0) for size in _OVERFLOW.findall(error.output)]
                if not overflows:
                    raise _link_error(name, error, objects, resident) from error
                shortage = max(shortage, *overflows)
                continue
            elf = read_elf(stem.with_suffix(".elf"), bits=8 * self._target.word_bytes)
            return LinkedModule(
                name=name,
                path=elf.path,
                segments=elf.segments,
                zeroed=tuple(bss_ranges(elf)),
                symbols={
                    symbol.name: symbol.addr | (self._target.thumb_bit if symbol.name in roots else 0)
                    for symbol in elf.symbols.values()
                },
                functions=tuple(roots),
                blocks=self.allocate(name, elf, holes),
            )
        raise self._too_big(name, needs, shortage)

    def release(self, module: LinkedModule) -> None:
        """See Linker.release."""
        for block in module.blocks:
            self._memory.free(block)

    def allocate(self, name: str, elf: Elf, holes: Mapping[str, Hole]) -> tuple[Block, ...]:
        """Take the memory that the linked sections ended up in; all of it or none."""
        blocks: list[Block] = []
        try:
            for kind in KINDS:
                section = elf.section(f".{kind}")
                if section.size_bytes:
                    region = holes[kind].region
                    blocks.append(self._memory.take(section.addr, section.size_bytes, region, kind, f"{name} {kind}"))
        except OutOfDeviceMemory:
            for block in blocks:
                self._memory.free(block)
            raise
        return tuple(blocks)

    def _candidates(self, needs: Mapping[str, int]) -> list[dict[str, Hole]]:
        """Where to try: everything in one hole that seems large enough, smallest first; then each kind for itself."""
        wanted = sum(needs.values()) + _LINKED_IN_BYTES
        code = self._memory.holes(self._code_regions)
        tried: list[dict[str, Hole]] = []
        for region in self._code_regions:
            fitting = [hole for hole in code if hole.region == region and hole.size_bytes >= wanted]
            tried += [dict.fromkeys(KINDS, hole) for hole in sorted(fitting, key=lambda hole: hole.size_bytes)[:1]]
        largest_code = max(code, key=lambda hole: hole.size_bytes, default=None)
        if largest_code is None:
            return tried
        data = [hole for hole in self._memory.holes(self._data_regions) if hole != largest_code]
        largest_data = max(data, key=lambda hole: hole.size_bytes, default=None)
        if largest_data is not None:
            apart = dict.fromkeys(KINDS, largest_data)
            tried.append({**apart, "text": largest_code})
            tried.append({**apart, "text": largest_code, "rodata": largest_code})
        tried.append(dict.fromkeys(KINDS, largest_code))
        return tried

    def _too_big(self, name: str, needs: Mapping[str, int], shortage_bytes: int) -> OutOfDeviceMemory:
        sizes = ", ".join(f"{kind} {size:,}" for kind, size in needs.items() if size)
        short = f", {shortage_bytes:,} too many for the best place" if shortage_bytes else ""
        error = self._memory.shortage(f"module {name} ({sizes}{short})", sum(needs.values()), self._code_regions)
        # A model's kernels are chosen for the board's flash; here they lie in RAM.
        return OutOfDeviceMemory(f"{error}; a model's code is smaller with --max-flash or --kernels portable")


def bss_ranges(elf: Elf) -> list[tuple[int, int]]:
    """(address, size) of what has to be cleared."""
    section = elf.section(".bss")
    return [(section.addr, section.size_bytes)] if section.size_bytes else []


def _link_error(
    name: str, error: ToolchainError, objects: Sequence[ObjectFile], resident: Mapping[str, int]
) -> ToolchainError:
    missing = sorted(set(_UNDEFINED.findall(error.output)))
    if not missing:
        return error
    parts = []
    for symbol in missing:
        users = [item.path.stem for item in objects if symbol in item.undefined]
        parts.append(f"{symbol}{f' (used in {users[0]})' if users else ''}")
    return ToolchainError(
        f"module {name}: nothing defines {', '.join(parts)}. Load it in the same call; "
        f"the device runtime offers {', '.join(sorted(resident))}",
        error.command,
        error.output,
    )
