"""Choosing a schedule: every legal one of an operator, the default without measuring, and the kernel of one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from utvm.operators.kernel import AnyKernel
from utvm.schedules.registry import TEMPLATES, template_named
from utvm.schedules.schedule import PORTABLE, Schedule
from utvm.schedules.template import Site, Template


def candidates(site: Site) -> Iterator[Schedule]:
    """Every legal schedule of every template that applies, best guesses of each template first."""
    for template in TEMPLATES:
        if not template.refusal(site):
            yield from _of_template(template, site)


def default_schedule(site: Site, scratch_limit_bytes: int) -> Schedule:
    """The schedule with the lowest estimated cost whose scratch keeps within the limit.

    Each template's memory knobs are varied, its others stay at their best guess. Failing all, the portable kernel.
    """
    options = [
        (template.estimated_cycles(site, schedule), order, template, schedule)
        for order, template in enumerate(TEMPLATES)
        if not template.refusal(site)
        for schedule in _guesses(template, site)
    ]
    for _, _, template, schedule in sorted(options, key=lambda option: option[:2]):
        if schedule == PORTABLE or template.scratch_bytes(site, schedule) <= scratch_limit_bytes:
            return schedule
    return PORTABLE


def _guesses(template: Template, site: Site) -> list[Schedule]:
    """The first legal schedule, and those that differ from the best guess in memory knobs only."""
    space = template.knobs(site)
    varied = [values if name in template.memory_knobs else values[:1] for name, values in space.items()]
    schedules = list(itertools.islice(_of_template(template, site), 1))
    for values in itertools.product(*varied) if template.memory_knobs else ():
        schedule = Schedule.of(template.name, dict(zip(space, values, strict=True)))
        if schedule not in schedules and not template.conflict(site, schedule):
            schedules.append(schedule)
    return schedules


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
