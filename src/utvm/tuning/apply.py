"""Records to schedules: the fastest legal schedule per operator of a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from utvm.boards import Board
from utvm.model import Model
from utvm.schedules import PORTABLE, Schedule, added_bytes
from utvm.tuning.conditions import schedule_refusal, utvm_version
from utvm.tuning.records import Record
from utvm.tuning.tasks import Place, places_of


@dataclass(frozen=True)
class Applied:
    """Schedules by operator name for `compile_model`, and remarks on records that were not used."""

    schedules: dict[str, Schedule]
    remarks: tuple[str, ...]


def apply_records(records: Iterable[Record], model: Model, board: Board, toolchain: str | None = None) -> Applied:
    """The fastest recorded schedule of each operator that is legal and whose scratch fits; others keep their default.

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
    schedules: dict[str, Schedule] = {}
    for place in places_of(model, board):
        exact = [record for record in usable if record.key.exact == place.key.exact]
        alike = [record for record in usable if record.key.structure == place.key.structure]
        chosen, said = _fastest(place, exact or alike)
        remarks += [f"{place.site.operator.name}: {text}" for text in said]
        if chosen is not None:
            schedules[place.site.operator.name] = chosen
    return Applied(schedules, tuple(remarks))


def _stale(record: Record, board: Board, toolchain: str | None) -> str:
    conditions = record.conditions
    if conditions.board != board.name:
        return f"measured on {conditions.board}"
    if conditions.utvm != utvm_version():
        return "measured by another version of utvm; tune again"
    if toolchain is not None and conditions.toolchain != toolchain:
        return f"measured with {conditions.toolchain}, not {toolchain}; tune again"
    return ""


def _fastest(place: Place, records: Sequence[Record]) -> tuple[Schedule | None, list[str]]:
    """The schedule, and why faster ones were passed over."""
    if not records:
        return None, []
    comparable = [record for record in records if record.conditions.arena == place.arena] or records
    then = comparable[-1].conditions
    # The last measurement of a schedule counts.
    latest = {
        record.schedule: record
        for record in comparable
        if (record.conditions.counting, record.conditions.arena) == (then.counting, then.arena)
    }
    measured = [(record.cycles, schedule) for schedule, record in latest.items() if record.cycles is not None]
    passed_over: list[str] = []
    for _, schedule in sorted(measured, key=lambda item: item[0]):
        refusal = schedule_refusal(place.site, schedule)
        if refusal:
            passed_over.append(f"{schedule} is illegal here: {refusal}")
            continue
        needed = added_bytes(place.site, schedule)
        if schedule != PORTABLE and needed > place.scratch_limit_bytes:
            passed_over.append(
                f"{schedule} needs {needed:,} bytes of scratch, {max(place.scratch_limit_bytes, 0):,} fit the arena"
            )
            continue
        return schedule, passed_over
    return None, [*passed_over, "the default is used"] if passed_over else []
