"""Flash: what a place's schedules take of it, and which of several places' schedules fit it together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from utvm.codegen.flash_fit import Choice, choice_of, fit_flash
from utvm.codegen.flash_size import Pieces, total_bytes
from utvm.schedules import Schedule, Site, alternatives

if TYPE_CHECKING:
    from utvm.tuning.tasks import Place

Ranking = Sequence[tuple[float, Schedule]]
"""Cycles and schedule, fastest first."""


def fit_rankings(
    places: Sequence[Place], rankings: Sequence[Ranking], flash_bytes: int, model: str
) -> dict[str, Schedule] | None:
    """The schedule of every operator, by name, so that all fit; None where the fastest do. Raises OutOfMemoryError."""
    best = [_best_by_template(place, ranking) for place, ranking in zip(places, rankings, strict=True)]
    fastest = [_choice(place.site, found[0]) for place, found in zip(places, best, strict=True)]
    if total_bytes(choice.pieces for choice in fastest) <= flash_bytes:
        return None
    calls: list[list[Choice]] = [
        [first, *(_choice(place.site, other) for other in found[1:])]
        for place, first, found in zip(places, fastest, best, strict=True)
    ]
    chosen = fit_flash(calls, flash_bytes, model)
    return {place.site.operator.name: choice.schedule for place, choice in zip(places, chosen, strict=True)}


def flash_limits(sites: Sequence[Site], scratch_limits: Sequence[int], flash_bytes: int) -> list[int]:
    """What each site's kernel may take, if the others have the smallest there are."""
    smallest = [
        min((_choice(site, found).pieces for found in alternatives(site, limit)), key=_bytes)
        for site, limit in zip(sites, scratch_limits, strict=True)
    ]
    return [flash_bytes - total_bytes([*smallest[:index], *smallest[index + 1 :]]) for index in range(len(smallest))]


def kernel_bytes(site: Site, schedule: Schedule) -> int:
    """What a legal schedule's constants and code take."""
    return _bytes(_choice(site, (0, schedule)).pieces)


def _choice(site: Site, measured: tuple[float, Schedule]) -> Choice:
    return choice_of(site, measured[1], measured[0])


def _bytes(pieces: Pieces) -> int:
    return sum(pieces.values())


def _best_by_template(place: Place, ranking: Ranking) -> list[tuple[float, Schedule]]:
    """The fastest measured schedule of each template, then the guesses of templates that were not measured."""
    best: dict[str, tuple[float, Schedule]] = {}
    for cycles, schedule in (*ranking, *alternatives(place.site, place.scratch_limit_bytes)):
        best.setdefault(schedule.template, (cycles, schedule))
    return list(best.values())
