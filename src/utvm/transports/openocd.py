"""A Cortex-M board behind a running OpenOCD, by its Tcl port: any probe and chip that OpenOCD knows."""

from __future__ import annotations

import re
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from utvm.errors import TransportError, TransportTimeout, UsageError
from utvm.transports.base import Capabilities, StopKind, StopReason, Transport
from utvm.transports.faults import BFAR_ADDR, CFSR_ADDR, HFSR_ADDR, decode_fault
from utvm.transports.openocd_errors import describe_failure
from utvm.transports.openocd_frame import registers_before_fault
from utvm.transports.openocd_memory import intel_hex, spans, tcl_values, values_of, whole_flash_units
from utvm.transports.openocd_rpc import OpenOcdRpc, TclResult

DEFAULT_TIMEOUT_S = 5.0
RESET_TIMEOUT_S = 10.0
FLASH_TIMEOUT_S = 120.0
HALT_WAIT_S = 1.0
WAIT_SLICE_S = 0.5
VECTOR_CATCH = "mm_err nocp_err chk_err state_err bus_err int_err hard_err"
STANDARD_XPSR = 0x0100_0000
ALL_ONES = 0xFFFF_FFFF
SIGINT, SIGTRAP, SIGSEGV = 2, 5, 11
_REGISTER_LINE = re.compile(r"^\(\d+\) (\S+) \(/\d+\)", re.MULTILINE)
_FLASH_BANK = re.compile(r"driver \S+ base (\d+) size (\d+)")
_CORE_REGISTERS = re.compile(r"r\d+|sp|lr|pc|xPSR|msp|psp|primask|basepri|faultmask|control|d\d+|fpscr", re.IGNORECASE)


class OpenOcdTransport(Transport):
    """A client of OpenOCD 0.12's Tcl port.

    `timeout_s` is for every answer but the stop of running code. Connecting halts the core and makes faults halt it
    (vector catch), as `reset` does.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 6666, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        super().__init__()
        self._host, self._port, self._timeout_s = host, port, timeout_s
        self._breakpoints: set[int] = set()
        self._before_fault: dict[str, int] = {}
        self._names: dict[str, str] = {}
        self._flash: list[tuple[int, int]] = []
        self._rpc = OpenOcdRpc(host, port, timeout_s)
        try:
            self._prepare()
        except TransportError:
            self._rpc.close()
            raise

    @property
    def capabilities(self) -> Capabilities:
        """Everything; flash where OpenOCD has a driver for the chip's."""
        return Capabilities(breakpoints=True, registers=True, flash=bool(self._flash), fault_status=True)

    def command(self, text: str, *, timeout_s: float | None = None) -> str:
        """Run a command of OpenOCD's; what it prints and returns. TransportError when it fails."""
        self._check_open()
        return self._do(f"capture {{{text}}}", f"the command {text!r}", timeout_s)

    def _prepare(self) -> None:
        """Halt the core, and learn its registers and flash."""
        self._halt()
        self._catch_faults()
        listed = _REGISTER_LINE.findall(self._do("reg", "listing the registers"))
        self._names = {name.lower(): name for name in listed if _CORE_REGISTERS.fullmatch(name)}
        if not {"r0", "sp", "lr", "pc", "xpsr"} <= set(self._names):
            raise TransportError(
                f"{self._rpc.peer} has no Cortex-M target (its registers are {', '.join(listed[:8])}, ...); "
                "select one with `targets`"
            )
        self._flash = self._flash_banks()

    def _halt(self) -> None:
        self._do("capture {halt}", "halting the core")
        result = self._run(f"wait_halt {HALT_WAIT_S * 1000:.0f}")
        if result.is_error:
            raise self._failure("halting the core", result)

    def _catch_faults(self) -> None:
        self._do(f"capture {{cortex_m vector_catch {VECTOR_CATCH}}}", "making faults halt the core")

    # Memory.

    def _read(self, addr: int, size_bytes: int) -> bytes:
        data = bytearray()
        for start, length, width in spans(addr, size_bytes):
            count = length // width
            text = self._do(f"read_memory {start:#x} {8 * width} {count}", f"reading {length} bytes at {start:#010x}")
            data += values_of(text, width, count, self._rpc.peer)
        return bytes(data)

    def _write(self, addr: int, data: bytes) -> None:
        for start, length, width in spans(addr, len(data)):
            part = data[start - addr : start - addr + length]
            self._do(
                f"write_memory {start:#x} {8 * width} {{{tcl_values(part, width)}}}",
                f"writing {length} bytes at {start:#010x}",
            )

    def _load_image(self, image: list[tuple[int, bytes]]) -> None:
        in_flash = [(addr, data) for addr, data in image if self._is_flash(addr)]
        if in_flash:
            self._program(in_flash)
        # After the flash, whose programming uses RAM for its code and buffer.
        for addr, data in image:
            if not self._is_flash(addr):
                self._write(addr, data)

    def _program(self, in_flash: list[tuple[int, bytes]]) -> None:
        with tempfile.TemporaryDirectory(prefix="utvm-") as folder:
            path = Path(folder) / "image.hex"
            path.write_text(intel_hex(whole_flash_units(in_flash)), encoding="ascii")
            first, size = min(in_flash)[0], sum(len(data) for _, data in in_flash)
            self._do(
                f"capture {{flash write_image erase {{{path}}} 0 ihex}}",
                f"programming {size} bytes of flash from {first:#010x}",
                FLASH_TIMEOUT_S,
            )

    def _is_flash(self, addr: int) -> bool:
        if any(size == 0 for _, size in self._flash):  # OpenOCD knows sizes only after a look at the chip
            for number in range(len(self._flash)):
                self._run(f"capture {{flash probe {number}}}")
            self._flash = [(base, size) for base, size in self._flash_banks() if size]
        return any(base <= addr < base + size for base, size in self._flash)

    def _flash_banks(self) -> list[tuple[int, int]]:
        return [
            (int(base), int(size)) for base, size in _FLASH_BANK.findall(self._do("flash list", "listing the flash"))
        ]

    # Registers.

    def _registers(self) -> dict[str, int]:
        return self._get_registers(list(self._names)) | self._before_fault

    def _get_registers(self, names: list[str]) -> dict[str, int]:
        words = self._do(f"get_reg {{{' '.join(self._names[name] for name in names)}}}", "reading registers").split()
        try:
            return {name.lower(): int(value, 16) for name, value in zip(words[::2], words[1::2], strict=True)}
        except ValueError:
            raise TransportError(f"{self._rpc.peer} gave the registers as {' '.join(words)[:60]!r}; reset it") from None

    def _write_register(self, name: str, value: int) -> None:
        if name not in self._names:
            raise UsageError(f"the board has no register {name!r}; it has {', '.join(self._names)}")
        self._set_registers({name: value})

    def _set_registers(self, values: dict[str, int]) -> None:
        self._before_fault = {}
        pairs = " ".join(f"{self._names[name]} {value:#x}" for name, value in values.items())
        self._do(f"set_reg {{{pairs}}}", f"writing registers {', '.join(values)}")

    # Running.

    def _execute(
        self,
        entry_addr: int,
        timeout_s: float,
        stop_addr: int | None,
        stack_addr: int | None,
        arguments: tuple[int, ...],
    ) -> StopReason:
        registers = {f"r{number}": argument & ALL_ONES for number, argument in enumerate(arguments)}
        if stack_addr is not None:
            registers["sp"] = stack_addr
        if stop_addr is not None:
            registers["lr"] = stop_addr | 1
        entry_addr &= ~1
        self._set_registers({**registers, "xpsr": STANDARD_XPSR, "pc": entry_addr})
        if entry_addr in self._breakpoints:  # `resume` would step over it
            return self._stop_reason({entry_addr})
        return self._resume([] if stop_addr is None else [stop_addr], timeout_s)

    def _resume(self, until: list[int], timeout_s: float) -> StopReason:
        temporary = {addr & ~1 for addr in until} - self._breakpoints
        self._before_fault = {}
        self._write_fault_status(ALL_ONES)
        for addr in sorted(temporary):
            self._add_breakpoint(addr)
        try:
            self._do("capture {resume}", "starting the core")
            self._await_halt(timeout_s)
        finally:
            if self._rpc.is_usable:
                for addr in sorted(temporary):
                    self._run(f"rbp {addr:#x}")
        return self._stop_reason(temporary | self._breakpoints)

    def _await_halt(self, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while True:
            left_s = deadline - time.monotonic()
            slice_s = min(max(left_s, 0.001), WAIT_SLICE_S)
            result = self._run(f"capture {{wait_halt {max(1, round(slice_s * 1000))}}}", slice_s + self._timeout_s)
            if not result.is_error:
                return
            state = self._do("[target current] curstate", "asking for the core's state")
            if state not in ("running", "halted", "debug-running"):
                raise self._failure(f"waiting for the core, whose state is {state!r},", result)
            if time.monotonic() >= deadline:
                raise self._timed_out(timeout_s)

    def _timed_out(self, timeout_s: float) -> TransportTimeout:
        """Stop the core, so that the next command finds it halted, and say where it was."""
        try:
            self._halt()
            where = f" (pc was {self._get_registers(['pc'])['pc']:#010x})"
        except TransportError as error:
            where = f" and could not be stopped ({error})"
        return TransportTimeout(f"the code still ran after {timeout_s:g} s{where}; reset the transport to use it again")

    def _stop_reason(self, watched: set[int]) -> StopReason:
        registers = self._get_registers(["pc", "sp", "lr", "xpsr", "psp"])
        pc = registers["pc"]
        if pc in watched:
            return StopReason(StopKind.BREAKPOINT, pc, SIGTRAP, registers)
        words = memoryview(self._read(CFSR_ADDR, BFAR_ADDR + 4 - CFSR_ADDR)).cast("I")
        causes = decode_fault(words[0], words[(HFSR_ADDR - CFSR_ADDR) // 4], bfar=words[-1], mmfar=words[-2])
        self._note_culprit(registers)
        if causes or self._before_fault:  # an Armv6-M core has no status registers, only the handler it is in
            registers |= self._before_fault
            return StopReason(StopKind.FAULT, registers["pc"], SIGSEGV, registers, "; ".join(causes))
        if self._is_breakpoint_instruction(pc):
            return StopReason(StopKind.BREAKPOINT, pc, SIGTRAP, registers)
        return StopReason(StopKind.INTERRUPTED, pc, SIGINT, registers)

    def _note_culprit(self, registers: dict[str, int]) -> None:
        with suppress(TransportError):  # without a stack to read, the handler's registers are all there is
            self._before_fault = registers_before_fault(registers, self._read)

    def _is_breakpoint_instruction(self, pc: int) -> bool:
        result = self._run(f"read_memory {pc:#x} 16 1")
        return not result.is_error and values_of(result.text, 2, 1, self._rpc.peer)[1] == 0xBE

    def _write_fault_status(self, value: int) -> None:
        """Clear what earlier faults left behind: bits are cleared by writing ones."""
        word = value.to_bytes(4, "little")
        self._write(CFSR_ADDR, word + word)

    # Breakpoints.

    def _set_breakpoint(self, addr: int) -> None:
        addr &= ~1
        if addr not in self._breakpoints:
            self._add_breakpoint(addr)
            self._breakpoints.add(addr)

    def _clear_breakpoint(self, addr: int) -> None:
        addr &= ~1
        if addr in self._breakpoints:
            self._do(f"capture {{rbp {addr:#x}}}", f"removing the breakpoint at {addr:#010x}")
            self._breakpoints.discard(addr)

    def _add_breakpoint(self, addr: int) -> None:
        """A hardware breakpoint, which works in flash; a software one when all comparators are taken."""
        result = self._run(f"capture {{bp {addr:#x} 2 hw}}")
        if result.is_error:
            software = self._run(f"capture {{bp {addr:#x} 2}}")
            if software.is_error:
                raise self._failure(f"a breakpoint at {addr:#010x}", result)

    # Reset and end.

    def _reset(self) -> None:
        """Reset and halt; a broken connection is made anew first. Breakpoints stay."""
        if not self._rpc.is_usable:
            self._rpc.close()
            self._rpc = OpenOcdRpc(self._host, self._port, self._timeout_s)
        self._before_fault = {}
        self._run("rbp all")
        self._do("capture {reset halt}", "resetting the board", RESET_TIMEOUT_S)
        result = self._run(f"wait_halt {HALT_WAIT_S * 1000:.0f}")
        if result.is_error:
            raise self._failure("halting the core after a reset", result)
        self._catch_faults()
        for addr in sorted(self._breakpoints):
            self._add_breakpoint(addr)

    def _close(self) -> None:
        """Take our breakpoints along, as far as OpenOCD still listens."""
        try:
            if self._rpc.is_usable:
                for addr in sorted(self._breakpoints):
                    self._run(f"rbp {addr:#x}")
        except TransportError:
            pass  # a server that is gone needs no farewell
        finally:
            self._rpc.close()

    def _run(self, command: str, timeout_s: float | None = None) -> TclResult:
        return self._rpc.run(command, self._timeout_s if timeout_s is None else timeout_s)

    def _failure(self, what: str, result: TclResult) -> TransportError:
        return describe_failure(what, result)

    def _do(self, command: str, what: str, timeout_s: float | None = None) -> str:
        """Run a command that must succeed; its text."""
        result = self._run(command, timeout_s)
        if result.is_error:
            raise self._failure(what, result)
        return result.text
