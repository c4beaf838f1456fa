"""Records to schedules: the fastest legal schedule per operator of a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from utvm.boards import Board
from utvm.codegen.budget import kernel_flash_bytes
from utvm.codegen.limits import NO_LIMITS, Limits
from utvm.model import Model
from utvm.schedules import PORTABLE, Schedule, added_bytes
from utvm.tuning.conditions import schedule_refusal, utvm_version
from utvm.tuning.flash import fit_rankings
from utvm.tuning.records import Record
from utvm.tuning.tasks import Place, places_of


@dataclass(frozen=True)
class Applied:
    """Schedules by operator name for `compile_model`, and remarks on records that were not used."""

    schedules: dict[str, Schedule]
    remarks: tuple[str, ...]


def apply_records(
    records: Iterable[Record],
    model: Model,
    board: Board,
    toolchain: str | None = None,
    limits: Limits = NO_LIMITS,
) -> Applied:
    """The fastest recorded schedule of each operator that is legal and whose scratch fits; others keep their default.

    Where those take more flash than there is, every operator gets the schedule with which all together take the fewest
    cycles in it, as measured or, where nothing was, as estimated; OutOfMemoryError if none fit.

    Operators are found by all that they are; where there is none, by what training does not change. Of an operator
    measured in several ways (with and without memory timing, say), the way recorded last counts, those with activations
    in the RAM that this model uses before others. Records of another
    version or `toolchain` (None: any) are stale and not used.
    """
    stale: Counter[str] = Counter()
    usable: list[Record] = []
    for record in records:
        reason = _stale(record, board, toolchain)
        if reason:
            stale[reason] += 1
        else:
            usable.append(record)
    remarks = [f"{count} record(s) not used: {reason}" for reason, count in stale.items()]
    places = places_of(model, board, limits)
    rankings: list[list[tuple[int, Schedule]]] = []
    for place in places:
        exact = [record for record in usable if record.key.exact == place.key.exact]
        alike = [record for record in usable if record.key.structure == place.key.structure]
        ranking, said = _ranking(place, exact or alike)
        remarks += [f"{place.site.operator.name}: {text}" for text in said]
        rankings.append(ranking)
    fastest = {
        place.site.operator.name: ranking[0][1] for place, ranking in zip(places, rankings, strict=True) if ranking
    }
    fitting = fit_rankings(places, rankings, kernel_flash_bytes(board, limits.max_flash_bytes), model.name)
    if fitting is None:
        return Applied(fastest, tuple(remarks))
    slower = sum(fitting[name] != schedule for name, schedule in fastest.items())
    remarks.append(f"{slower} operator(s) have a slower schedule than was recorded, so that all fit the flash")
    return Applied(fitting, tuple(remarks))


def _stale(record: Record, board: Board, toolchain: str | None) -> str:
    conditions = record.conditions
    if conditions.board != board.name:
        return f"measured on {conditions.board}"
    if conditions.utvm != utvm_version():
        return "measured by another version of utvm; tune again"
    if toolchain is not None and conditions.toolchain != toolchain:
        return f"measured with {conditions.toolchain}, not {toolchain}; tune again"
    return ""


def _ranking(place: Place, records: Sequence[Record]) -> tuple[list[tuple[int, Schedule]], list[str]]:
    """Cycles and schedule of what can be used, fastest first, and why faster ones than the first were passed over."""
    if not records:
        return [], []
    comparable = [record for record in records if record.conditions.arena == place.arena] or records
    then = comparable[-1].conditions
    # The last measurement of a schedule counts.
    latest = {
        record.schedule: record
        for record in comparable
        if (record.conditions.counting, record.conditions.arena) == (then.counting, then.arena)
    }
    measured = [(record.cycles, schedule) for schedule, record in latest.items() if record.cycles is not None]
    ranking: list[tuple[int, Schedule]] = []
    passed_over: list[str] = []
    for cycles, schedule in sorted(measured, key=lambda item: item[0]):
        refusal = schedule_refusal(place.site, schedule)
        needed = 0 if refusal else added_bytes(place.site, schedule)
        if refusal:
            reason = f"{schedule} is illegal here: {refusal}"
        elif schedule != PORTABLE and needed > place.scratch_limit_bytes:
            room = max(place.scratch_limit_bytes, 0)
            reason = f"{schedule} needs {needed:,} bytes of scratch, {room:,} fit the arena"
        else:
            ranking.append((cycles, schedule))
            continue
        if not ranking:
            passed_over.append(reason)
    if passed_over and not ranking:
        passed_over.append("the default is used")
    return ranking, passed_over
