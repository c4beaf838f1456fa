"""A board behind a GDB server: the virtual board, QEMU, J-Link, pyOCD, OpenOCD's GDB port."""

from __future__ import annotations

import time

from utvm.errors import TransportError, TransportTimeout, UsageError
from utvm.transports.base import Capabilities, StopKind, StopReason, Transport
from utvm.transports.packets import PacketStream
from utvm.transports.target_description import (
    FlashRegion,
    RemoteRegister,
    legacy_registers,
    parse_memory_map,
    parse_registers,
)

DEFAULT_TIMEOUT_S = 5.0
INTERRUPT_TIMEOUT_S = 2.0
DEFAULT_PACKET_BYTES = 400
PACKET_OVERHEAD_BYTES = 32
STANDARD_XPSR = 0x0100_0000
SIGINT, SIGTRAP = 2, 5


class GdbTransport(Transport):
    """A client of the GDB remote protocol.

    `reset_command` is what the server's `monitor` takes to reset and halt the core; `timeout_s` is for every answer but
    the stop of running code. Connecting halts the core.
    """

    def __init__(
        self, host: str, port: int, *, timeout_s: float = DEFAULT_TIMEOUT_S, reset_command: str = "reset halt"
    ) -> None:
        super().__init__()
        self._host, self._port, self._timeout_s = host, port, timeout_s
        self._reset_command = reset_command
        self._breakpoints: set[int] = set()
        self._usable = False
        self._running = False
        self._connect()

    @property
    def capabilities(self) -> Capabilities:
        """Everything; flash where the server has a memory map."""
        return Capabilities(breakpoints=True, registers=True, flash=bool(self._flash), fault_status=True)

    def monitor(self, command: str) -> str:
        """Send a `monitor` command to the server; the text it prints."""
        self._check_open()
        reply = self._ask(b"qRcmd," + command.encode().hex().encode())
        text = ""
        while reply[:1] == b"O" and reply != b"OK":
            text += _unhex(reply[1:]).decode("utf-8", "replace")
            reply = self._receive()
        if reply == b"":
            raise TransportError(f"{self._stream.peer} has no monitor commands; {command!r} was not done")
        if reply == b"OK" or reply[:1] == b"E":
            self._check_ok(reply, f"monitor {command}")
            return text
        return text + _unhex(reply).decode("utf-8", "replace")  # pyOCD's way: the text instead of OK

    def _connect(self) -> None:
        self._stream = PacketStream(self._host, self._port, self._timeout_s)
        self._usable, self._running = True, False
        try:
            features = self._ask(b"qSupported:swbreak+;hwbreak+;vContSupported+").decode("ascii", "replace").split(";")
            sizes = [int(item[len("PacketSize=") :], 16) for item in features if item.startswith("PacketSize=")]
            self._packet_bytes = max(sizes[0] if sizes else DEFAULT_PACKET_BYTES, 2 * PACKET_OVERHEAD_BYTES)
            if "QStartNoAckMode+" in features and self._ask(b"QStartNoAckMode") == b"OK":
                self._stream.acknowledges = False
            self._layout = legacy_registers()
            if "qXfer:features:read+" in features:
                self._layout = parse_registers(self._transfer("features", "target.xml"), self._read_annex)
            self._flash: list[FlashRegion] = []
            if "qXfer:memory-map:read+" in features:
                self._flash = parse_memory_map(self._transfer("memory-map", ""))
            self._ask(b"?")
            self._binary_writes = self._ask(b"X0,0:") == b"OK"
        except (TransportError, ValueError) as error:
            self._stream.close()
            if isinstance(error, TransportError):
                raise
            raise TransportError(f"{self._stream.peer} does not speak the GDB remote protocol: {error}") from error

    def _read(self, addr: int, size_bytes: int) -> bytes:
        data = bytearray()
        chunk = (self._packet_bytes - PACKET_OVERHEAD_BYTES) // 2
        while len(data) < size_bytes:
            start, size = addr + len(data), min(chunk, size_bytes - len(data))
            reply = self._ask(b"m%x,%x" % (start, size))
            if reply[:1] == b"E" or not reply:
                answer = reply.decode("ascii", "replace") or "no answer"
                raise TransportError(
                    f"{size} bytes at {start:#010x} cannot be read ({answer}); is there memory on the board?"
                )
            part = _unhex(reply)
            if not 0 < len(part) <= size:
                raise TransportError(f"{self._stream.peer} sent {len(part)} bytes where {size} were asked for")
            data += part
        return bytes(data)

    def _write(self, addr: int, data: bytes) -> None:
        chunk = (self._packet_bytes - PACKET_OVERHEAD_BYTES) // 2  # hexadecimal, or binary with every byte escaped
        for offset in range(0, len(data), chunk):
            part, start = data[offset : offset + chunk], addr + offset
            if self._binary_writes:
                reply = self._ask(b"X%x,%x:%b" % (start, len(part), _escape(part)))
            else:
                reply = self._ask(b"M%x,%x:%b" % (start, len(part), part.hex().encode()))
            self._check_ok(reply, f"writing {len(part)} bytes at {start:#010x}")

    def _load_image(self, image: list[tuple[int, bytes]]) -> None:
        blocks: set[tuple[int, int]] = set()
        in_flash, elsewhere = [], []
        for addr, data in image:
            for start, part, region in self._split(addr, data):
                if region is None:
                    elsewhere.append((start, part))
                    continue
                in_flash.append((start, part))
                first = (start - region.addr) // region.block_bytes
                last = (start + len(part) - 1 - region.addr) // region.block_bytes
                blocks |= {(region.addr + n * region.block_bytes, region.block_bytes) for n in range(first, last + 1)}
        for start, size in _joined(sorted(blocks)):
            self._check_ok(self._ask(b"vFlashErase:%x,%x" % (start, size)), f"erasing flash at {start:#010x}")
        chunk = (self._packet_bytes - PACKET_OVERHEAD_BYTES) // 2
        for start, part in in_flash:
            for offset in range(0, len(part), chunk):
                packet = b"vFlashWrite:%x:%b" % (start + offset, _escape(part[offset : offset + chunk]))
                self._check_ok(self._ask(packet), f"programming flash at {start + offset:#010x}")
        if in_flash:
            self._check_ok(self._ask(b"vFlashDone"), "programming flash")
        for start, part in elsewhere:
            self._write(start, part)

    def _split(self, addr: int, data: bytes) -> list[tuple[int, bytes, FlashRegion | None]]:
        """Cut a segment at the borders of flash regions."""
        pieces: list[tuple[int, bytes, FlashRegion | None]] = []
        while data:
            region = next((item for item in self._flash if item.addr <= addr < item.addr + item.size_bytes), None)
            ends = [item.addr for item in self._flash if item.addr > addr]
            end = region.addr + region.size_bytes if region else min(ends, default=addr + len(data))
            part = data[: end - addr]
            pieces.append((addr, part, region))
            addr, data = addr + len(part), data[len(part) :]
        return pieces

    def _execute(
        self,
        entry_addr: int,
        timeout_s: float,
        stop_addr: int | None,
        stack_addr: int | None,
        arguments: tuple[int, ...],
    ) -> StopReason:
        for number, argument in enumerate(arguments):
            self._write_register(f"r{number}", argument & 0xFFFF_FFFF)
        if stack_addr is not None:
            self._write_register("sp", stack_addr)
        if stop_addr is not None:
            self._write_register("lr", stop_addr | 1)
        if any(register.name == "xpsr" for register in self._layout):
            self._write_register("xpsr", STANDARD_XPSR)
        self._write_register("pc", entry_addr & ~1)
        return self._run([] if stop_addr is None else [stop_addr & ~1], timeout_s)

    def _resume(self, until: list[int], timeout_s: float) -> StopReason:
        addresses = [addr & ~1 for addr in until]
        pc = self._registers().get("pc")
        if pc in addresses or pc in self._breakpoints:
            stepped = self._step_over(pc if pc is not None else 0, timeout_s)
            if stepped.kind is not StopKind.BREAKPOINT or stepped.pc in addresses or stepped.pc in self._breakpoints:
                return stepped
        return self._run(addresses, timeout_s)

    def _step_over(self, pc: int, timeout_s: float) -> StopReason:
        """One instruction, with the breakpoint that stands on it lifted."""
        lifted = pc in self._breakpoints
        if lifted:
            self._point(b"z", pc)
        self._send(b"s")
        stop = self._await_stop(timeout_s)
        if lifted:
            self._point(b"Z", pc)
        return stop

    def _run(self, until: list[int], timeout_s: float) -> StopReason:
        temporary = [addr for addr in until if addr not in self._breakpoints]
        for addr in temporary:
            self._point(b"Z", addr)
        self._send(b"c")
        self._running = True
        stop = self._await_stop(timeout_s)
        for addr in temporary:
            self._point(b"z", addr)
        return stop

    def _await_stop(self, timeout_s: float) -> StopReason:
        deadline = time.monotonic() + timeout_s
        text = ""
        while True:
            try:
                reply = self._receive(max(deadline - time.monotonic(), 0.001), keep_usable=True)
            except TransportTimeout:
                raise self._timed_out(timeout_s) from None
            if reply[:1] == b"O":
                text += _unhex(reply[1:]).decode("utf-8", "replace")
                continue
            self._running = False
            return self._stop_reason(reply, text.strip())

    def _timed_out(self, timeout_s: float) -> TransportTimeout:
        """Stop the core, so that the next command finds it halted, and say where it was."""
        try:
            self._stream.interrupt(INTERRUPT_TIMEOUT_S)
            while (reply := self._receive(INTERRUPT_TIMEOUT_S))[:1] not in (b"T", b"S"):
                continue
            self._running = False
            where = f" (pc was {self._stop_reason(reply, '').pc:#010x})"
        except TransportError as error:
            self._usable = False
            where = f" and could not be stopped ({error})"
        return TransportTimeout(f"the code still ran after {timeout_s:g} s{where}; reset the transport to use it again")

    def _stop_reason(self, reply: bytes, text: str) -> StopReason:
        if reply[:1] in (b"W", b"X"):
            return StopReason(StopKind.EXITED, pc=0, signal=int(reply[1:3], 16), text=text)
        if reply[:1] not in (b"S", b"T"):
            raise self._broken(f"a stop was expected, not {reply[:40]!r}")
        try:
            signal = int(reply[1:3], 16)
            registers = self._expedited(reply[3:]) if reply[:1] == b"T" else {}
        except ValueError:
            raise self._broken(f"a stop was expected, not {reply[:40]!r}") from None
        if "pc" not in registers:
            registers = self._registers()
        kinds = {SIGINT: StopKind.INTERRUPTED, SIGTRAP: StopKind.BREAKPOINT, 0: StopKind.INTERRUPTED}
        return StopReason(kinds.get(signal, StopKind.FAULT), registers.get("pc", 0), signal, registers, text)

    def _expedited(self, pairs: bytes) -> dict[str, int]:
        by_number = {register.number: register.name for register in self._layout}
        registers = {}
        for pair in pairs.split(b";"):
            number, _, value = pair.partition(b":")
            # "thread", "watch" and their like are words with letters beyond hexadecimal.
            if number and all(byte in b"0123456789abcdefABCDEF" for byte in number) and int(number, 16) in by_number:
                registers[by_number[int(number, 16)]] = int.from_bytes(bytes.fromhex(value.decode("ascii")), "little")
        return registers

    def _registers(self) -> dict[str, int]:
        reply = self._ask(b"g")
        values: dict[str, int] = {}
        position = 0
        for register in self._layout:
            digits = reply[position : position + 2 * register.size_bytes]
            position += 2 * register.size_bytes
            if len(digits) == 2 * register.size_bytes and b"x" not in digits:
                values[register.name] = int.from_bytes(_unhex(digits), "little")
            elif position > len(reply):  # some servers leave the later ones to `p`
                single = self._ask(b"p%x" % register.number)
                if single and single[:1] != b"E" and b"x" not in single:
                    values[register.name] = int.from_bytes(_unhex(single), "little")
        if "pc" not in values:
            raise TransportError(f"{self._stream.peer} does not give the registers ({reply[:40]!r})")
        return values

    def _write_register(self, name: str, value: int) -> None:
        register = self._register(name)
        data = value.to_bytes(register.size_bytes, "little")
        reply = self._ask(b"P%x=%b" % (register.number, data.hex().encode()))
        if reply == b"":  # only whole sets can be written
            self._write_within_all(register, data)
        else:
            self._check_ok(reply, f"writing register {name}")

    def _write_within_all(self, register: RemoteRegister, data: bytes) -> None:
        digits = self._ask(b"g")
        position = sum(2 * item.size_bytes for item in self._layout[: self._layout.index(register)])
        changed = digits[:position] + data.hex().encode() + digits[position + 2 * register.size_bytes :]
        self._check_ok(self._ask(b"G" + changed), f"writing register {register.name}")

    def _register(self, name: str) -> RemoteRegister:
        for register in self._layout:
            if register.name == name:
                return register
        raise UsageError(f"the board has no register {name!r}; it has {', '.join(item.name for item in self._layout)}")

    def _set_breakpoint(self, addr: int) -> None:
        addr &= ~1
        self._point(b"Z", addr)
        self._breakpoints.add(addr)

    def _clear_breakpoint(self, addr: int) -> None:
        addr &= ~1
        if addr in self._breakpoints:
            self._breakpoints.discard(addr)
            self._point(b"z", addr)

    def _point(self, verb: bytes, addr: int) -> None:
        """Insert or remove a breakpoint: a hardware one, which works in flash, else a software one."""
        reply = self._ask(b"%b1,%x,2" % (verb, addr))
        if reply == b"":
            reply = self._ask(b"%b0,%x,2" % (verb, addr))
        self._check_ok(reply, f"a breakpoint at {addr:#010x}")

    def _reset(self) -> None:
        """Stop the core, reset it, and put the breakpoints back; a broken connection is made anew first."""
        if not self._usable:
            self._stream.close()
            self._connect()
        if self._running:
            self._stream.interrupt(INTERRUPT_TIMEOUT_S)
            self._await_stop(INTERRUPT_TIMEOUT_S)
        self.monitor(self._reset_command)
        for addr in sorted(self._breakpoints):
            self._point(b"Z", addr)

    def _close(self) -> None:
        """Detach, as far as the server still listens."""
        try:
            if self._usable and not self._running:
                self._stream.send(b"D", INTERRUPT_TIMEOUT_S)
                self._stream.receive(INTERRUPT_TIMEOUT_S)
        except TransportError:
            pass  # a server that is gone needs no farewell
        finally:
            self._stream.close()

    def _transfer(self, kind: str, annex: str) -> str:
        text = b""
        length = self._packet_bytes - PACKET_OVERHEAD_BYTES
        while True:
            reply = self._ask(f"qXfer:{kind}:read:{annex}:{len(text):x},{length:x}".encode())
            if reply[:1] not in (b"m", b"l"):
                raise TransportError(f"{self._stream.peer} does not give its {kind} ({reply[:40]!r})")
            text += _unescape(reply[1:])
            if reply[:1] == b"l" or len(reply) == 1:
                return text.decode("utf-8", "replace")

    def _read_annex(self, annex: str) -> str:
        return self._transfer("features", annex)

    def _ask(self, payload: bytes) -> bytes:
        self._send(payload)
        return self._receive()

    def _send(self, payload: bytes) -> None:
        if not self._usable:
            raise TransportError(
                f"the connection to {self._stream.peer} broke or fell out of step; reset the transport to use it again"
            )
        try:
            self._stream.send(payload, self._timeout_s)
        except TransportError:
            self._usable = False
            raise

    def _receive(self, timeout_s: float | None = None, *, keep_usable: bool = False) -> bytes:
        try:
            return self._stream.receive(self._timeout_s if timeout_s is None else timeout_s)
        except TransportTimeout:
            # An answer that comes late would be taken for the next one.
            self._usable = keep_usable
            raise
        except TransportError:
            self._usable = False
            raise

    def _check_ok(self, reply: bytes, what: str) -> None:
        if reply == b"OK":
            return
        if reply[:1] == b"E":
            raise TransportError(
                f"{what} failed: {self._stream.peer} answers {reply.decode('ascii', 'replace')}; "
                "is there memory on the board, and does the server support it?"
            )
        if reply == b"":
            raise TransportError(f"{what}: {self._stream.peer} does not support it")
        raise self._broken(f"{what}: OK was expected, not {reply[:40]!r}")

    def _broken(self, message: str) -> TransportError:
        self._usable = False
        return TransportError(f"{message}; reset the transport to use it again")


def _unhex(digits: bytes) -> bytes:
    try:
        return bytes.fromhex(digits.decode("ascii"))
    except ValueError:
        raise TransportError(f"hexadecimal digits were expected, not {digits[:40]!r}; is it a GDB server?") from None


def _escape(data: bytes) -> bytes:
    data = data.replace(b"}", b"}]")
    for byte in b"#$*":
        data = data.replace(bytes([byte]), bytes([0x7D, byte ^ 0x20]))
    return data


def _unescape(payload: bytes) -> bytes:
    head, *rest = payload.split(b"}")
    return head + b"".join(bytes([part[0] ^ 0x20]) + part[1:] for part in rest if part)


def _joined(blocks: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Neighbouring (address, size) blocks as one."""
    joined: list[tuple[int, int]] = []
    for addr, size in blocks:
        if joined and sum(joined[-1]) == addr:
            joined[-1] = (joined[-1][0], joined[-1][1] + size)
        else:
            joined.append((addr, size))
    return joined
