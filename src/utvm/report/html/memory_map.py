"""The memory map over time: a picture per region, time to the right, addresses upwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from utvm.codegen.program import PlacedTensor, Program

PICTURE_WIDTH = 960
PICTURE_HEIGHT = 320
LEFT_MARGIN = 64
_CHARACTER_WIDTH = 6.6
_LABEL_HEIGHT = 13

Kind = Literal["input", "activation", "output", "scratch"]


@dataclass(frozen=True)
class Block:
    """Bytes that are taken from column `first` to `last`; the picture's units for its place and size."""

    name: str
    kind: Kind
    first: int
    last: int
    detail: tuple[str, ...]
    x: float
    y: float
    width: float
    height: float

    @property
    def label(self) -> str:
        """The name, or nothing where it has no room."""
        room = int((self.width - 6) / _CHARACTER_WIDTH)
        if self.height < _LABEL_HEIGHT or room < 4:
            return ""
        return self.name if len(self.name) <= room else f"{self.name[: room - 1]}…"


@dataclass(frozen=True)
class RegionMap:
    """The picture of one region's arena. `columns` are before the run and one per call; `ticks` are (y, text)."""

    region: str
    size_bytes: int
    capacity_bytes: int
    columns: int
    column_width: float
    blocks: tuple[Block, ...]
    ticks: tuple[tuple[float, str], ...]

    @property
    def width(self) -> float:
        """Of the whole picture."""
        return LEFT_MARGIN + self.columns * self.column_width


def region_maps(program: Program, capacity_bytes: dict[str, int]) -> tuple[RegionMap, ...]:
    """One picture per region that the plan uses."""
    return tuple(_region_map(program, region, size, capacity_bytes[region]) for region, size in program.arenas.items())


def _region_map(program: Program, region: str, size_bytes: int, capacity_bytes: int) -> RegionMap:
    columns = len(program.calls) + 1
    column_width = (PICTURE_WIDTH - LEFT_MARGIN) / columns

    def block(
        name: str, kind: Kind, first: int, last: int, offset: int, block_bytes: int, detail: tuple[str, ...]
    ) -> Block:
        return Block(
            name,
            kind,
            first,
            last,
            detail,
            x=LEFT_MARGIN + (first + 1) * column_width,
            y=PICTURE_HEIGHT * (1 - (offset + block_bytes) / size_bytes),
            width=(last - first + 1) * column_width,
            height=PICTURE_HEIGHT * block_bytes / size_bytes,
        )

    blocks = [
        block(names[0].symbol, _kind(program, names[-1]), names[0].first, _drawn_last(program, names), names[0].offset,
              max(tensor.size_bytes for tensor in names), _details(program, names))
        for names in _storages(program, region)
    ]  # fmt: skip
    for index, call in enumerate(program.calls):
        for argument in call.arguments:
            if argument.kind == "scratch" and argument.region == region:
                place = f"{region}+{argument.offset:,}, {argument.size_bytes:,} bytes"
                detail = (f"scratch {argument.parameter} of {call.layer}", place, f"during call {index}")
                blocks.append(
                    block(argument.parameter, "scratch", index, index, argument.offset, argument.size_bytes, detail)
                )
    ticks = tuple((PICTURE_HEIGHT * (1 - part / 4), f"{size_bytes * part // 4:,}") for part in range(5))
    return RegionMap(region, size_bytes, capacity_bytes, columns, column_width, tuple(blocks), ticks)


def _storages(program: Program, region: str) -> list[list[PlacedTensor]]:
    """The tensors of a region; those that begin at one place and time, a result and its views, are together."""
    together: dict[tuple[int, int], list[PlacedTensor]] = {}
    for tensor in program.tensors:
        if tensor.region == region:
            together.setdefault((tensor.offset, tensor.first), []).append(tensor)
    return list(together.values())


def _drawn_last(program: Program, names: list[PlacedTensor]) -> int:
    """The last column before a result that is written over the tensors, or a view, takes over."""
    first, last = names[0].first, max(tensor.last for tensor in names)
    region, begin = names[0].region, names[0].offset
    end = begin + max(tensor.size_bytes for tensor in names)
    heirs = [
        other.first - 1
        for other in program.tensors
        if first < other.first <= last
        and (other.region == region and other.offset < end and begin < other.offset + other.size_bytes)
    ]
    return min([last, *heirs])


def _details(program: Program, names: list[PlacedTensor]) -> tuple[str, ...]:
    return tuple(line for tensor in names for line in _tensor_detail(program, tensor))


def _kind(program: Program, tensor: PlacedTensor) -> Kind:
    if tensor.name in program.inputs:
        return "input"
    return "output" if tensor.name in program.outputs else "activation"


def _tensor_detail(program: Program, tensor: PlacedTensor) -> tuple[str, ...]:
    shape = "x".join(str(extent) for extent in tensor.shape) or "1"
    begin = "before the run" if tensor.first < 0 else f"call {tensor.first} ({program.calls[tensor.first].layer})"
    end = (
        f"call {tensor.last} ({program.calls[tensor.last].layer})"
        if 0 <= tensor.last < len(program.calls)
        else "the end"
    )
    return (
        tensor.name,
        f"{tensor.dtype} {shape}, {tensor.size_bytes:,} bytes",
        f"{tensor.region}+{tensor.offset:,}",
        f"from {begin} to {end}",
    )
