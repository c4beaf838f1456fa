"""What a template is: from an operator and knob values to a kernel."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from utvm.boards import Core
from utvm.errors import ScheduleError
from utvm.model.operator_types import Operator
from utvm.model.tensor import Tensor
from utvm.operators.kernel import AnyKernel
from utvm.operators.overlap import Overlap
from utvm.schedules.schedule import KnobValue, Schedule


@dataclass(frozen=True, eq=False)
class Site:
    """One operator of a model and where it will run: all that a template may look at."""

    operator: Operator
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    core: Core
    overwritable: bool = False
    """Whether nothing reads the first input after the operator, so that the output may be written over it."""


class Template(ABC):
    """One way to compute some operators. A file in `schedules/` with one subclass, registered in `registry.py`."""

    name: str
    memory_knobs: tuple[str, ...] = ()
    """The knobs that scratch depends on: defaults vary them, and keep the best guess of the others."""

    @abstractmethod
    def refusal(self, site: Site) -> str:
        """Why the template does not apply to the operator, its shapes, values or core; empty if it does."""

    def knobs(self, site: Site) -> Mapping[str, tuple[KnobValue, ...]]:
        """The values each knob may take, best guess first."""
        del site
        return {}

    def conflict(self, site: Site, schedule: Schedule) -> str:
        """Why this combination of knob values is impossible, naming a knob; empty if it is not."""
        del site, schedule
        return ""

    @abstractmethod
    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """A rough cost by which defaults are chosen without measuring; comparable between templates."""

    def scratch_bytes(self, site: Site, schedule: Schedule) -> int:
        """Memory that the kernel needs besides its tensors. Overridden where that is cheaper than to build it."""
        arguments = self.kernel(site, schedule).arguments
        return sum(argument.size_bytes for argument in arguments if argument.role == "scratch")

    def overlap(self, site: Site, schedule: Schedule) -> Overlap | None:
        """How far the kernel may write its first output over its first input; None, the default: nowhere."""
        del site, schedule
        return None

    @abstractmethod
    def kernel(self, site: Site, schedule: Schedule) -> AnyKernel:
        """The kernel. Called only with legal schedules for which `refusal` is empty."""

    def check(self, site: Site, schedule: Schedule) -> None:
        """Raise ScheduleError naming the knob or the reason unless the schedule can be built at this site."""
        where = f"{self.name} for {site.operator.name} on {site.core.name}"
        reason = self.refusal(site)
        if reason:
            raise ScheduleError(f"{where}: {reason}")
        space = self.knobs(site)
        given = dict(schedule.knobs)
        if set(given) != set(space):
            raise ScheduleError(f"{where}: knobs {sorted(given)} where {sorted(space)} are needed")
        for name, value in given.items():
            if value not in space[name]:
                raise ScheduleError(f"{where}: knob {name} = {value!r} is not one of {list(space[name])}")
        reason = self.conflict(site, schedule)
        if reason:
            raise ScheduleError(f"{where}: {reason}")
