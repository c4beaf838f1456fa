"""TVM's MetaSchedule for one operator: traces to measure, from what was measured so far.

For a process of its own (`process.py`): MetaSchedule is C++ that can end a process.
"""

from __future__ import annotations

import logging
import sys
from functools import partial
from types import ModuleType
from typing import Any

from utvm.errors import ScheduleError
from utvm.operators.kernel import Kernel
from utvm.schedules.metaschedule.blocks import blocked
from utvm.schedules.metaschedule.replay import replay_onto, trace_text
from utvm.schedules.metaschedule.stages import stages_of
from utvm.tuning.metaschedule.space import Sketch, sketches

_POPULATION = 64
_GENERATIONS = 3
# Rounds without a new trace, after which the space counts as exhausted.
_PATIENCE = 3
# There is no end but the caller's.
_MOST_TRIALS = 1 << 20
_FAILED_S = 1e10


class Engine:
    """Evolutionary search over the sketches of a portable kernel; traces are JSON text, `batch` proposed at a time.

    Raises ScheduleError for a kernel that has no form with blocks.
    """

    def __init__(self, kernel: Kernel, scratch_limit_bytes: int, batch: int, seed: int) -> None:
        self._meta = _meta_schedule()
        import tvm
        from tvm import s_tir

        from utvm.tuning.metaschedule.cost_model import cost_model

        stages = stages_of(kernel)
        function = blocked(kernel.stem, kernel.function.params, stages).with_attr("global_symbol", "main")
        self._module = tvm.IRModule({"main": function})
        self._fresh = partial(s_tir.Schedule, self._module, seed=seed + 1)
        self._target = tvm.target.Target({"kind": "c"})
        possible = [sketch for sketch in sketches(stages, scratch_limit_bytes) if self._is_possible(sketch)]
        if not possible:
            raise ScheduleError("TVM refuses every way to schedule it")
        self._context = self._meta.TuneContext(
            self._module,
            target=self._target,
            space_generator=self._meta.space_generator.ScheduleFn(
                partial(_designs, possible),
                sch_rules=[],
                postprocs=[],
                mutator_probs={self._meta.mutator.MutateTileSize(): 1.0},
            ),
            search_strategy=self._meta.search_strategy.EvolutionarySearch(
                population_size=_POPULATION,
                init_measured_ratio=0.25,
                init_min_unmeasured=8,
                genetic_num_iters=_GENERATIONS,
                eps_greedy=0.25,
            ),
            num_threads=1,
            rand_state=seed + 1,
            logger=_silent_logger(),
        )
        self._database = self._meta.database.MemoryDatabase()
        self._workload = self._database.commit_workload(self._module)
        self._model = cost_model(seed)
        self._candidates: dict[str, Any] = {}
        self._context.pre_tuning(_MOST_TRIALS, batch, database=self._database, cost_model=self._model)

    def ask(self) -> list[str]:
        """A batch of new traces; none when there are no more."""
        for _ in range(_PATIENCE):
            candidates = self._context.generate_measure_candidates() or ()
            found = []
            for candidate in candidates:
                trace = trace_text(candidate.sch.trace)
                if trace not in self._candidates:
                    self._candidates[trace] = candidate
                    found.append(trace)
            if found:
                return found
        return []

    def tell(self, trace: str, cycles: int | None) -> None:
        """What a trace took, whether asked for here or measured earlier; None for a failure."""
        if trace not in self._candidates:
            schedule = self._fresh()
            replay_onto(schedule, trace)
            self._candidates[trace] = self._meta.search_strategy.MeasureCandidate(schedule, [])
        candidate = self._candidates[trace]
        seconds = [_FAILED_S if cycles is None else float(cycles)]
        record = self._meta.database.TuningRecord(candidate.sch.trace, self._workload, seconds, self._target, [])
        self._database.commit_tuning_record(record)
        result = self._meta.runner.RunnerResult(seconds if cycles is not None else None, None)
        self._model.update(self._context, [candidate], [result])
        self._context.notify_runner_results([candidate], [result])

    def _is_possible(self, sketch: Sketch) -> bool:
        from tvm import s_tir

        try:
            sketch(self._fresh())
        except s_tir.ScheduleError:
            return False
        return True


def _designs(possible: list[Sketch], schedule: Any) -> list[Any]:
    designs = []
    for sketch in possible:
        design = schedule.copy()
        sketch(design)
        designs.append(design)
    return designs


def _meta_schedule() -> Any:
    """The module. A context imports the tensor intrinsics of all of TVM's targets, which takes 25 s and which no
    microcontroller has: an empty module stands in for them."""
    name = "tvm.s_tir.tensor_intrin"
    sys.modules.setdefault(name, ModuleType(name))
    from tvm.s_tir import meta_schedule

    return meta_schedule


def _silent_logger() -> logging.Logger:
    logger = logging.getLogger(__name__)
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    return logger
