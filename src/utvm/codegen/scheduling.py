"""Which schedule each call gets, so that scratch memory does not push activations out of the fastest region."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from utvm.codegen.memory_plan import Item
from utvm.operators.kernel import AnyKernel
from utvm.schedules import Schedule, Site, default_schedule, scheduled_kernel
from utvm.schedules.selection import template_candidates

# Building a kernel may mean scheduling assembly: do not try them all.
_TRIES = 24


def schedule_calls(
    sites: Sequence[Site], chosen: Mapping[str, Schedule], items: Sequence[Item], fast_bytes: int
) -> list[tuple[Schedule, AnyKernel]]:
    """The schedule and kernel of each call, in order.

    `chosen` names schedules by operator. The others get their default, or the same template with the first knobs whose
    scratch fits beside what is alive during the call in `fast_bytes`.
    """
    return [
        _scheduled(site, chosen[site.operator.name])
        if site.operator.name in chosen
        else _fitting(site, fast_bytes - _alive_bytes(items, call))
        for call, site in enumerate(sites)
    ]


def scratch_bytes(kernel: AnyKernel) -> int:
    """Bytes that one call needs besides its tensors."""
    return sum(argument.size_bytes for argument in kernel.arguments if argument.role == "scratch")


def _scheduled(site: Site, schedule: Schedule) -> tuple[Schedule, AnyKernel]:
    return schedule, scheduled_kernel(site, schedule)


def _fitting(site: Site, room_bytes: int) -> tuple[Schedule, AnyKernel]:
    default = _scheduled(site, default_schedule(site))
    if scratch_bytes(default[1]) <= max(room_bytes, 0):
        return default
    for schedule in itertools.islice(template_candidates(default[0].template, site), _TRIES):
        candidate = _scheduled(site, schedule)
        if scratch_bytes(candidate[1]) <= room_bytes:
            return candidate
    return default


def _alive_bytes(items: Sequence[Item], call: int) -> int:
    return sum(item.aligned_bytes for item in items if item.first <= call <= item.last)
