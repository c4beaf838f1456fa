"""How an operator is computed on a kind of core: templates, their knobs, and the choice among them."""

from utvm.schedules.schedule import PORTABLE, KnobValue, Schedule
from utvm.schedules.selection import (
    Option,
    added_bytes,
    alternatives,
    candidates,
    default_options,
    default_schedule,
    option_within,
    scheduled_kernel,
    site_overlap,
)
from utvm.schedules.template import Site, Template

__all__ = [
    "PORTABLE",
    "KnobValue",
    "Option",
    "Schedule",
    "Site",
    "Template",
    "added_bytes",
    "alternatives",
    "candidates",
    "default_options",
    "default_schedule",
    "option_within",
    "scheduled_kernel",
    "site_overlap",
]
