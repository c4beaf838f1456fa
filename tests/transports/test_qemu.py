"""QEMU's machines as transports: the conformance suite on each, faults in words, lockups, processes."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from typing import ClassVar

import pytest

from tests.transports.conformance import TransportConformance
from tests.transports.orphans import has_gone, opened_by_a_process_that_is_killed
from tests.transports.snippets import RV32, THUMB, Snippets
from utvm.boards import board_names, load_board
from utvm.errors import DeviceFault, TransportError, TransportTimeout, UsageError
from utvm.transports import GdbTransport, QemuTransport, StopKind, Transport, device_fault
from utvm.transports.qemu_process import QemuProcess, qemu_arguments

pytestmark = pytest.mark.qemu


class QemuConformance(TransportConformance):
    board_name: ClassVar[str]

    def open(self) -> Transport:
        return QemuTransport(load_board(self.board_name))

    def break_connection(self, transport: Transport) -> None:
        assert isinstance(transport, QemuTransport)
        kill(transport)


def kill(transport: QemuTransport) -> None:
    os.kill(transport.process.pid, signal.SIGKILL)
    assert transport.process.has_ended()


class TestMicrobit(QemuConformance):
    board_name: ClassVar[str] = "qemu-microbit"
    ram_addr: ClassVar[int] = 0x2000_0000
    ram_bytes: ClassVar[int] = 0x4000
    unmapped_addr: ClassVar[int] = 0x7000_0000


class TestMps2An385(QemuConformance):
    board_name: ClassVar[str] = "qemu-mps2-an385"
    ram_addr: ClassVar[int] = 0x2000_0000
    unmapped_addr: ClassVar[int] = 0x7000_0000


class TestMps2An386(TestMps2An385):
    board_name: ClassVar[str] = "qemu-mps2-an386"


class TestMps2An500(TestMps2An385):
    board_name: ClassVar[str] = "qemu-mps2-an500"


class TestMps2An505(QemuConformance):
    board_name: ClassVar[str] = "qemu-mps2-an505"
    ram_addr: ClassVar[int] = 0x3800_0000
    unmapped_addr: ClassVar[int] = 0x7000_0000


class TestMps3An547(QemuConformance):
    board_name: ClassVar[str] = "qemu-mps3-an547"
    ram_addr: ClassVar[int] = 0x3100_0000
    unmapped_addr: ClassVar[int] = 0x5C00_0000


class TestRiscv32Virt(QemuConformance):
    board_name: ClassVar[str] = "qemu-riscv32-virt"
    ram_addr: ClassVar[int] = 0x8000_0000
    unmapped_addr: ClassVar[int] = 0xF000_0000
    code: ClassVar[Snippets] = RV32


ARM_RAM, RV32_RAM = 0x2000_0000, 0x8000_0000


@pytest.fixture
def m4() -> Iterator[QemuTransport]:
    with QemuTransport(load_board("qemu-mps2-an386")) as transport:
        yield transport


@pytest.fixture
def rv32() -> Iterator[QemuTransport]:
    with QemuTransport(load_board("qemu-riscv32-virt")) as transport:
        yield transport


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("0021 90fbf1f0 7047", "DIVBYZERO"),  # movs r1, #0; sdiv r0, r0, r1; bx lr
        ("0020 0047", "INVSTATE|IACCVIOL"),  # movs r0, #0; bx r0
        ("4ff0e040 0047", r"INVSTATE|IACCVIOL|IBUSERR"),  # mov.w r0, #0x70000000; bx r0
        ("00b5 fff7fdff", "stack overflow"),  # push {lr}; bl to the push
        ("0020 0068 7047", "DACCVIOL.*0x00000000"),  # movs r0, #0; ldr r0, [r0]; bx lr
    ],
)
def test_faults_of_a_cortex_m4_in_words(m4: QemuTransport, code: str, cause: str) -> None:
    m4.write(ARM_RAM + 0x8000, bytes.fromhex(code))
    stop = m4.execute(ARM_RAM + 0x8000 | 1, 5.0, stop_addr=ARM_RAM + 0x9000, stack_addr=ARM_RAM + 0x1000)
    assert stop.kind is StopKind.FAULT
    assert re.search(cause, stop.text)
    assert isinstance(device_fault(m4, stop), DeviceFault)
    m4.reset()
    m4.write(ARM_RAM, THUMB.add)
    assert m4.execute(ARM_RAM | 1, 5.0, stop_addr=ARM_RAM + 0x800, arguments=(40, 2)).kind is StopKind.BREAKPOINT


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("83200000 67800000", "read from where there is no memory at 0x00000000"),  # lw ra, 0(zero)
        ("b70500f0 23a0a500 67800000", "write to where there is no memory .* at 0xf0000000"),
        ("67000000", "fetch from where there is no memory at 0x00000000"),  # jr zero
        ("130101ff 23201100 6ff09fff", "stack overflow"),  # endless pushes
        ("73000000", "environment call"),
    ],
)
def test_faults_of_rv32_in_words(rv32: QemuTransport, code: str, cause: str) -> None:
    rv32.write(RV32_RAM + 0x8000, bytes.fromhex(code))
    stop = rv32.execute(RV32_RAM + 0x8000, 5.0, stop_addr=RV32_RAM + 0x9000, stack_addr=RV32_RAM + 0x1000)
    assert stop.kind is StopKind.FAULT
    fault = device_fault(rv32, stop)
    with pytest.raises(type(fault), match=cause):
        raise fault
    rv32.reset()
    rv32.write(RV32_RAM, RV32.add)
    assert rv32.execute(RV32_RAM, 5.0, stop_addr=RV32_RAM + 0x800, arguments=(40, 2)).kind is StopKind.BREAKPOINT


def test_the_registers_of_a_fault_are_those_before_it(m4: QemuTransport) -> None:
    m4.write(ARM_RAM, bytes.fromhex("00bf 00de"))
    stop = m4.execute(ARM_RAM | 1, 5.0, stack_addr=ARM_RAM + 0x1000, arguments=(1, 2, 3, 4))
    assert stop.kind is StopKind.FAULT
    found = m4.registers()
    assert [found[name] for name in ("r0", "r1", "r2", "r3", "sp", "pc")] == [1, 2, 3, 4, ARM_RAM + 0x1000, ARM_RAM + 2]


def test_a_breakpoint_instruction_is_no_fault(m4: QemuTransport, rv32: QemuTransport) -> None:
    m4.write(ARM_RAM, bytes.fromhex("00bf 00be"))
    stop = m4.execute(ARM_RAM | 1, 5.0, stack_addr=ARM_RAM + 0x1000)
    assert (stop.kind, stop.pc) == (StopKind.BREAKPOINT, ARM_RAM + 2)
    rv32.write(RV32_RAM, bytes.fromhex("73001000"))
    stop = rv32.execute(RV32_RAM, 5.0)
    assert (stop.kind, stop.pc) == (StopKind.BREAKPOINT, RV32_RAM)


def test_a_lockup_is_a_fault_and_reset_starts_a_new_machine(m4: QemuTransport) -> None:
    reserved = 0x203F_F000
    m4.write(reserved, bytes(64))  # no vectors
    m4.write(ARM_RAM, THUMB.undefined)
    stop = m4.execute(ARM_RAM | 1, 5.0)
    assert stop.kind is StopKind.FAULT
    assert "locked up" in stop.text
    assert "pc" in stop.registers
    with pytest.raises(TransportError, match="reset"):
        m4.read(ARM_RAM, 4)
    m4.reset()
    m4.write(ARM_RAM, THUMB.undefined)
    assert "UNDEFINSTR" in m4.execute(ARM_RAM | 1, 5.0).text


def test_reset_starts_a_machine_that_was_killed(m4: QemuTransport) -> None:
    m4.set_breakpoint(ARM_RAM + 2)
    kill(m4)
    m4.reset()
    m4.write(ARM_RAM, THUMB.count)
    assert m4.execute(ARM_RAM | 1, 5.0).pc == ARM_RAM + 2


def test_breakpoints_survive_a_reset_once(m4: QemuTransport) -> None:
    m4.write(ARM_RAM, THUMB.count)
    m4.set_breakpoint(ARM_RAM + 2)
    m4.reset()
    assert m4.execute(ARM_RAM | 1, 5.0).pc == ARM_RAM + 2
    m4.clear_breakpoint(ARM_RAM + 2)
    with pytest.raises(TransportTimeout):
        m4.execute(ARM_RAM | 1, 0.1)


def test_the_fpu_is_on(m4: QemuTransport) -> None:
    m4.write(ARM_RAM, bytes.fromhex("07ee900a 37ee877a 7047"))  # vmov s15, r0; vadd.f32 s14, s15, s14; bx lr
    assert m4.execute(ARM_RAM | 1, 5.0, stop_addr=ARM_RAM + 0x800).kind is StopKind.BREAKPOINT


def test_registers_beyond_the_usual_ones(rv32: QemuTransport) -> None:
    rv32.write_register("mscratch", 0x1234_5678)
    assert rv32.read_single("mscratch") == 0x1234_5678
    assert "mscratch" not in rv32.registers()
    with pytest.raises(UsageError, match="no register 'r0'; it has zero"):
        rv32.write_register("r0", 0)


def test_a_second_client_is_an_error(m4: QemuTransport) -> None:
    with pytest.raises(TransportError):
        GdbTransport(m4.process.host, m4.process.port, timeout_s=0.3)
    m4.write(ARM_RAM, b"mine")
    assert m4.read(ARM_RAM, 4) == b"mine"


@pytest.mark.parametrize("name", board_names("qemu"))
def test_machines_open_and_end(name: str) -> None:
    start = time.monotonic()
    transport = QemuTransport(load_board(name))
    assert time.monotonic() - start < 2.0
    transport.close()
    assert not transport.process.is_running


def test_qemu_ends_with_the_process_that_started_it() -> None:
    pid = opened_by_a_process_that_is_killed("QemuTransport(load_board('qemu-mps2-an386'))")
    assert has_gone(pid)


def test_a_board_that_is_no_machine_of_qemu() -> None:
    with pytest.raises(UsageError, match=r"no \[qemu\] table; .*qemu-mps2-an386"):
        QemuTransport(load_board("stm32f746-disco"))


def test_a_machine_that_qemu_does_not_know() -> None:
    board = load_board("qemu-mps2-an386")
    assert board.qemu is not None
    wrong = board.model_copy(update={"qemu": board.qemu.model_copy(update={"machine": "mps9"})})
    with pytest.raises(TransportError, match="unsupported machine"):
        QemuTransport(wrong)


def test_without_qemu_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(TransportError, match=r"qemu-system-riscv32 is not on the PATH.*qemu-system-misc"):
        QemuTransport(load_board("qemu-riscv32-virt"))


def test_the_command() -> None:
    machine = load_board("qemu-riscv32-virt").qemu
    assert machine is not None
    assert " ".join(qemu_arguments(machine, 7)) == (
        "-M virt -display none -monitor none -serial null -S -m 32M -bios none -icount shift=0,sleep=off "
        "-chardev socket,id=gdb,fd=7,server=on,wait=off,nodelay=on -gdb chardev:gdb"
    )


def test_each_process_has_a_port_of_its_own() -> None:
    machine = load_board("qemu-mps2-an386").qemu
    assert machine is not None
    first, second = QemuProcess(machine), QemuProcess(machine)
    try:
        assert first.port != second.port
        socket.create_connection((first.host, first.port), timeout=2.0).close()
    finally:
        first.close()
        second.close()
