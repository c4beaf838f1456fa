"""How a tuning reaches its boards: the way, how cycles are counted, how many at once."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from utvm.errors import UsageError

if TYPE_CHECKING:
    from utvm.boards import Board
    from utvm.cli.services import RunningSession, Services, ToolchainChoice
    from utvm.codegen.program import Program
    from utvm.tuning.measure import Opener

_SEVERAL = ("virtual", "qemu")
_VIRTUAL_JOBS = 2


@dataclass(frozen=True)
class TuningWay:
    """An opener of sessions, the words for how cycles are counted there, and how many boards there are."""

    opener: Opener
    counting: str
    jobs: int


def tuning_way(
    services: Services,
    board: Board,
    via: str | None,
    mode: str | None,
    timing: str | None,
    memory: str | None,
    jobs: int | None,
    toolchain: ToolchainChoice,
) -> TuningWay:
    """The way that the options name. Raises UsageError for several boards where there is one."""
    from utvm.cli.services import check_timing

    check_timing(timing, board)
    way = via or board.hosted.comms
    if way not in _SEVERAL and (jobs or 1) > 1:
        raise UsageError(f"{way} is one board: --jobs {jobs} is for virtual boards and QEMU")
    memory = memory or ("board" if way == "virtual" else "zero-wait")
    reach = services.reaching(via, mode, timing, memory)

    def opener(program: Program) -> AbstractContextManager[RunningSession]:
        return reach(program, board, toolchain, _silent)

    counting = f"{way}, timing {timing or board.core.name}, memory {memory}"
    if mode is not None:
        counting += f", {mode}"
    return TuningWay(opener, counting, jobs or (_VIRTUAL_JOBS if way in _SEVERAL else 1))


def _silent(stage: str) -> None:
    del stage
