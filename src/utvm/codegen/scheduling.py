"""Which schedule each call gets, so that scratch memory neither grows the arena much nor slows it down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from utvm.codegen.memory_plan import ArenaRegion, Item, live_peak
from utvm.operators.kernel import AnyKernel
from utvm.schedules import Schedule, Site, default_schedule, scheduled_kernel

# By default scratch may make the arena so much larger than the activations alone need, or by so many bytes.
_ARENA_SHARE = 5 / 4
_SMALL_BYTES = 2048


def schedule_calls(
    sites: Sequence[Site], chosen: Mapping[str, Schedule], items: Sequence[Item], regions: Sequence[ArenaRegion]
) -> list[tuple[Schedule, AnyKernel]]:
    """The schedule and kernel of each call, in order. `chosen` names schedules by operator; the others get their
    default, whose scratch fits beside what is alive during the call."""
    scheduled = []
    for site, limit in zip(sites, scratch_limits(len(sites), items, regions), strict=True):
        schedule = chosen.get(site.operator.name) or default_schedule(site, limit)
        scheduled.append((schedule, scheduled_kernel(site, schedule)))
    return scheduled


def scratch_limits(
    calls: int, items: Sequence[Item], regions: Sequence[ArenaRegion], most_bytes: int | None = None
) -> list[int]:
    """Bytes of scratch that each call may have beside what is alive during it, in an arena of `most_bytes` at most."""
    arena_bytes = _arena_bytes(items, regions)
    arena_bytes = arena_bytes if most_bytes is None else min(arena_bytes, most_bytes)
    alive = [sum(item.aligned_bytes for item in items if item.first <= call <= item.last) for call in range(calls)]
    return [arena_bytes - taken for taken in alive]


def scratch_bytes(kernel: AnyKernel) -> int:
    """Bytes that one call needs besides its tensors."""
    return sum(argument.size_bytes for argument in kernel.arguments if argument.role == "scratch")


def _arena_bytes(items: Sequence[Item], regions: Sequence[ArenaRegion]) -> int:
    """How large the arena may grow: within the first region that can hold the activations."""
    peak, _ = live_peak(items)
    wanted = max(int(peak * _ARENA_SHARE), peak + _SMALL_BYTES)
    return next((min(wanted, region.capacity_bytes) for region in regions if region.capacity_bytes >= peak), wanted)
