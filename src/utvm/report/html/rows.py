"""Layers and sizes as rows with bars."""

from __future__ import annotations

from dataclasses import dataclass

from utvm.report.compile import CompileReport
from utvm.report.text.tables import duration


@dataclass(frozen=True)
class LayerRow:
    """One call; `bar` is its share of the longest, in percent."""

    index: int
    name: str
    operator: str
    output: str
    schedule: str
    macs: int
    cycles: int | None
    time: str
    share: str
    scratch_bytes: int
    bar: float


@dataclass(frozen=True)
class SizePiece:
    """A part of a bar, in percent of it."""

    kind: str
    region: str
    size_bytes: int
    percent: float
    color: int


@dataclass(frozen=True)
class SizeBar:
    """RAM or flash."""

    title: str
    total_bytes: int
    pieces: tuple[SizePiece, ...]


def layer_rows(report: CompileReport) -> tuple[LayerRow, ...]:
    """A row per call; its bar shows cycles, or multiply-accumulates where nothing was measured."""
    program, run = report.program, report.run
    costs = [layer.cycles for layer in run.layers] if run is not None else [call.macs for call in program.calls]
    longest = max([*costs, 1])
    rows = []
    for index, (call, cost) in enumerate(zip(program.calls, costs, strict=True)):
        output = program.tensor(call.outputs[0])
        rows.append(
            LayerRow(
                index=index,
                name=call.layer,
                operator=call.operator,
                output=f"{output.dtype} {'x'.join(str(extent) for extent in output.shape) or '1'}",
                schedule=call.schedule,
                macs=call.macs,
                cycles=cost if run is not None else None,
                time=duration(run.microseconds(cost)) if run is not None else "",
                share=f"{cost / run.cycles:.1%}" if run is not None and run.cycles else "",
                scratch_bytes=call.scratch_bytes,
                bar=100 * cost / longest,
            )
        )
    return tuple(rows)


def size_bars(report: CompileReport) -> tuple[SizeBar, ...]:
    """RAM and flash by kind; code is parted into kernels and the rest where an image was built."""
    bars = []
    for memory, title in (("ram", "RAM"), ("flash", "Flash")):
        pieces: list[tuple[str, str, int]] = []
        for part in report.sizes.parts:
            if part.memory != memory or not part.size_bytes:
                continue
            if part.kind == "code" and report.code is not None:
                pieces.append(("code: kernels", part.region, report.code.kernels_bytes))
                pieces.append(("code: everything else", part.region, report.code.rest_bytes))
            else:
                pieces.append((part.kind, part.region, part.size_bytes))
        total = sum(size for _, _, size in pieces)
        made = tuple(
            SizePiece(kind, region, size, 100 * size / total, color % 6)
            for color, (kind, region, size) in enumerate(pieces)
        )
        bars.append(SizeBar(title, total, made))
    return tuple(bars)
