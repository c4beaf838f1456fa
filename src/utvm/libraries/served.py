"""A library's template as the house uses it: under the library's name, with its code, its mistakes named as its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from utvm.errors import ScheduleError, UtvmError
from utvm.libraries.library import Library
from utvm.operators.kernel import AnyKernel, CKernel
from utvm.operators.overlap import Overlap
from utvm.schedules.schedule import KnobValue, Schedule
from utvm.schedules.template import Site, Template

CODE_KNOB = "code"
"""Of one value, the hash of the library: what was measured with another state of it is no schedule any more."""


class ServedTemplate(Template):
    """LIBRARY/TEMPLATE."""

    def __init__(self, library: Library, template: Template) -> None:
        self.library, self.inner = library, template
        self.name = f"{library.name}/{template.name}"
        self.memory_knobs = template.memory_knobs

    def refusal(self, site: Site) -> str:
        """The core first, then the template's own."""
        cores = self.library.manifest.cores
        if cores and site.core.name not in cores:
            return f"library {self.library.name} is for {', '.join(cores)}, not for {site.core.name}"
        with self._guarded("refusal"):
            return self.inner.refusal(site)

    def knobs(self, site: Site) -> Mapping[str, tuple[KnobValue, ...]]:
        """The template's own, and the state of the library."""
        with self._guarded("knobs"):
            return {CODE_KNOB: (self.library.code_hash,), **self.inner.knobs(site)}

    def conflict(self, site: Site, schedule: Schedule) -> str:
        """The template's own."""
        with self._guarded("conflict"):
            return self.inner.conflict(site, self._own(schedule))

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """The template's own."""
        with self._guarded("estimated_cycles"):
            return self.inner.estimated_cycles(site, self._own(schedule))

    def scratch_bytes(self, site: Site, schedule: Schedule) -> int:
        """The template's own."""
        with self._guarded("scratch_bytes"):
            return self.inner.scratch_bytes(site, self._own(schedule))

    def overlap(self, site: Site, schedule: Schedule) -> Overlap | None:
        """The template's own."""
        with self._guarded("overlap"):
            return self.inner.overlap(site, self._own(schedule))

    def kernel(self, site: Site, schedule: Schedule) -> AnyKernel:
        """The template's, with what its calls need of the library."""
        with self._guarded("kernel"):
            kernel = self.inner.kernel(site, self._own(schedule))
            if isinstance(kernel, CKernel) and (kernel.calls or self.library.manifest.headers):
                return replace(kernel, library=self.library.code(kernel.calls))
            return kernel

    def _own(self, schedule: Schedule) -> Schedule:
        return Schedule(self.inner.name, tuple(knob for knob in schedule.knobs if knob[0] != CODE_KNOB))

    @contextmanager
    def _guarded(self, method: str) -> Iterator[None]:
        try:
            yield
        except UtvmError:
            raise
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            raise ScheduleError(
                f"library {self.library.name}: {method} of its template {self.inner.name} failed: {what}; "
                "--debug shows where"
            ) from error
