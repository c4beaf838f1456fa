"""A GDB server on a TCP port: one client at a time, and the board lives on between them."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
import time

from utvm.virtual_board.gdb.link import Link
from utvm.virtual_board.gdb.packets import PacketReader
from utvm.virtual_board.gdb.runner import Runner
from utvm.virtual_board.gdb.session import PACKET_BYTES, EndSession, Session
from utvm.virtual_board.lease import CoreLease
from utvm.virtual_board.target import DebugTarget

RECEIVE_BYTES = 1 << 18
GRACE_S = 0.2  # a client that closes and connects again at once is not a second one
HANDOVER_TIMEOUT_S, HANDOVER_POLL_S = 5.0, 0.01
Source = socket.socket | Runner | int


class GdbServer:
    """Serves a target. The end of file of `lifeline`, a file descriptor, ends the server; other doors share `lease`."""

    def __init__(
        self,
        target: DebugTarget,
        listener: socket.socket,
        lifeline: int | None = None,
        lease: CoreLease | None = None,
    ) -> None:
        self._target, self._listener, self._lifeline = target, listener, lifeline
        self._lease = lease or CoreLease()
        self._runner = Runner(target)

    def serve(self) -> None:
        """Serve clients until one kills the board or the lifeline ends."""
        while True:
            ready = self._wait(self._listener, self._runner)
            if self._lifeline in ready and self._lifeline_ended():
                return
            if self._runner in ready:
                self._runner.collect()  # the core stopped while nobody was attached
            if self._listener in ready:
                connection, _ = self._listener.accept()
                with connection:
                    if not self._lease.take("gdb", self._stop_core):
                        print("gdb: refused a client, another debugger has the core", file=sys.stderr, flush=True)
                        continue
                    try:
                        if not self._serve_client(connection):
                            return
                    finally:
                        self._lease.give_back()

    def _stop_core(self) -> None:
        """Called by another door that takes over; the loop of `serve` collects the stop."""
        deadline = time.monotonic() + HANDOVER_TIMEOUT_S
        while self._runner.is_running and time.monotonic() < deadline:
            self._target.request_halt()
            time.sleep(HANDOVER_POLL_S)

    def _serve_client(self, connection: socket.socket) -> bool:
        """False when the board is to end."""
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._runner.is_running:
            self._runner.halt()
        self._target.attach()
        keep_running = False
        try:
            return self._converse(connection)
        except EndSession as end:
            keep_running = end.keep_running
            return not end.kill
        except OSError:  # the client vanished
            return True
        finally:
            if self._runner.is_running:
                self._runner.halt()
            self._target.detach()
            if keep_running:
                self._runner.resume()

    def _converse(self, connection: socket.socket) -> bool:
        link = Link(connection)
        session = Session(self._target, self._runner, link.send)

        def show(text: bytes) -> None:
            with contextlib.suppress(OSError):  # the client has gone, which this thread will not tell anyone
                session.print(text)

        with self._target.console.redirected(show):
            return self._answer(connection, link, session)

    def _answer(self, connection: socket.socket, link: Link, session: Session) -> bool:
        reader = PacketReader(2 * PACKET_BYTES + 64)
        refuse_at: float | None = None
        while True:
            if refuse_at is None:
                ready = self._wait(connection, self._runner, self._listener)
            else:
                ready = self._wait(connection, self._runner, timeout_s=max(refuse_at - time.monotonic(), 0))
            if self._lifeline in ready and self._lifeline_ended():
                return False
            if self._listener in ready:
                refuse_at = time.monotonic() + GRACE_S
            if refuse_at is not None and time.monotonic() >= refuse_at and connection not in ready:
                self._listener.accept()[0].close()  # one client at a time
                refuse_at = None
            if self._runner in ready:
                link.send(session.stopped(self._runner.collect()))
            if connection not in ready:
                continue
            data = connection.recv(RECEIVE_BYTES)
            if not data:
                return True
            for kind, payload in reader.feed(data):
                if kind == "packet":
                    if session.acknowledges:
                        link.acknowledge(True)
                    try:
                        reply = session.answer(payload)
                    except EndSession as end:
                        if not end.kill:
                            link.send(b"OK")
                        raise
                    if reply is not None:
                        link.send(reply)
                elif kind == "interrupt":
                    if self._runner.is_running:
                        self._target.request_halt()
                elif kind == "nack":
                    link.repeat()
                elif session.acknowledges:
                    link.acknowledge(False)

    def _wait(self, *sources: Source, timeout_s: float | None = None) -> list[Source]:
        watched: list[Source] = [*sources, self._lifeline] if self._lifeline is not None else list(sources)
        return list(select.select(watched, [], [], timeout_s)[0])

    def _lifeline_ended(self) -> bool:
        return self._lifeline is not None and not os.read(self._lifeline, 4096)
