"""The search of operators that have no template of their own: MetaSchedule proposes, the tuner measures."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from functools import partial

from utvm.errors import ScheduleError, TuningEngineError
from utvm.schedules import PORTABLE, Schedule, registry
from utvm.schedules.metaschedule.template import TRACE, MetaSchedule
from utvm.tuning.metaschedule.process import MetaScheduleProcess
from utvm.tuning.search import Search, SearchOpener, fits, open_search
from utvm.tuning.tasks import Place

# Asked for at a time: what one program holds.
_BATCH = 8


def metaschedule_searches(process: MetaScheduleProcess) -> SearchOpener:
    """Searches by MetaSchedule where nothing but the portable kernel applies, the usual ones elsewhere."""
    return partial(_open, process)


def _open(process: MetaScheduleProcess, place: Place, trials: int, seed: int) -> Search:
    if any(not template.refusal(place.site) for template in registry.templates() if template.name != PORTABLE.template):
        return open_search(place, trials, seed)
    return MetaScheduleSearch(process, place, trials, seed)


@dataclass
class _Engine:
    """Where an engine is, and which of the results it was told."""

    number: int
    life: int
    told: int = 0


@dataclass
class MetaScheduleSearch(Search):
    """The portable kernel, then traces from an engine in `process`, which is opened when the first one is needed.

    Where MetaSchedule cannot go on, the search ends and `remark` says why.
    """

    process: MetaScheduleProcess
    place: Place
    trials: int
    seed: int
    too_large: int = 0
    remark: str = ""
    _engine: _Engine | None = None
    _waiting: deque[str] = field(default_factory=deque)
    _seen: set[Schedule] = field(default_factory=set)
    _results: list[tuple[str, int | None]] = field(default_factory=list)

    def learn(self, schedule: Schedule, cycles: int | None) -> None:
        """See Search."""
        self.trials = max(self.trials - 1, 0)
        self._seen.add(schedule)
        self.tell(schedule, cycles)

    def ask(self) -> Schedule | None:
        """See Search."""
        schedule = None if self.trials == 0 else self._next()
        if schedule is not None:
            self.trials -= 1
            self._seen.add(schedule)
        return schedule

    def tell(self, schedule: Schedule, cycles: int | None) -> None:
        """See Search."""
        if schedule.template == MetaSchedule.name:
            self._results.append((str(schedule.knob(TRACE)), cycles))

    def _next(self) -> Schedule | None:
        if PORTABLE not in self._seen:
            return PORTABLE
        while not self.remark:
            if not self._waiting:
                self._waiting.extend(self._asked())
                if not self._waiting:
                    return None
            schedule = Schedule.of(MetaSchedule.name, {TRACE: self._waiting.popleft()})
            if schedule in self._seen:
                continue
            try:
                if fits(self.place, schedule):
                    return schedule
                self.too_large += 1
            except ScheduleError:  # TVM cannot lower what its own search proposed
                pass
            self.tell(schedule, None)
        return None

    def _asked(self) -> list[str]:
        try:
            if self._engine is None or self._engine.life != self.process.life:
                number = self.process.open_engine(self.place.site, self.place.scratch_limit_bytes, _BATCH, self.seed)
                self._engine = _Engine(number, self.process.life)
            if self._engine.told < len(self._results):
                self.process.tell(self._engine.number, self._results[self._engine.told :])
                self._engine.told = len(self._results)
            return self.process.ask(self._engine.number)
        except ScheduleError as error:
            self.remark = f"not for MetaSchedule: {error}"
        except TuningEngineError as error:
            self.remark = str(error)
        return []
