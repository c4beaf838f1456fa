"""Which schedules of an operator to measure next."""

from __future__ import annotations

import itertools
import warnings
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from utvm.schedules import PORTABLE, Schedule, Site, added_bytes, candidates, default_schedule, registry
from utvm.schedules.registry import template_named
from utvm.schedules.schedule import KnobValue
from utvm.tuning.conditions import schedule_refusal
from utvm.tuning.flash import kernel_bytes
from utvm.tuning.tasks import Place

if TYPE_CHECKING:
    from optuna.trial import Trial

# Proposals in a row that were illegal or known already, after which a search ends.
_PATIENCE = 200
# So many legal schedules are looked through for the few that fit.
_MOST_LISTED = 1000


class Search(ABC):
    """Proposes schedules that are legal, differ from each other and fit the place's scratch memory.

    `too_large` counts those that did not fit; `remark` says why a search ended early, if it did.
    """

    too_large: int
    remark: str = ""

    @abstractmethod
    def learn(self, schedule: Schedule, cycles: int | None) -> None:
        """What a schedule took that was measured earlier (None: it failed): it counts, and is not proposed again."""

    @abstractmethod
    def ask(self) -> Schedule | None:
        """The next schedule to measure; None when there are no more."""

    @abstractmethod
    def tell(self, schedule: Schedule, cycles: int | None) -> None:
        """What a schedule that was asked for took; None for a failure."""


class SearchOpener(Protocol):
    """Opens the search of a place, over at most so many trials."""

    def __call__(self, place: Place, trials: int, seed: int) -> Search:
        """The search."""


def open_search(place: Place, trials: int, seed: int = 0) -> Search:
    """A search over at most `trials` schedules: all of them, where there are no more, else the more promising ones."""
    listed = list(itertools.islice(candidates(place.site), _MOST_LISTED))
    fitting = [schedule for schedule in listed if fits(place, schedule)]
    if len(listed) < _MOST_LISTED and len(fitting) <= trials:
        return EnumeratedSearch(place, fitting, len(listed) - len(fitting))
    return OptunaSearch(place, trials, seed)


def fits(place: Place, schedule: Schedule) -> bool:
    """Whether a legal schedule keeps within the place's memory, RAM and flash; the portable kernel has to do."""
    if schedule == PORTABLE:
        return True
    if scratch_bytes(place, schedule) > place.scratch_limit_bytes:
        return False
    return place.flash_limit_bytes is None or kernel_bytes(place.site, schedule) <= place.flash_limit_bytes


def scratch_bytes(place: Place, schedule: Schedule) -> int:
    """What a legal schedule adds to the memory of its tensors; may be negative (`added_bytes`)."""
    return added_bytes(place.site, schedule)


class EnumeratedSearch(Search):
    """The schedules given, in the order of their estimates, the default first."""

    def __init__(self, place: Place, schedules: list[Schedule], too_large: int) -> None:
        self.too_large = too_large
        default = default_schedule(place.site, place.scratch_limit_bytes)
        costs = {schedule: _estimate(place.site, schedule) for schedule in schedules}
        self._left = deque(sorted(schedules, key=lambda schedule: (schedule != default, costs[schedule])))

    def learn(self, schedule: Schedule, cycles: int | None) -> None:
        """See Search."""
        del cycles
        if schedule in self._left:
            self._left.remove(schedule)

    def ask(self) -> Schedule | None:
        """See Search."""
        return self._left.popleft() if self._left else None

    def tell(self, schedule: Schedule, cycles: int | None) -> None:
        """Nothing is learnt."""


class OptunaSearch(Search):
    """Tree-structured Parzen estimators over the template and each template's knobs, from the default on.

    The portable kernel is left out where another template applies.
    """

    def __init__(self, place: Place, trials: int, seed: int) -> None:
        import optuna

        self.too_large = 0

        self._place = place
        self._left = trials
        applying = [template for template in registry.templates() if not template.refusal(place.site)]
        self._spaces: dict[str, Mapping[str, tuple[KnobValue, ...]]] = {
            template.name: template.knobs(place.site)
            for template in applying
            if template.name != PORTABLE.template or len(applying) == 1
        }
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        # What is being measured counts as bad meanwhile, so that a batch does not hold one idea many times.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True)
        self._study = optuna.create_study(sampler=sampler)
        self._asked: dict[Schedule, Trial] = {}
        self._values: dict[Schedule, float] = {}
        self._possible: dict[Schedule, bool] = {}
        default = default_schedule(place.site, place.scratch_limit_bytes)
        if default.template in self._spaces:
            self._study.enqueue_trial(self._parameters(default))

    def learn(self, schedule: Schedule, cycles: int | None) -> None:
        """See Search."""
        from optuna.distributions import BaseDistribution, CategoricalDistribution
        from optuna.trial import create_trial

        self._left = max(self._left - 1, 0)
        if cycles is None or schedule.template not in self._spaces:
            self._possible[schedule] = False
            return
        self._values[schedule] = float(cycles)
        space = self._spaces[schedule.template]
        distributions: dict[str, BaseDistribution] = {
            "template": CategoricalDistribution(list(self._spaces)),
            **{f"{schedule.template}.{knob}": CategoricalDistribution(range(len(space[knob]))) for knob in space},
        }
        trial = create_trial(params=self._parameters(schedule), distributions=distributions, value=float(cycles))
        self._study.add_trial(trial)

    def ask(self) -> Schedule | None:
        """See Search."""
        from optuna.trial import TrialState

        for _ in range(_PATIENCE if self._left else 0):
            trial = self._study.ask()
            schedule = self._suggested(trial)
            if schedule in self._values:
                self._study.tell(trial, self._values[schedule])
            elif schedule in self._asked or not self._is_possible(schedule):
                self._study.tell(trial, state=TrialState.FAIL)
            else:
                self._asked[schedule] = trial
                self._left -= 1
                return schedule
        self._left = 0
        return None

    def tell(self, schedule: Schedule, cycles: int | None) -> None:
        """See Search."""
        from optuna.trial import TrialState

        trial = self._asked[schedule]
        if cycles is None:
            self._study.tell(trial, state=TrialState.FAIL)
        else:
            self._values[schedule] = float(cycles)
            self._study.tell(trial, float(cycles))

    def _is_possible(self, schedule: Schedule) -> bool:
        if schedule not in self._possible:
            legal = not schedule_refusal(self._place.site, schedule)
            self._possible[schedule] = legal and fits(self._place, schedule)
            self.too_large += legal and not self._possible[schedule]
        return self._possible[schedule]

    def _suggested(self, trial: Trial) -> Schedule:
        name = str(trial.suggest_categorical("template", list(self._spaces)))
        # By index: knobs are integers, words and booleans, which Optuna's files would not keep apart.
        places = {
            knob: trial.suggest_categorical(f"{name}.{knob}", list(range(len(values))))
            for knob, values in self._spaces[name].items()
        }
        return Schedule.of(name, {knob: self._spaces[name][knob][place] for knob, place in places.items()})

    def _parameters(self, schedule: Schedule) -> dict[str, str | int]:
        name = schedule.template
        knobs = {f"{name}.{knob}": self._spaces[name][knob].index(value) for knob, value in schedule.knobs}
        return {"template": name, **knobs}


def _estimate(site: Site, schedule: Schedule) -> float:
    return template_named(schedule.template).estimated_cycles(site, schedule)
