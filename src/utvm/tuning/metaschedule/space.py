"""The schedules that make sense on one small core: which loops are cut, in which order they run, what is unrolled.

Nothing is vectorised, bound to threads or run in parallel. Structure is enumerated here, one sketch each; the sizes of
tiles are left open, for MetaSchedule to sample and to mutate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from utvm.model.tensor import ITEM_SIZE_BYTES
from utvm.schedules.metaschedule.blocks import block_names
from utvm.schedules.metaschedule.stages import Stage

Sketch = Callable[[Any], None]
"""Transforms a fresh tvm.s_tir.Schedule of the blocks, sampling what is left open."""


@dataclass(frozen=True)
class Tiling:
    """The largest tiles: of the last and the last but one axis, and of the last reduced one. `fused`: partial results
    are computed tile by tile, where they are used, or else all beforehand; `turned`: the last axis runs outermost."""

    last: int
    before: int
    reduced: int
    fused: bool = True
    turned: bool = False


_TILINGS = (
    Tiling(last=16, before=1, reduced=8),
    Tiling(last=4, before=4, reduced=4),
    Tiling(last=8, before=1, reduced=8, fused=False),
    Tiling(last=4, before=8, reduced=4, turned=True),
    Tiling(last=8, before=8, reduced=2),
    Tiling(last=2, before=16, reduced=2, turned=True),
)


def sketches(stages: Sequence[Stage], scratch_limit_bytes: int) -> list[Sketch]:
    """A sketch per tiling whose arrays fit the scratch memory; the caller leaves out those that TVM refuses."""
    groups = list(_groups(stages))
    fits = sum(_array_bytes(stage) for stage in stages if stage.is_local) <= scratch_limit_bytes
    return [partial(_apply, groups, tiling) for tiling in _TILINGS if tiling.fused or fits]


def _array_bytes(stage: Stage) -> int:
    elements = math.prod(axis.extent for axis in stage.axes)
    return elements * ITEM_SIZE_BYTES[str(stage.target.dtype)]


@dataclass(frozen=True)
class _Group:
    """An output's stage with those that compute partial results for it, and their blocks' names."""

    output: Stage
    block: str
    partial: tuple[tuple[Stage, str], ...]

    @property
    def shared(self) -> int:
        """How many loops of the output all partial results are kept for."""
        return min((len(stage.axes) for stage, _ in self.partial), default=len(self.output.axes))


def _groups(stages: Sequence[Stage]) -> Iterator[_Group]:
    waiting: list[tuple[Stage, str]] = []
    for stage, name in zip(stages, block_names(stages), strict=True):
        if stage.is_local:
            waiting.append((stage, name))
        else:
            yield _Group(stage, name, tuple(waiting))
            waiting = []


def _apply(groups: Sequence[_Group], tiling: Tiling, schedule: Any) -> None:
    for group in groups:
        _schedule_group(schedule, group, tiling)


def _schedule_group(schedule: Any, group: _Group, tiling: Tiling) -> None:
    block = schedule.get_sblock(group.block)
    loops = list(schedule.get_loops(block))
    shared = group.shared
    outer, inner = list(loops), []
    for axis, largest in _tiled_axes(group, tiling):
        outer[axis], cut = schedule.split(loops[axis], schedule.sample_perfect_tile(loops[axis], 2, largest))
        inner.append(cut)
    around, within = outer[:shared], outer[shared:]
    if tiling.turned:
        around, within = around[::-1], within[::-1]
    if loops:
        schedule.reorder(*around, *within, *inner)
    place = around[-1] if around and tiling.fused else None
    for stage, name in reversed(group.partial):
        _schedule_partial(schedule, stage, name, place, len(around), tiling)
    for loop in inner:
        schedule.unroll(loop)


def _tiled_axes(group: _Group, tiling: Tiling) -> list[tuple[int, int]]:
    """The axes to cut, with their largest tile, those inside first."""
    count, shared = len(group.output.axes), group.shared
    wanted = {count - 1: tiling.last}
    for axis in (count - 2, shared - 1):
        wanted.setdefault(axis, tiling.before)
    return [(axis, largest) for axis, largest in sorted(wanted.items()) if axis >= 0 and largest > 1]


def _schedule_partial(schedule: Any, stage: Stage, name: str, place: Any, depth: int, tiling: Tiling) -> None:
    block = schedule.get_sblock(name)
    if place is not None:
        schedule.compute_at(block, place, preserve_unit_loops=True)
    loops = list(schedule.get_loops(block))[0 if place is None else depth :]
    spatial, reduced = loops[: len(stage.axes)], loops[len(stage.axes) :]
    unrolled = list(spatial)
    if place is None and spatial:
        spatial[-1], cut = schedule.split(spatial[-1], schedule.sample_perfect_tile(spatial[-1], 2, tiling.last))
        unrolled = [cut]
        spatial.append(cut)
    if reduced:
        last, cut = schedule.split(reduced[-1], schedule.sample_perfect_tile(reduced[-1], 2, tiling.reduced))
        reduced[-1:] = [last]
        schedule.reorder(*reduced, cut, *spatial)
        first = schedule.decompose_reduction(block, reduced[0])
        for loop in list(schedule.get_loops(first))[-len(unrolled) :] if unrolled else ():
            schedule.unroll(loop)
        unrolled.append(cut)
    for loop in unrolled:
        schedule.unroll(loop)
