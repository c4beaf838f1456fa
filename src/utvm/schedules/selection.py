"""Choosing a schedule: every legal one of an operator, the default without measuring, and the kernel of one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from utvm.operators.kernel import AnyKernel
from utvm.operators.overlap import Overlap
from utvm.schedules.registry import default_templates, is_preferred, template_named, templates
from utvm.schedules.schedule import PORTABLE, Schedule
from utvm.schedules.template import Site, Template


def candidates(site: Site) -> Iterator[Schedule]:
    """Every legal schedule of every template that applies, best guesses of each template first."""
    for template in templates():
        if not template.refusal(site):
            yield from _of_template(template, site)


@dataclass(frozen=True)
class Option:
    """A schedule that may be a default: its estimated cycles, and what it needs of memory (`added_bytes`)."""

    cycles: float
    added_bytes: int
    schedule: Schedule


def default_options(site: Site) -> list[Option]:
    """What defaults are chosen from, fastest by estimate first; each needs less memory than those before it.

    Each template's memory knobs are varied, its others stay at their best guess. The portable kernel is the last; where
    preferred templates apply, there are none but those.
    """
    found: list[Option] = []
    for cycles, schedule in _ranked(site):
        added = added_bytes(site, schedule)
        if not found or added < found[-1].added_bytes or schedule == PORTABLE:
            found.append(Option(cycles, added, schedule))
        if schedule == PORTABLE:
            break  # It always fits.
    return found


def alternatives(site: Site, limit_bytes: int) -> list[tuple[float, Schedule]]:
    """The estimated cycles and the schedule that each applying template would have by default, fastest first."""
    best: dict[str, tuple[float, Schedule]] = {}
    for cycles, schedule in _ranked(site):
        if schedule.template not in best and (schedule == PORTABLE or added_bytes(site, schedule) <= limit_bytes):
            best[schedule.template] = cycles, schedule
    return list(best.values())


def default_schedule(site: Site, limit_bytes: int) -> Schedule:
    """The schedule with the lowest estimated cost that adds no more than the limit to the memory of its tensors."""
    return option_within(default_options(site), limit_bytes).schedule


def option_within(options: Sequence[Option], limit_bytes: int) -> Option:
    """The first of a site's options that keeps within the limit; failing all, the last."""
    return next((option for option in options if option.added_bytes <= limit_bytes), options[-1])


def added_bytes(site: Site, schedule: Schedule) -> int:
    """What a call needs besides its tensors: scratch, less what it saves by writing its output over its input.

    The portable kernel is counted without scratch: what it has is there whatever is chosen.
    """
    template = template_named(schedule.template)
    scratch = 0 if schedule == PORTABLE else template.scratch_bytes(site, schedule)
    overlap = site_overlap(site, schedule)
    if overlap is None:
        return scratch
    image_bytes, output_bytes = site.inputs[0].size_bytes, site.outputs[0].size_bytes
    return scratch - (image_bytes + output_bytes - overlap.together_bytes(image_bytes, output_bytes))


def site_overlap(site: Site, schedule: Schedule) -> Overlap | None:
    """How far the schedule's output may lie over its first input here; None where it may not."""
    return template_named(schedule.template).overlap(site, schedule) if site.overwritable else None


def _ranked(site: Site) -> list[tuple[float, Schedule]]:
    """The guesses of all templates with their estimated cycles, fastest first."""
    applying = [template for template in default_templates() if not template.refusal(site)]
    guesses = [
        (template.estimated_cycles(site, schedule), order, schedule)
        for order, template in enumerate([*filter(is_preferred, applying)] or applying)
        for schedule in _guesses(template, site)
    ]
    return [(cycles, schedule) for cycles, _, schedule in sorted(guesses, key=lambda guess: guess[:2])]


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
    kernel = template.kernel(site, schedule)
    if site_overlap(site, schedule) is None:
        return kernel
    shared = {site.inputs[0].name, site.outputs[0].name}
    parameters = {argument.parameter for argument in kernel.arguments if argument.tensor in shared}
    return replace(kernel, aliased=kernel.aliased | parameters)


def _of_template(template: Template, site: Site) -> Iterator[Schedule]:
    space = template.knobs(site)
    for values in itertools.product(*space.values()):
        schedule = Schedule.of(template.name, dict(zip(space, values, strict=True)))
        if not template.conflict(site, schedule):
            yield schedule
