"""A machine of QEMU: start it, call code on it, name its faults, end it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from utvm.boards import Board, board_names
from utvm.errors import TransportError, UsageError
from utvm.transports.base import Capabilities, StopKind, StopReason
from utvm.transports.gdb import DEFAULT_TIMEOUT_S, STANDARD_XPSR, GdbTransport
from utvm.transports.qemu_cores import SIGSEGV, qemu_core
from utvm.transports.qemu_process import QemuProcess
from utvm.transports.target_description import RemoteRegister

_DUMPED_REGISTER = re.compile(r"\bR(\d\d)=([0-9a-f]{8})")
_DUMPED_NAMES = {13: "sp", 14: "lr", 15: "pc"}
_FATAL = re.compile(r"^qemu: fatal: (.*)$", re.MULTILINE)


class QemuTransport(GdbTransport):
    """A GdbTransport to a QEMU that it starts, and ends when it is closed. `board` is one with a [qemu] table.

    A reset keeps RAM. After a lockup, which ends QEMU, reset starts a new one, and memory is empty.
    """

    def __init__(self, board: Board, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        if board.qemu is None:
            raise UsageError(
                f"{board.name} is no machine of QEMU: its board file has no [qemu] table; "
                f"those that have one are {', '.join(board_names('qemu'))}"
            )
        self.board, self._machine = board, board.qemu
        self._core = qemu_core(board, board.qemu.reserved_addr)
        self._fault: StopReason | None = None
        self.process = QemuProcess(self._machine)
        try:
            super().__init__(self.process.host, self.process.port, timeout_s=timeout_s, reset_command="system_reset")
            self._install()
        except TransportError as error:
            self.process.has_ended()
            explained = self._explained(error)
            self.process.close()
            raise explained from error

    @property
    def cycles_kind(self) -> str:
        """QEMU has no clock of the core's: with -icount its timers count instructions."""
        return "counted: instructions, by QEMU"

    @property
    def capabilities(self) -> Capabilities:
        """Everything but flash, which is written like RAM; fault status where the core has it."""
        return Capabilities(breakpoints=True, registers=True, fault_status=self._core.has_fault_status)

    def read_single(self, name: str) -> int:
        """One register that `registers()` leaves out, such as a control and status register."""
        reply = self._ask(b"p%x" % self._register(name).number)
        try:
            return int.from_bytes(bytes.fromhex(reply.decode("ascii")), "little")
        except ValueError:
            raise TransportError(f"QEMU does not give register {name} ({reply[:40]!r})") from None

    def _connect(self) -> None:
        super()._connect()
        self._all_registers = {register.name: register for register in self._layout}
        # The others can only be read one by one, and there are hundreds on RISC-V.
        self._layout = [register for register in self._layout if register.name in self._core.usual]

    def _install(self) -> None:
        self._core.install(self)
        self._set_breakpoint(self._core.pad_addr)
        self._core.prepare(self)

    def _register(self, name: str) -> RemoteRegister:
        try:
            return self._all_registers[name]
        except KeyError:
            known = ", ".join(self._core.usual)
            raise UsageError(f"{self.board.name} has no register {name!r}; it has {known}") from None

    def _write(self, addr: int, data: bytes) -> None:
        """QEMU takes writes to nowhere; where the board file knows of no memory, reads tell."""
        if not any(region.contains(addr, len(data)) for region in self.board.regions):
            for end in (addr, addr + len(data) - 1):
                self._read(end, 1)
        super()._write(addr, data)

    def _registers(self) -> dict[str, int]:
        return super()._registers() if self._fault is None else dict(self._fault.registers)

    def _execute(
        self,
        entry_addr: int,
        timeout_s: float,
        stop_addr: int | None,
        stack_addr: int | None,
        arguments: tuple[int, ...],
    ) -> StopReason:
        call = self._core.call
        values = dict(zip(call.arguments, (value & 0xFFFF_FFFF for value in arguments), strict=False))
        thumb_bit = 0
        if "xpsr" in self._all_registers:
            values["xpsr"], thumb_bit = STANDARD_XPSR, 1
        if stack_addr is not None:
            values[call.stack] = stack_addr
        if stop_addr is not None:
            values[call.link] = stop_addr | thumb_bit
        for name, value in {**values, "pc": entry_addr & ~1}.items():
            self._write_register(name, value)
        return self._run([] if stop_addr is None else [stop_addr & ~1], timeout_s)

    def _run(self, until: Sequence[int], timeout_s: float) -> StopReason:
        self._fault = None
        return super()._run(list(until), timeout_s)

    def _await_stop(self, timeout_s: float) -> StopReason:
        try:
            stop = super()._await_stop(timeout_s)
        except TransportError:
            if self._usable or not self.process.has_ended():
                raise
            self._running = False
            return self._lockup()
        if stop.pc != self._core.pad_addr:
            return stop
        self._fault = self._core.at_pad(self, stop.registers)
        return self._fault

    def _lockup(self) -> StopReason:
        """QEMU gives up on a fault in a fault handler, prints the core's registers and ends."""
        messages = self.process.messages()
        registers = {
            _DUMPED_NAMES.get(int(number), f"r{int(number)}"): int(value, 16)
            for number, value in _DUMPED_REGISTER.findall(messages)
        }
        fatal = _FATAL.search(messages)
        if fatal is None:
            raise TransportError(f"QEMU ended; reset the transport to start it again. It said: {messages or 'nothing'}")
        text = f"the core locked up, and QEMU with it: {fatal.group(1)}"
        return StopReason(StopKind.FAULT, registers.get("pc", 0), SIGSEGV, registers, text)

    def _reset(self) -> None:
        self._fault = None
        if self.process.is_running:
            # They outlive a reset of the machine, and would be set twice.
            for addr in sorted(self._breakpoints) if self._usable and not self._running else []:
                self._point(b"z", addr)
            super()._reset()
            self._core.prepare(self)
            return
        self._stream.close()
        self.process.close()
        self.process = QemuProcess(self._machine)
        self._host, self._port, self._usable = self.process.host, self.process.port, False
        self._connect()
        for addr in sorted(self._breakpoints - {self._core.pad_addr}):
            self._point(b"Z", addr)
        self._install()

    def _send(self, payload: bytes) -> None:
        try:
            super()._send(payload)
        except TransportError as error:
            raise self._explained(error) from error

    def _close(self) -> None:
        super()._close()
        self.process.close()

    def _explained(self, error: TransportError) -> TransportError:
        """The same error, with what QEMU said if it has ended."""
        if self.process.is_running or not self.process.messages():
            return error
        return type(error)(f"{error}. QEMU has ended and said:\n{self.process.messages()}")
