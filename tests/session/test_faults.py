"""Kernels that go wrong, on every kind of core: the right error, and a session that can be used afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tests.session.conftest import BOARDS, SHORT_S
from tests.session.sources import FAULTS
from utvm.errors import DeviceFault, KernelError, TransportError, TransportTimeout, UsageError
from utvm.session.module import Module
from utvm.session.session import Session
from utvm.transports import VirtualBoardTransport

# What no board has memory at.
NOWHERE = {
    "qemu-mps2-an500": 0x9000_0000,
    "qemu-mps3-an547": 0x0F00_0000,
    "qemu-riscv32-virt": 0x0800_0000,
    "host": 0x7000_0000,
}
NULL_READS_PASS = ("qemu-microbit",)  # flash at 0, and no MPU
NULL_WRITES_PASS = ("qemu-microbit",)  # flash at 0, which ignores writes
DIVISION_PASSES = ("qemu-riscv32-virt",)  # gives -1 by the architecture


@pytest.fixture(scope="module", params=BOARDS, name="session")
def open_session(request: pytest.FixtureRequest) -> Iterator[Session]:
    with Session(request.param, timeout_s=SHORT_S) as opened:
        yield opened


@pytest.fixture(scope="module", name="code")
def loaded_code(session: Session) -> Module:
    return session.load(FAULTS, name="faults")


@pytest.fixture(autouse=True)
def usable_afterwards(session: Session, code: Module) -> Iterator[None]:
    kept = session.tensor(np.arange(10, dtype=np.int32))
    yield
    x = session.tensor((1,), "int32")
    code["increment"](x, repeat=3)
    assert x.numpy().tolist() == [3]
    assert kept.numpy().tolist() == list(range(10))


def fault_of(session: Session) -> DeviceFault:
    with pytest.raises(DeviceFault) as caught:
        session.sync()
    return caught.value


def test_a_wild_pointer(session: Session, code: Module) -> None:
    code["write_to"](NOWHERE.get(session.board.name, 0x6000_0000))
    fault = fault_of(session)
    assert "write_to (faults.c:6)" in str(fault)
    pc = fault.registers["pc"]
    assert code.symbols["write_to"] & ~1 <= pc < (code.symbols["write_to"] & ~1) + 64


def test_writing_through_null(session: Session, code: Module) -> None:
    call = code["write_to"](None)
    if session.board.name in NULL_WRITES_PASS:
        session.sync()
        assert call.status == 0
        return
    with pytest.raises((DeviceFault, KernelError), match="write_to"):
        session.sync()


def test_reading_through_null(session: Session, code: Module) -> None:
    call = code["read_from"](None, session.tensor((1,), "int32"))
    if session.board.name in NULL_READS_PASS:
        session.sync()
        assert call.status == 0
        return
    assert "read_from (faults.c:7)" in str(fault_of(session))


def test_division_by_zero(session: Session, code: Module) -> None:
    quotient = session.tensor((1,), "int32")
    code["divide"](1, 0, quotient)
    if session.board.name in DIVISION_PASSES:
        assert quotient.numpy().tolist() == [-1]
        return
    if session.board.core.name in ("cortex-m0", "cortex-m0plus") and session.compiler.kind == "zig":
        session.sync()  # its software division has no hook
        return
    assert "division by zero" in str(fault_of(session))


def test_an_undefined_instruction(session: Session, code: Module) -> None:
    code["undefined"]()
    assert "undefined (faults.c:10)" in str(fault_of(session))


def test_a_stack_overflow(session: Session, code: Module) -> None:
    code["deep"](100_000)
    fault = fault_of(session)
    assert str(fault).startswith("deep on ")
    assert "stack" in str(fault)


def test_an_endless_loop(session: Session, code: Module) -> None:
    x = session.tensor((1,), "int32")
    first, call, last = code["increment"](x), code["spin"](), code["increment"](x)
    with pytest.raises(TransportTimeout, match=r"spin on .* still ran after 1 s, at spin \(faults\.c:9\)"):
        session.sync()
    for lost in (first, call, last):
        with pytest.raises(UsageError, match="has no outcome"):
            _ = lost.cycles


def test_workspace_exhausted(session: Session, code: Module) -> None:
    code["exhaust"](1 << 30)
    with pytest.raises(KernelError, match=r"exhaust .* asked for 1,073,741,824 bytes of workspace, more than is free"):
        session.sync()


def test_workspace_not_given_back(session: Session, code: Module) -> None:
    code["leak"](20)
    with pytest.raises(KernelError, match="left 32 bytes of workspace allocated"):
        session.sync()


def test_workspace_freed_that_was_not_allocated(session: Session, code: Module) -> None:
    code["bad_free"](session.tensor((1,), "int32"))
    with pytest.raises(KernelError, match=r"freed workspace at 0x[0-9a-f]{8}, where no block is allocated"):
        session.sync()


def test_writing_behind_the_workspace(session: Session, code: Module) -> None:
    sizes = session.board.hosted.section_sizes
    assert sizes.workspace is None
    code["overrun"](session.sections.workspace.size_bytes)
    with pytest.raises(KernelError, match="memory behind the workspace was overwritten"):
        session.sync()


def test_a_breakpoint_in_the_code_is_reported() -> None:
    with Session("stm32f746-disco") as session:
        code = session.load(
            'int32_t f(void **args) { (void)args; __asm__("bkpt #1"); return 0; }'.replace("int32_t", "int")
        )
        code["f"]()
        assert "breakpoint instruction or abort" in str(fault_of(session))


def test_a_board_that_dies_is_reported() -> None:
    transport = VirtualBoardTransport("stm32f746-disco")
    session = Session("stm32f746-disco", transport=transport)
    x = session.tensor((1,), "int32")
    transport.process.close()
    with pytest.raises(TransportError):
        x.numpy()
    with pytest.raises(TransportError, match="has ended"):
        session.recover()
    session.close()
    with pytest.raises(UsageError, match="session is closed"):
        x.numpy()
