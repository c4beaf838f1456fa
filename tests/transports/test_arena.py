"""The host arena as a transport: the conformance suite, faults in words, memory that outlives its process."""

from __future__ import annotations

import os
import platform
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from tests.transports.conformance import TransportConformance
from tests.transports.orphans import has_gone, opened_by_a_process_that_is_killed
from tests.transports.snippets import X86_64, Snippets
from utvm.boards import Board, load_board
from utvm.errors import ToolchainError, TransportError, TransportTimeout, UsageError
from utvm.toolchain.host import find_host_compiler
from utvm.transports import StopKind, Transport, arena_process, device_fault
from utvm.transports.arena import ArenaTransport

RAM = 0x2000_0000
RAM_BYTES = 0x400_0000


class TestArena(TransportConformance):
    ram_addr: ClassVar[int] = RAM
    unmapped_addr: ClassVar[int] = 0x6000_0000
    code: ClassVar[Snippets] = X86_64

    def open(self) -> Transport:
        return ArenaTransport()

    def break_connection(self, transport: Transport) -> None:
        assert isinstance(transport, ArenaTransport)
        kill(transport)


def kill(transport: ArenaTransport) -> None:
    os.kill(transport.process.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while transport.process.is_running and time.monotonic() < deadline:
        time.sleep(0.001)


@pytest.fixture
def arena() -> Iterator[ArenaTransport]:
    with ArenaTransport() as transport:
        yield transport


def execute(arena: ArenaTransport, code: str, *arguments: int, stack_addr: int = RAM + 0x1000) -> StopKind:
    arena.write(RAM, bytes.fromhex(code))
    return arena.execute(RAM, 5.0, stop_addr=RAM + 0x800, stack_addr=stack_addr, arguments=arguments).kind


@pytest.mark.parametrize(
    ("code", "arguments", "cause"),
    [
        ("8b07 c3", (0,), r"access to 0x00000000"),
        ("8907 c3", (0x7000_0000,), r"access to 0x70000000"),
        ("8907 c3", (RAM + RAM_BYTES - 2,), r"access to 0x"),
        ("48b8 00000000000000a5 8b00 c3", (), r"no memory can have"),
        ("ffe7", (0x1234,), r"jump to 0x00001234"),
        ("31c9 89f8 99 f7f9 c3", (1,), r"division by zero"),
        ("0f0b", (), r"undefined instruction"),
        ("e8fbffffff", (), r"stack overflow"),  # call itself
    ],
)
def test_a_fault_is_told_in_words_and_leaves_the_arena_usable(
    arena: ArenaTransport, code: str, arguments: tuple[int, ...], cause: str
) -> None:
    arena.write(RAM + 0x4000, b"kept")
    arena.write(RAM + 0x8000, bytes.fromhex(code))
    stop = arena.execute(RAM + 0x8000, 5.0, stop_addr=RAM + 0x9000, stack_addr=RAM + 0x1000, arguments=arguments)
    assert stop.kind is StopKind.FAULT
    fault = device_fault(arena, stop)
    with pytest.raises(type(fault), match=cause):
        raise fault
    assert fault.registers["pc"] == stop.pc
    arena.reset()
    assert arena.read(RAM + 0x4000, 4) == b"kept"
    assert execute(arena, "8d0437 c3", 40, 2) is StopKind.BREAKPOINT
    assert arena.registers()["rax"] == 42


def test_memory_outlives_the_process(arena: ArenaTransport) -> None:
    arena.write(RAM + RAM_BYTES - 4, b"kept")
    kill(arena)
    with pytest.raises(TransportError, match="reset"):
        arena.execute(RAM, 1.0)
    arena.reset()
    assert arena.read(RAM + RAM_BYTES - 4, 4) == b"kept"
    assert execute(arena, "c3") is StopKind.BREAKPOINT


def test_code_that_ends_the_process(arena: ArenaTransport) -> None:
    assert execute(arena, "b83c000000 bf07000000 0f05") is StopKind.EXITED  # exit(7)
    arena.reset()
    assert execute(arena, "c3") is StopKind.BREAKPOINT


def test_code_that_ignores_interrupts_times_out_all_the_same(arena: ArenaTransport) -> None:
    # rt_sigprocmask(SIG_SETMASK, all, NULL, 8), then an endless loop.
    arena.write(RAM + 0x100, b"\xff" * 8)
    arena.write(RAM, bytes.fromhex("b80e000000 bf02000000 be00010020 31d2 41ba08000000 0f05 ebfe"))
    with pytest.raises(TransportTimeout, match="could not be stopped"):
        arena.execute(RAM, 0.1)
    arena.reset()
    assert execute(arena, "c3") is StopKind.BREAKPOINT


def test_a_breakpoint_instruction_stops_the_core_where_it_stands(arena: ArenaTransport) -> None:
    arena.write(RAM, bytes.fromhex("90cc"))
    stop = arena.execute(RAM, 5.0)
    assert (stop.kind, stop.pc) == (StopKind.BREAKPOINT, RAM + 1)


def test_breakpoints_are_not_seen_in_memory(arena: ArenaTransport) -> None:
    arena.write(RAM, bytes.fromhex("90 90 c3"))
    arena.set_breakpoint(RAM + 1)
    assert arena.execute(RAM, 5.0).pc == RAM + 1
    assert arena.read(RAM, 3) == bytes.fromhex("9090c3")


def test_floating_point_state_is_that_of_a_reset_core(arena: ArenaTransport) -> None:
    arena.write(RAM + 0x200, (0x1FFF).to_bytes(4, "little"))
    assert execute(arena, "0fae17 c3", RAM + 0x200) is StopKind.BREAKPOINT  # ldmxcsr [rdi]
    arena.reset()
    assert execute(arena, "0fae1f c3", RAM + 0x200) is StopKind.BREAKPOINT  # stmxcsr [rdi]
    assert int.from_bytes(arena.read(RAM + 0x200, 4), "little") == 0x1F80


def test_two_arenas_side_by_side(arena: ArenaTransport) -> None:
    with ArenaTransport() as other:
        arena.write(RAM, b"one")
        other.write(RAM, b"two")
        assert (arena.read(RAM, 3), other.read(RAM, 3)) == (b"one", b"two")
    assert execute(arena, "c3") is StopKind.BREAKPOINT


def test_closing_ends_the_process(arena: ArenaTransport) -> None:
    arena.close()
    assert not arena.process.is_running


def test_the_arena_ends_with_the_process_that_started_it() -> None:
    assert has_gone(opened_by_a_process_that_is_killed("ArenaTransport()"))


def test_registers_by_name(arena: ArenaTransport) -> None:
    with pytest.raises(UsageError, match="no register 'r0'; it has rax"):
        arena.write_register("r0", 1)
    arena.write_register("r9", -1)
    assert arena.registers()["r9"] == (1 << 64) - 1


def test_a_board_of_another_core() -> None:
    with pytest.raises(UsageError, match="not of a cortex-m4; take the board `host`"):
        ArenaTransport(load_board("nucleo-l4r5zi"))


def test_only_ram_can_be_an_arena() -> None:
    host = load_board("host")
    region = host.regions[0].model_copy(update={"kind": "flash", "name": "flash"})
    with pytest.raises(UsageError, match="region flash is flash"):
        ArenaTransport(host.model_copy(update={"regions": (region,)}))


def test_regions_are_whole_pages() -> None:
    host = load_board("host")
    region = host.regions[0].model_copy(update={"size_bytes": 0x1001})
    board: Board = host.model_copy(update={"regions": (region,)})
    with pytest.raises(UsageError, match="pages of 4096 bytes"):
        ArenaTransport(board)


def test_an_arena_opens_at_once() -> None:
    ArenaTransport().close()
    start = time.monotonic()
    ArenaTransport().close()
    assert time.monotonic() - start < 0.5


def test_the_program_builds_with_zig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(arena_process, "find_host_compiler", lambda: find_host_compiler("zig"))
    with ArenaTransport() as arena:
        assert execute(arena, "8d0437 c3", 40, 2) is StopKind.BREAKPOINT


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = tmp_path / "file"
    taken.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(taken))
    with pytest.raises(ToolchainError, match="XDG_CACHE_HOME"):
        ArenaTransport()


def test_other_systems_are_told_what_to_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(TransportError, match=r"not linux on riscv64.*virtual board"):
        ArenaTransport()
