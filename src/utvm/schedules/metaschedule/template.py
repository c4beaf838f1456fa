"""The template of recorded traces: it searches nothing, and only records bring it to an operator."""

from __future__ import annotations

from functools import lru_cache

from utvm.errors import ScheduleError
from utvm.operators.kernel import Kernel
from utvm.operators.kernel_builder import one_at_a_time
from utvm.schedules.portable import Portable
from utvm.schedules.schedule import PORTABLE, Schedule
from utvm.schedules.template import Site, Template

TRACE = "trace"


class MetaSchedule(Template):
    """The portable kernel with its loops transformed as the knob `trace` says, a trace of TVM's schedule instructions.

    Knob values cannot be enumerated, so that the template is no candidate by itself: `utvm tune` finds traces.
    """

    name = "metaschedule"

    def refusal(self, site: Site) -> str:
        """Kernels that have no form with blocks."""
        from utvm.schedules.metaschedule.stages import stages_of

        with one_at_a_time:
            try:
                stages_of(_portable(site))
            except ScheduleError as error:
                return str(error)
        return ""

    def check(self, site: Site, schedule: Schedule) -> None:
        """Raise ScheduleError unless the trace can be replayed onto the operator."""
        where = f"{self.name} for {site.operator.name} on {site.core.name}"
        if [name for name, _ in schedule.knobs] != [TRACE]:
            raise ScheduleError(f"{where}: knobs {[name for name, _ in schedule.knobs]} where {[TRACE]} is needed")
        trace = schedule.knob(TRACE)
        if not isinstance(trace, str):
            raise ScheduleError(f"{where}: knob {TRACE} is not text")
        try:
            _replayed(site, trace)
        except ScheduleError as error:
            raise ScheduleError(f"{where}: {error}") from error

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """As the portable kernel's: nothing is known without measuring."""
        del schedule
        return Portable().estimated_cycles(site, PORTABLE)

    def kernel(self, site: Site, schedule: Schedule) -> Kernel:
        """The transformed kernel."""
        return _replayed(site, str(schedule.knob(TRACE)))


@lru_cache(maxsize=64)
def _replayed(site: Site, trace: str) -> Kernel:
    from utvm.schedules.metaschedule.replay import replayed

    with one_at_a_time:
        return replayed(_portable(site), trace)


def _portable(site: Site) -> Kernel:
    kernel = Portable().kernel(site, PORTABLE)
    if not isinstance(kernel, Kernel):
        raise ScheduleError("the portable kernel is not TIR")
    return kernel
