"""Choosing a schedule: every legal one of an operator, the default without measuring, and the kernel of one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from utvm.operators.kernel import AnyKernel
from utvm.schedules.registry import TEMPLATES, template_named
from utvm.schedules.schedule import Schedule
from utvm.schedules.template import Site, Template


def candidates(site: Site) -> Iterator[Schedule]:
    """Every legal schedule of every template that applies, best guesses of each template first."""
    for template in TEMPLATES:
        if not template.refusal(site):
            yield from _of_template(template, site)


def template_candidates(name: str, site: Site) -> Iterator[Schedule]:
    """Every legal schedule of one template, its best guesses first; none if it does not apply."""
    template = template_named(name)
    if not template.refusal(site):
        yield from _of_template(template, site)


def default_schedule(site: Site) -> Schedule:
    """The schedule with the lowest estimated cost among each applicable template's first legal one."""
    best: tuple[float, Schedule] | None = None
    for template in TEMPLATES:
        if template.refusal(site):
            continue
        first = next(_of_template(template, site), None)
        if first is None:
            continue
        cost = template.estimated_cycles(site, first)
        if best is None or cost < best[0]:
            best = (cost, first)
    if best is None:
        raise AssertionError("the portable template always applies")
    return best[1]


def scheduled_kernel(site: Site, schedule: Schedule) -> AnyKernel:
    """The kernel of a schedule; ScheduleError naming the knob when it is illegal here."""
    template = template_named(schedule.template)
    template.check(site, schedule)
    return template.kernel(site, schedule)


def _of_template(template: Template, site: Site) -> Iterator[Schedule]:
    space = template.knobs(site)
    for values in itertools.product(*space.values()):
        schedule = Schedule.of(template.name, dict(zip(space, values, strict=True)))
        if not template.conflict(site, schedule):
            yield schedule
