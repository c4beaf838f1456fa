"""Opening and closing: how long it takes, sizes, nesting, running side by side, board files of one's own."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import utvm
from tests.session.sources import ARITHMETIC
from utvm.boards import load_board
from utvm.errors import BoardError, OutOfDeviceMemory, TransportError, UsageError
from utvm.session.session import Session

DATA = Path(__file__).parents[2] / "src" / "utvm" / "boards" / "data"
F746 = load_board("stm32f746-disco")


@pytest.mark.parametrize(("board", "limit_s"), [("stm32f746-disco", 1.0), ("host", 0.5)])
def test_opening_is_quick_when_caches_are_warm(board: str, limit_s: float) -> None:
    times = []
    for _ in range(4):
        begin = time.perf_counter()
        with Session(board):
            times.append(time.perf_counter() - begin)
    assert min(times) < limit_s


@pytest.mark.arm_gcc
@pytest.mark.parametrize("board", ["stm32f746-disco", "nucleo-l4r5zi", "nucleo-u575zi-q", "nucleo-g0b1re"])
def test_the_runtime_is_small(board: str) -> None:
    with Session(board, compiler="gcc") as session:
        assert session.runtime_sizes.text_bytes + session.runtime_sizes.rodata_bytes < 2048


def test_sessions_nest_and_run_side_by_side() -> None:
    with Session("stm32f746-disco") as outer, Session("nucleo-g0b1re") as inner:
        codes = [session.load(ARITHMETIC) for session in (outer, inner)]
        tensors = [session.tensor((1,), "int32") for session in (outer, inner)]
        for code, tensor, repeat in zip(codes, tensors, (3, 5), strict=True):
            code["increment"](tensor, repeat=repeat)
        assert [int(tensor.numpy()[0]) for tensor in tensors] == [3, 5]


def test_sessions_in_threads() -> None:
    results: dict[str, int] = {}

    def count(board: str) -> None:
        with Session(board) as session:
            x = session.tensor((1,), "int32")
            for _ in range(300):
                session.modules or session.load(ARITHMETIC)
                session.modules[0]["increment"](x)
            results[board] = int(x.numpy()[0])

    threads = [threading.Thread(target=count, args=(board,)) for board in ("stm32f746-disco", "nucleo-l4r5zi", "host")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {"stm32f746-disco": 300, "nucleo-l4r5zi": 300, "host": 300}


def test_queued_calls_run_at_the_end_of_the_with() -> None:
    with Session(F746) as session:
        call = session.load(ARITHMETIC)["increment"](session.tensor((1,), "int32"))
        assert not call.done
    assert call.cycles > 0
    with pytest.raises(UsageError, match="session is closed"):
        session.tensor((1,), "int8")


def test_sizes_can_be_chosen_and_must_fit() -> None:
    with Session(F746, workspace_bytes=1024, stack_bytes=1024, queue_bytes=1024) as session:
        sections = session.sections
        assert sections.workspace_end_addr - sections.workspace.addr == 1024
        assert sections.stack.end_addr - sections.stack_bottom_addr == 1024
    with pytest.raises(BoardError, match=r"hosted\.section_sizes\.stack: larger than region 'dtcm'"):
        Session(F746, stack_bytes=1 << 20)
    with pytest.raises(BoardError, match=r"hosted\.section_sizes\.workspace: 1001 is not a multiple of 8"):
        Session(F746, workspace_bytes=1001)
    with pytest.raises(OutOfDeviceMemory, match=r"no room for workspace of 245,776 bytes in dtcm, sram1, sram2"):
        Session(F746, workspace_bytes=245_760)


def test_the_stack_mark_grows_with_use() -> None:
    source = (
        "int __attribute__((noinline)) deep(int n) { volatile char room[64]; room[0] = (char)n;"
        " int rest = n != 0 ? deep(n - 1) : 0; return rest + 0 * room[0]; }"
    )
    with Session(F746) as session:
        code = session.load(source)
        code["deep"](1)
        shallow = session.stack_used_bytes
        code["deep"](11)
        assert shallow + 10 * 64 <= session.stack_used_bytes < shallow + 10 * 128


BOARD_OF_MY_OWN = """
word_size_bytes = 4
thumb = true
comms = "virtual"
server_addr = "127.0.0.1"
server_port = 6666
code = ["sram1"]
heap = ["sram1", "dtcm"]
section_sizes = { args = 2048, heap = 100_000, workspace = 8192, stack = 1024 }
startup = '''
    .syntax unified
    .thumb
    .section .text.Reset, "ax", %progbits
    .global Reset
    .type Reset, %function
Reset:
    ldr r0, =0xE000ED88
    ldr r1, =0x00F00000
    str r1, [r0]
    dsb
    isb
    ldr r0, =utvm_stack_top
    mov sp, r0
    ldr r0, =0x20012340
    ldr r1, =0xC0FFEE
    str r1, [r0]
    bl utvm_start
    .ltorg
'''
"""


def test_a_board_file_of_ones_own_with_its_start_up_snippet(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    text = (DATA / "stm32f746-disco.toml").read_text(encoding="utf-8")
    path.write_text(text.replace('name = "stm32f746-disco"', 'name = "mine"') + BOARD_OF_MY_OWN, encoding="utf-8")
    with Session(path) as session:
        code = session.load(ARITHMETIC)
        x = session.tensor((1,), "int32")
        assert session.board.region("sram1").contains(x.addr)
        code["increment"](x)
        assert x.numpy().tolist() == [1]
        assert session.transport.read(0x2001_2340, 4) == (0xC0FFEE).to_bytes(4, "little")
        with pytest.raises(OutOfDeviceMemory, match=r"hosted\.section_sizes\.heap = 100,000"):
            session.tensor((100_000,), "int8")


def test_a_program_of_another_word_is_refused_before_anything_starts() -> None:
    with pytest.raises(UsageError, match="choose one of virtual, arena, qemu"):
        Session(F746, "carrier-pigeon")
    with pytest.raises(BoardError, match="no board is named"):
        Session("nobody")
    with pytest.raises(TransportError, match=r"127\.0\.0\.1:1"):
        Session(F746, "gdb://127.0.0.1:1")


def test_the_package_opens_sessions_and_imports_them_late() -> None:
    assert utvm.Session is Session
    script = "import utvm, sys; print('numpy' in sys.modules, 'tvm' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
    with pytest.raises(AttributeError, match="no attribute 'Sessions'"):
        utvm.Sessions  # noqa: B018


def test_results_of_the_last_call() -> None:
    with Session(F746) as session:
        with pytest.raises(UsageError, match="no call was made"):
            _ = session.last_cycles
        code = session.load(ARITHMETIC)
        x = session.tensor(np.zeros(1, np.int32))
        code["increment"](x)
        once = session.last_cycles
        code["increment"](x, repeat=100)
        assert 20 * once < session.last_cycles < 100 * once
