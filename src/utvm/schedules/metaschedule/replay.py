"""A trace of schedule instructions, replayed onto a kernel's blocks and lowered to loops again."""

from __future__ import annotations

import json
import math
from typing import Any

from utvm.errors import ScheduleError
from utvm.operators.kernel import Kernel
from utvm.schedules.metaschedule.blocks import blocked
from utvm.schedules.metaschedule.instructions import apply
from utvm.schedules.metaschedule.locals import with_locals
from utvm.schedules.metaschedule.stages import stages_of


def replayed(kernel: Kernel, trace: str) -> Kernel:
    """The portable kernel, scheduled as the trace says. ScheduleError for a trace that is garbled or does not fit."""
    import tvm
    from tvm import s_tir

    schedule = s_tir.Schedule(blocked(kernel.stem, kernel.function.params, stages_of(kernel)), seed=1)
    replay_onto(schedule, trace)
    try:
        return with_locals(kernel, _lowered(schedule.mod))
    except tvm.error.InternalError as error:
        raise ScheduleError(f"TVM cannot lower what the trace gives: {_first_line(error)}") from error


def replay_onto(schedule: Any, trace: str) -> None:
    """Apply the trace to a fresh schedule. ScheduleError as above, and where a result would be computed twice: an
    input that the output overwrites could be gone by then."""
    import tvm
    from tvm import s_tir

    instructions, decisions = _parsed(trace)
    try:
        apply(schedule, instructions, decisions)
    except (s_tir.ScheduleError, tvm.error.InternalError) as error:
        raise ScheduleError(f"the trace does not fit the operator: {_first_line(error)}") from error
    for block in schedule.get_child_blocks(schedule.get_sblock("root")):
        runs = math.prod(int(schedule.get(loop).extent) for loop in schedule.get_loops(block))
        needed = math.prod(int(axis.dom.extent) for axis in schedule.get(block).iter_vars)
        if runs > needed:
            raise ScheduleError(f"the trace computes {schedule.get(block).name_hint} more often than once")


def _parsed(trace: str) -> tuple[list[Any], dict[int, Any]]:
    """The instructions of a trace, and the decisions by instruction."""
    try:
        instructions, decisions = json.loads(trace)
        return list(instructions), {int(index): decision for index, decision in decisions}
    except (ValueError, TypeError, RecursionError) as error:
        raise ScheduleError(f"not a trace of schedule instructions: {error}: {trace[:60]!r}") from error


def trace_text(trace: Any) -> str:
    """A tvm Trace as JSON that `replayed` reads."""
    return json.dumps(trace.simplified(True).as_json(), default=_plain, separators=(",", ":"))


def _plain(value: Any) -> Any:
    kind = type(value).__name__
    if kind == "IntImm":
        return int(value.value)
    return str(value.value) if kind == "StringImm" else list(value)


def _first_line(error: Exception) -> str:
    """TVM puts the reason of a refused schedule behind `Error message:`."""
    lines = [line.strip() for line in str(error).split("\n") if line.strip()]
    said = next((line for line in lines if line.startswith("Error message:")), lines[0] if lines else "")
    return said.removeprefix("Error message:").strip()[:300]


def _lowered(module: Any) -> Any:
    """Without blocks, arrays at their smallest, conditions as far out as they go, what is to be unrolled unrolled."""
    from tvm import s_tir, tirx

    for transform in (
        s_tir.transform.LowerInitBlock(),
        s_tir.transform.PlanAndUpdateBufferAllocationLocation(),
        s_tir.transform.ConvertBlocksToOpaque(),
        s_tir.transform.CompactBufferAllocation(),
        s_tir.transform.LowerMatchBuffer(),
        s_tir.transform.LowerOpaqueBlock(),
        s_tir.transform.HoistIfThenElse(),
        tirx.transform.UnrollLoop(),
        s_tir.transform.StmtSimplify(),
    ):
        module = transform(module)
    return module["main"]
