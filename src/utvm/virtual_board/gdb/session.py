"""The commands of the GDB remote protocol, as one client sees them."""

from __future__ import annotations

from collections.abc import Callable

from utvm.virtual_board.gdb import description
from utvm.virtual_board.gdb.monitor import run_monitor
from utvm.virtual_board.gdb.packets import escape, unescape
from utvm.virtual_board.gdb.runner import Runner
from utvm.virtual_board.memory import MemoryFault
from utvm.virtual_board.target import DebugTarget, StopEvent, StopKind

PACKET_BYTES = 0x10000
TEXT_BYTES = 0x4000
SIGINT, SIGILL, SIGTRAP, SIGABRT, SIGFPE, SIGBUS, SIGSEGV = 2, 4, 5, 6, 8, 10, 11
SIGNALS = {
    StopKind.RESET: SIGTRAP,
    StopKind.BREAKPOINT: SIGTRAP,
    StopKind.STEP: SIGTRAP,
    StopKind.WATCHPOINT: SIGTRAP,
    StopKind.INTERRUPT: SIGINT,
    StopKind.BUS_FAULT: SIGSEGV,
    StopKind.UNDEFINED: SIGILL,
    StopKind.DIVIDE_BY_ZERO: SIGFPE,
    StopKind.USAGE_FAULT: SIGBUS,
    StopKind.LOCKUP: SIGABRT,
    StopKind.EXITED: SIGTRAP,
}
QUIET = (StopKind.BREAKPOINT, StopKind.STEP, StopKind.RESET)
MALFORMED, NO_MEMORY, BUSY, NO_COMPARATOR = b"E16", b"E0e", b"E10", b"E1c"
WATCH_ACCESS = {"2": "write", "3": "read", "4": "access"}
SUPPORTED = (
    f"PacketSize={PACKET_BYTES:x};QStartNoAckMode+;qXfer:features:read+;qXfer:memory-map:read+;vContSupported+;hwbreak+"
)


class EndSession(Exception):
    """The client is done; `kill` ends the board too, `keep_running` lets the core go on."""

    def __init__(self, *, kill: bool = False, keep_running: bool = False) -> None:
        self.kill, self.keep_running = kill, keep_running


class Session:
    """Answers packets. `send` takes a payload; a reply of None means that it comes later, when the core stops."""

    def __init__(self, target: DebugTarget, runner: Runner, send: Callable[[bytes], None]) -> None:
        self._target, self._runner, self._send = target, runner, send
        self._registers = description.remote_registers(target.register_names)
        self._by_number = {register.number: register for register in self._registers}
        self._last_stop = StopEvent(StopKind.RESET)
        self.acknowledges = True
        xml = {
            "features:read:target.xml": description.target_xml(self._registers),
            "memory-map:read:": description.memory_map_xml(target.board.regions, target.register_windows),
        }
        self._objects = {name: text.encode() for name, text in xml.items()}

    def answer(self, payload: bytes) -> bytes | None:
        """The reply to a packet; empty for a command that is not supported."""
        if self._runner.is_running:
            return BUSY
        try:
            if payload[:1] in (b"X", b"v"):
                return self._answer_binary(payload)
            return self._answer_text(payload.decode("ascii"))
        except MemoryFault:
            return NO_MEMORY
        except (ValueError, KeyError, IndexError):
            return MALFORMED

    def print(self, text: bytes) -> None:
        """Show something on the debugger's console, in as many packets as it takes."""
        for start in range(0, len(text), TEXT_BYTES):
            self._send(b"O" + text[start : start + TEXT_BYTES].hex().encode())

    def stopped(self, event: StopEvent) -> bytes:
        """The stop reply for an event; what it says in words goes to the debugger's console first."""
        self._last_stop = event
        if event.message and event.kind not in QUIET:
            self.print(f"{event.kind.value}: {event.message}\n".encode())
        reply = f"T{SIGNALS[event.kind]:02x}thread:1;"
        if event.kind is StopKind.WATCHPOINT:
            reply += f"{'watch' if event.watch_access == 'write' else 'rwatch'}:{event.watch_addr:x};"
        for number in (13, 14, 15, description.XPSR_NUMBER):
            reply += f"{number:02x}:{self._register_hex(number)};"
        return reply.encode()

    def _answer_text(self, text: str) -> bytes | None:
        command, rest = text[:1], text[1:]
        if command == "m":
            addr, size = (int(part, 16) for part in rest.split(","))
            return self._target.read_memory(addr, min(size, PACKET_BYTES // 2)).hex().encode()
        if command == "M":
            place, _, data = rest.partition(":")
            return self._write(place, bytes.fromhex(data))
        if command in "cs" and command:
            if rest:
                self._target.write_register("pc", int(rest, 16))
            return self._resume(step=command == "s")
        if command in "CS" and command:
            return self._resume(step=command == "S")
        if command == "g":
            return "".join(self._register_hex(register.number) for register in self._registers).encode()
        if command == "G":
            return self._write_registers(bytes.fromhex(rest))
        if command == "p":
            return self._register_hex(int(rest, 16)).encode()
        if command == "P":
            number, _, value = rest.partition("=")
            name = self._by_number[int(number, 16)].name
            self._target.write_register(name, int.from_bytes(bytes.fromhex(value), "little"))
            return b"OK"
        if command in "Zz" and command:
            return self._point(command == "Z", *rest.split(";")[0].split(","))
        if command == "?":
            return self.stopped(self._last_stop)
        if command == "D":
            raise EndSession(keep_running=True)
        if command == "k":
            raise EndSession(kill=True)
        if command in "HT" and command:
            return b"OK"
        return self._answer_query(text)

    def _answer_query(self, text: str) -> bytes:
        if text.startswith("qSupported"):
            return SUPPORTED.encode()
        if text == "QStartNoAckMode":
            self.acknowledges = False
            return b"OK"
        if text.startswith("qXfer:"):
            return self._transfer(text[len("qXfer:") :])
        if text.startswith("qRcmd,"):
            self.print(
                run_monitor(bytes.fromhex(text[len("qRcmd,") :]).decode("utf-8", "replace"), self._target).encode()
            )
            return b"OK"
        fixed = {"qC": "QC1", "qAttached": "1", "qfThreadInfo": "m1", "qsThreadInfo": "l", "qSymbol::": "OK"}
        return fixed.get(text, "").encode()

    def _answer_binary(self, payload: bytes) -> bytes | None:
        head, _, data = payload.partition(b":")
        if payload[:1] == b"X":
            return self._write(head[1:].decode("ascii"), unescape(data))
        if payload == b"vCont?":
            return b"vCont;c;C;s;S"
        if payload.startswith(b"vCont;"):
            action = payload[len(b"vCont;") :][:1]
            return self._resume(step=action in b"sS") if action in b"cCsS" else b""
        if payload.startswith(b"vKill"):
            raise EndSession(kill=True)
        if head == b"vFlashErase":
            addr, size = (int(part, 16) for part in data.split(b","))
            self._target.write_memory(addr, b"\xff" * min(size, 1 << 28))
            return b"OK"
        if head == b"vFlashWrite":
            addr_text, _, contents = data.partition(b":")
            self._target.write_memory(int(addr_text, 16), unescape(contents))
            return b"OK"
        return b"OK" if payload == b"vFlashDone" else b""

    def _resume(self, *, step: bool) -> bytes | None:
        if step:
            return self.stopped(self._target.step())
        self._runner.resume()
        return None

    def _write(self, place: str, data: bytes) -> bytes:
        addr, size = (int(part, 16) for part in place.split(","))
        if size != len(data):
            return MALFORMED
        self._target.write_memory(addr, data)
        return b"OK"

    def _register_hex(self, number: int) -> str:
        register = self._by_number[number]
        return self._target.read_register(register.name).to_bytes(register.size_bytes, "little").hex()

    def _write_registers(self, data: bytes) -> bytes:
        for register in self._registers:
            value, data = data[: register.size_bytes], data[register.size_bytes :]
            if len(value) == register.size_bytes:
                self._target.write_register(register.name, int.from_bytes(value, "little"))
        return b"OK"

    def _point(self, insert: bool, kind: str, addr_text: str, size_text: str) -> bytes:
        addr = int(addr_text, 16)
        if kind in ("0", "1"):
            (self._target.set_breakpoint if insert else self._target.clear_breakpoint)(addr)
            return b"OK"
        access = WATCH_ACCESS.get(kind)
        if access is None:
            return b""
        if insert:
            return b"OK" if self._target.set_watchpoint(addr, int(size_text, 16), access) else NO_COMPARATOR
        self._target.clear_watchpoint(addr, int(size_text, 16), access)
        return b"OK"

    def _transfer(self, request: str) -> bytes:
        name, _, window = request.rpartition(":")
        offset, length = (int(part, 16) for part in window.split(","))
        if name not in self._objects:
            return b"" if not name.startswith("features:read:") else b"E00"
        text = self._objects[name]
        more = b"m" if offset + length < len(text) else b"l"
        return more + escape(text[offset : offset + length])
