"""Boards that stay: programs are built and loaded one after the other, each on a board that is idle."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from utvm.boards import Board
from utvm.codegen.program import Program
from utvm.errors import TransportError, VirtualBoardError
from utvm.session.bench import Bench, BenchBuilder
from utvm.session.standalone import Prefer
from utvm.toolchain import find_compiler
from utvm.transports import Transport

TransportOpener = Callable[[], Transport]


class Benches:
    """Opens boards as they are needed, and keeps them until it is closed; use as a context manager.

    Called with a program, it gives a context manager: the program on a board of its own meanwhile. Several threads may
    call at once. A board that failed is not used again.
    """

    def __init__(self, board: Board, open_board: TransportOpener, prefer: Prefer = "auto") -> None:
        self._board, self._open_board, self._prefer = board, open_board, prefer
        self._directory = Path(tempfile.mkdtemp(prefix="utvm-benches-"))
        self._builder: BenchBuilder | None = None
        self._numbers = itertools.count()
        self._idle: list[Transport] = []
        self._lock = threading.Lock()

    @contextmanager
    def __call__(self, program: Program) -> Iterator[Bench]:
        """The program on a board. Raises what building an image and opening a transport raise."""
        directory = self._directory / str(next(self._numbers))
        try:
            image = self._ready_builder().build(program, directory)
            with self._lock:
                transport = self._idle.pop() if self._idle else None
            if transport is None:
                transport = self._open_board()
            try:
                yield Bench(program, self._board, image, transport)
            except (TransportError, VirtualBoardError):
                transport.close()
                raise
            except BaseException:
                self._give_back(transport)
                raise
            self._give_back(transport)
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def close(self) -> None:
        """End the boards."""
        for transport in self._idle:
            transport.close()
        self._idle.clear()
        shutil.rmtree(self._directory, ignore_errors=True)

    def __enter__(self) -> Benches:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _give_back(self, transport: Transport) -> None:
        with self._lock:
            self._idle.append(transport)

    def _ready_builder(self) -> BenchBuilder:
        with self._lock:
            if self._builder is None:
                self._builder = BenchBuilder(self._board, find_compiler(self._board, self._prefer), self._directory)
            return self._builder
