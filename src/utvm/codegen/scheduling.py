"""Which schedule each call gets, so that scratch memory neither grows the arena much nor slows it down."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from utvm.boards import Core
from utvm.codegen.flash_fit import Choice, choice_of, fit_flash
from utvm.codegen.flash_size import flash_pieces, total_bytes
from utvm.codegen.lifetimes import Lifetimes, overwritable_inputs
from utvm.codegen.memory_plan import ArenaRegion, Item, live_peak
from utvm.model.graph import Model
from utvm.operators.kernel import AnyKernel
from utvm.schedules import (
    Option,
    Schedule,
    Site,
    added_bytes,
    alternatives,
    default_options,
    option_within,
    scheduled_kernel,
    site_overlap,
)
from utvm.schedules.registry import template_named

# By default scratch may make the arena so much larger than the activations alone need, or by so many bytes,
_ARENA_SHARE = 5 / 4
_SMALL_BYTES = 2048
# and is as small as leaves the calls together so much slower than that, as estimated. Beyond that a per cent of time is
# worth so many of RAM, where there is more of it than what any board has to spare.
_SLOWER = 1.01
_RAM_PER_TIME = 5
_SPARE_BYTES = 8192


def sites_of(model: Model, lifetimes: Lifetimes, core: Core) -> list[Site]:
    """The site of each call."""
    overwritable = overwritable_inputs(model, lifetimes)
    return [
        Site(operator, model.input_tensors(operator), model.output_tensors(operator), core, free)
        for operator, free in zip(lifetimes.calls, overwritable, strict=True)
    ]


def schedule_calls(
    sites: Sequence[Site],
    chosen: Mapping[str, Schedule],
    items: Sequence[Item],
    regions: Sequence[ArenaRegion],
    most_bytes: int | None = None,
) -> list[tuple[Schedule, AnyKernel]]:
    """The schedule and kernel of each call, in order. `chosen` names schedules by operator; the others get their
    default, whose scratch fits beside what is alive during the call in an arena of `most_bytes` at most."""
    schedules: list[Schedule | None] = [chosen.get(site.operator.name) for site in sites]
    open_calls = [call for call, schedule in enumerate(schedules) if schedule is None]
    options = {call: default_options(sites[call]) for call in open_calls}
    alive = _alive_bytes(len(sites), items)
    given = [alive[call] + added_bytes(sites[call], schedule) for call, schedule in enumerate(schedules) if schedule]
    arena = _best_arena(options, alive, max(given, default=0), _arena_bytes(items, regions, most_bytes))
    for call in open_calls:
        schedules[call] = option_within(options[call], arena - alive[call]).schedule
    return [
        (schedule, scheduled_kernel(site, schedule))
        for site, schedule in zip(sites, schedules, strict=True)
        if schedule is not None
    ]


def overlapping_items(sites: Sequence[Site], schedules: Sequence[Schedule], lifetimes: Lifetimes) -> list[Item]:
    """The storages, with where outputs may be written over inputs."""
    over = {}
    for site, schedule in zip(sites, schedules, strict=True):
        overlap = site_overlap(site, schedule)
        if overlap is not None:
            over[site.outputs[0].name] = lifetimes.storage[site.inputs[0].name], overlap
    return [
        replace(item, over=over[item.name][0], overlap=over[item.name][1]) if item.name in over else item
        for item in lifetimes.items
    ]


def keep_within_flash(
    sites: Sequence[Site],
    scheduled: Sequence[tuple[Schedule, AnyKernel]],
    fixed: Collection[str],
    limits: Sequence[int],
    flash_bytes: int,
    model: str,
) -> list[tuple[Schedule, AnyKernel]]:
    """The same schedules where they fit; else those of fewest cycles that do, of operators that are not `fixed`.

    `limits` are bytes that each call may add to memory. Raises OutOfMemoryError.
    """
    if (
        total_bytes(flash_pieces(site, kernel) for site, (_, kernel) in zip(sites, scheduled, strict=True))
        <= flash_bytes
    ):
        return list(scheduled)
    calls = []
    for site, (schedule, kernel), limit in zip(sites, scheduled, limits, strict=True):
        cost = template_named(schedule.template).estimated_cycles(site, schedule)
        options = [Choice(schedule, kernel, cost, flash_pieces(site, kernel))]
        if site.operator.name not in fixed:
            others = [other for other in alternatives(site, limit) if other[1] != schedule]
            options += [choice_of(site, other, cycles) for cycles, other in others]
        calls.append(options)
    return [(option.schedule, option.kernel) for option in fit_flash(calls, flash_bytes, model)]


def scratch_limits(
    calls: int, items: Sequence[Item], regions: Sequence[ArenaRegion], most_bytes: int | None = None
) -> list[int]:
    """Bytes that each call may add to what is alive during it, in an arena of `most_bytes` at most."""
    arena_bytes = _arena_bytes(items, regions, most_bytes)
    return [arena_bytes - taken for taken in _alive_bytes(calls, items)]


def scratch_bytes(kernel: AnyKernel) -> int:
    """Bytes that one call needs besides its tensors."""
    return sum(argument.size_bytes for argument in kernel.arguments if argument.role == "scratch")


def _alive_bytes(calls: int, items: Sequence[Item]) -> list[int]:
    return [sum(item.aligned_bytes for item in items if item.first <= call <= item.last) for call in range(calls)]


def _best_arena(options: Mapping[int, list[Option]], alive: Sequence[int], least: int, most: int) -> int:
    """The arena, of `least` bytes or more, that trades the options' cycles for memory as the constants above say."""
    sizes = {alive[call] + option.added_bytes for call, found in options.items() for option in found}
    steps = sorted({most, *(size for size in sizes if least < size < most), min(least, most)})
    cycles = {
        arena: sum(option_within(found, arena - alive[call]).cycles for call, found in options.items())
        for arena in steps
    }
    nearly = min(arena for arena in steps if cycles[arena] <= _SLOWER * cycles[most])
    smaller = [arena for arena in steps if arena <= nearly]
    return min(smaller, key=lambda arena: (cycles[arena] ** _RAM_PER_TIME * max(arena, _SPARE_BYTES), -arena))


def _arena_bytes(items: Sequence[Item], regions: Sequence[ArenaRegion], most_bytes: int | None = None) -> int:
    """How large the arena may grow: within the first region that can hold the activations, and `most_bytes`."""
    peak, _ = live_peak(items)
    wanted = max(int(peak * _ARENA_SHARE), peak + _SMALL_BYTES)
    found = next((min(wanted, region.capacity_bytes) for region in regions if region.capacity_bytes >= peak), wanted)
    return found if most_bytes is None else min(found, most_bytes)
