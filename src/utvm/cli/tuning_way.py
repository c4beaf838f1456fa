"""How a tuning reaches its boards: the way, how cycles are counted, how many at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from utvm.cli.services import STANDALONE_WAYS, ToolchainChoice, check_timing
from utvm.errors import UsageError

if TYPE_CHECKING:
    from utvm.boards import Board
    from utvm.codegen.program import Program
    from utvm.session.hosted import HostedSession
    from utvm.tuning.measure import Opener

_SEVERAL = ("virtual", "qemu")


@dataclass(frozen=True)
class TuningWay:
    """A way to boards. `counting` says in words how cycles are counted there; `jobs` is how many boards there are."""

    board: Board
    via: str | None
    mode: str
    timing: str | None
    memory: str
    counting: str
    jobs: int
    toolchain: ToolchainChoice

    @contextmanager
    def opened(self) -> Iterator[Opener]:
        """An opener of sessions; boards that stay between sessions end with the `with`."""
        from utvm.session.benches import Benches
        from utvm.session.hosted import HostedSession
        from utvm.transports import CycleCounting, open_transport

        counting = CycleCounting(self.timing, self.memory)
        if self.mode == "standalone":
            with Benches(self.board, lambda: open_transport(self.board, self.via, counting), self.toolchain) as benches:
                yield benches
            return

        def hosted(program: Program) -> HostedSession:
            return HostedSession(program, self.board, self.toolchain, None, self.via, counting)

        yield hosted


def tuning_way(
    board: Board,
    via: str | None,
    mode: str | None,
    timing: str | None,
    memory: str | None,
    jobs: int | None,
    toolchain: ToolchainChoice,
) -> TuningWay:
    """The way that the options name. Raises UsageError for several boards where there is one."""
    from utvm.transports.opening import check_way

    check_timing(timing, board)
    check_way(via)
    way = via or board.hosted.comms
    if way not in _SEVERAL and (jobs or 1) > 1:
        raise UsageError(f"{way} is one board: --jobs {jobs} is for virtual boards and QEMU")
    memory = memory or ("board" if way == "virtual" else "zero-wait")
    counting = f"{way}, timing {timing or board.core.name}, memory {memory}"
    if way != "virtual":
        counting = f"{way}, as the board counts"
    if mode is not None:
        counting += f", {mode}"
    mode = mode or ("standalone" if way in STANDALONE_WAYS else "hosted")
    return TuningWay(
        board, via, mode, timing, memory, counting, jobs or ((os.cpu_count() or 1) if way in _SEVERAL else 1), toolchain
    )
