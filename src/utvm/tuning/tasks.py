"""What there is to tune in a model: its distinct operators, with the scratch memory each may have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from utvm.boards import Board
from utvm.codegen.budget import arena_regions, kernel_flash_bytes
from utvm.codegen.lifetimes import find_lifetimes
from utvm.codegen.limits import NO_LIMITS, Limits
from utvm.codegen.memory_plan import ArenaRegion, live_peak, plan_states
from utvm.codegen.scheduling import scratch_limits, sites_of
from utvm.model import Model
from utvm.operators import check_model
from utvm.rewrites import rewrite
from utvm.schedules import Site, default_schedule
from utvm.schedules.registry import template_named
from utvm.tuning.flash import flash_limits
from utvm.tuning.keys import OperatorKey, operator_key


@dataclass(frozen=True, eq=False)
class Place:
    """An operator of the rewritten model, and the bytes of scratch that fit beside what is alive during its call.

    `flash_limit_bytes` is what its kernel may take where the others are as small as can be; None: whatever it takes.
    `regions` is the RAM where the model's activations lie: schedules are measured there, as memories differ in speed.
    """

    site: Site
    key: OperatorKey
    scratch_limit_bytes: int
    regions: tuple[ArenaRegion, ...]
    flash_limit_bytes: int | None = None

    @property
    def arena(self) -> str:
        """The regions' names."""
        return "+".join(region.name for region in self.regions)


@dataclass(frozen=True, eq=False)
class Task:
    """A distinct operator: the first of its places, how many there are, and the roomiest one's scratch limit."""

    place: Place
    count: int

    @property
    def layer(self) -> str:
        """The operator's name where it occurs first."""
        return self.place.site.operator.name

    @property
    def operator(self) -> str:
        """The operator's kind."""
        return type(self.place.site.operator).__name__


def places_of(model: Model, board: Board, limits: Limits = NO_LIMITS) -> list[Place]:
    """Every call of the rewritten model, with scratch limits as compilation has them, or for less memory.

    But for those that overwrite a state: they have one kernel each, and cannot run twice alike. Raises ModelError.
    """
    check_model(model)
    rewritten = rewrite(model)
    lifetimes = find_lifetimes(rewritten)
    regions = plan_states(lifetimes.states, arena_regions(rewritten, board), model.name).rest
    scratch = scratch_limits(len(lifetimes.calls), lifetimes.items, regions, limits.max_ram_bytes)
    peak, _ = live_peak(lifetimes.items)
    holding = next(((region,) for region in regions if region.capacity_bytes >= peak), regions)
    sites = sites_of(rewritten, lifetimes, board.core)
    flash: Sequence[int | None] = [None] * len(sites)
    if limits.max_flash_bytes is not None:
        flash = flash_limits(sites, scratch, kernel_flash_bytes(board, limits.max_flash_bytes))
    return [
        Place(site, operator_key(site), scratch_bytes, holding, flash_bytes)
        for site, scratch_bytes, flash_bytes in zip(sites, scratch, flash, strict=True)
        if not site.operator.updates
    ]


def tasks_of(places: list[Place]) -> list[Task]:
    """The distinct operators, those that take longest by default (as estimated, all occurrences together) first."""
    groups: dict[str, list[Place]] = {}
    for place in places:
        groups.setdefault(place.key.exact, []).append(place)
    tasks = [Task(max(group, key=lambda place: place.scratch_limit_bytes), len(group)) for group in groups.values()]
    return sorted(tasks, key=lambda task: -task.count * _default_cycles(task.place))


def _default_cycles(place: Place) -> float:
    schedule = default_schedule(place.site, place.scratch_limit_bytes)
    return template_named(schedule.template).estimated_cycles(place.site, schedule)
