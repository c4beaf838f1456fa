"""How an operator is computed on a kind of core: templates, their knobs, and the choice among them."""

from utvm.schedules.schedule import PORTABLE, Schedule
from utvm.schedules.selection import candidates, default_schedule, scheduled_kernel
from utvm.schedules.template import Site, Template

__all__ = ["PORTABLE", "Schedule", "Site", "Template", "candidates", "default_schedule", "scheduled_kernel"]
