"""Parts of the session without a board: queue encoding, signatures, wrappers, fault records, source lines."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from utvm.boards import load_board
from utvm.runtime.rv32_fault_record import RV32_FAULT_RECORD_BYTES, decode_rv32_fault
from utvm.session.call import Call
from utvm.session.signatures import Signature, read_signatures
from utvm.session.source_lines import find_place
from utvm.session.task_queue import Task, TaskQueue
from utvm.session.wrappers import can_wrap, wrapper_source
from utvm.toolchain import find_compiler


def task(args: tuple[int, ...], *, shares: bool = False, slots: int = 0) -> Task:
    return Task(Call("f", 1, lambda: None), 0x101, args, 2, (), result_slots=slots, shares_args=shares)


@pytest.mark.parametrize("word_bytes", [4, 8])
def test_the_queue_is_header_tasks_arguments(word_bytes: int) -> None:
    queue = TaskQueue(1000, 1000, word_bytes)
    for item in (task((7, 8), shares=True), task((7, 8), shares=True), task((7, 8)), task((9,), slots=2)):
        queue.append(item)
    data = queue.encode(0x1000)
    layout, word = ("<IIII", "I") if word_bytes == 4 else ("<QQII", "Q")
    size = struct.calcsize(layout)
    assert struct.unpack_from("<IIiI", data) == (4, 0, 0, 0)
    args_addr = 0x1000 + 16 + 4 * size
    tasks = [struct.unpack_from(layout, data, 16 + index * size) for index in range(4)]
    assert [item[1] - args_addr for item in tasks] == [0, 0, 2 * word_bytes, 4 * word_bytes]
    assert [(item[0], item[2], item[3]) for item in tasks] == [(0x101, 2, 2)] * 3 + [(0x101, 1, 2)]
    assert struct.unpack_from(f"<7{word}", data, 16 + 4 * size) == (7, 8, 7, 8, 9, 0, 0)
    before, after = queue.reply_extent()
    assert (before, after) == (4 * 12, len(data))
    results = b"".join(struct.pack("<Qi", cycles, 0) for cycles in (4, 3, 2, 1 << 40))
    # Results lie backwards before the header: the first task's is the last.
    reply = queue.decode(results + struct.pack("<IIiI", 4, 4, 0, 0) + data[16:])
    assert [outcome.cycles for outcome in reply.outcomes] == [1 << 40, 2, 3, 4]
    assert reply.outcomes[3].returned == bytes(2 * word_bytes)


def test_a_run_that_stopped_early_gives_the_outcomes_so_far() -> None:
    queue = TaskQueue(1000, 1000, 4)
    for _ in range(3):
        queue.append(task(()))
    results = struct.pack("<Qi", 99, 99) + struct.pack("<Qi", 5, -3) + struct.pack("<Qi", 4, 0)
    reply = queue.decode(results + struct.pack("<IIiI", 3, 1, -1001, 64))
    assert [(outcome.cycles, outcome.status) for outcome in reply.outcomes] == [(4, 0), (5, -3)]
    assert (reply.error, reply.detail) == (-1001, 64)


def test_room_is_that_of_results_and_of_tasks() -> None:
    few_results, few_words = TaskQueue(24, 1000, 4), TaskQueue(1000, 16 + 2 * 16 + 2 * 4, 4)
    for queue in (few_results, few_words):
        for _ in range(2):
            assert queue.has_room_for(task((1,)))
            queue.append(task((1,)))
        assert not queue.has_room_for(task((1,)))


SOURCE = """
#include <stdint.h>
typedef const volatile uint16_t *reading;
enum colour { red, green };
struct pair { int a, b; };
int32_t plain(void **args) { return args == 0; }
void pointers(const int8_t *x, float *y, char *text, void *any, struct pair *p, reading r) {
    y[0] = (float)(x[0] + text[0] + *(int8_t *)any + p->a + r[0]);
}
double scalars(_Bool flag, enum colour c, unsigned char b, long long wide) { return flag + c + b + (double)wide; }
int32_t variadic(int n, ...) { return n; }
static int hidden(int x) { return x; }
int uses_hidden(int x) { return hidden(x); }
"""


@pytest.fixture(scope="module", name="signatures", params=["gcc", "zig"])
def read_source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Signature]:
    compiler = find_compiler(load_board("stm32f746-disco"), request.param)
    folder = tmp_path_factory.mktemp("signatures")
    (folder / "source.c").write_text(SOURCE, encoding="utf-8")
    found = read_signatures(compiler.compile(folder / "source.c", folder / "source.o"))
    assert found is not None
    return found


pytestmark = pytest.mark.arm_gcc


def test_signatures_are_those_of_the_source(signatures: dict[str, Signature]) -> None:
    assert set(signatures) == {"plain", "pointers", "scalars", "variadic", "uses_hidden"}
    assert signatures["plain"].is_task
    types = [parameter.ctype for parameter in signatures["pointers"].parameters]
    assert [item.element for item in types] == ["int8", "float32", None, None, None, "uint16"]
    assert [item.writable for item in types] == [False, True, True, True, True, False]
    scalars = signatures["scalars"]
    assert all(item.ctype.kind == "int" for item in scalars.parameters)
    # gcc takes the smallest type that holds the enum, as Arm's ABI has it; zig takes int.
    assert [item.ctype.size_bytes for item in scalars.parameters] in ([1, 1, 1, 8], [1, 4, 1, 8])
    assert scalars.value is not None
    assert (scalars.value.kind, scalars.value.size_bytes) == ("float", 8)
    assert signatures["uses_hidden"].returns_status
    assert not can_wrap(signatures["variadic"])
    assert str(signatures["uses_hidden"]) == "int uses_hidden(int x)"


def test_wrappers_compile_without_a_warning(signatures: dict[str, Signature], tmp_path: Path) -> None:
    text = wrapper_source([signatures["pointers"], signatures["scalars"], signatures["uses_hidden"]], 4)
    path = tmp_path / "wrappers.c"
    path.write_text(text, encoding="utf-8")
    flags = ("-Wall", "-Wextra", "-Werror", "-Wmissing-prototypes")
    find_compiler(load_board("stm32f746-disco"), "gcc").compile(path, tmp_path / "wrappers.o", extra_flags=flags)


def test_a_trap_of_risc_v_in_words() -> None:
    assert decode_rv32_fault(bytes(RV32_FAULT_RECORD_BYTES)) is None
    record = decode_rv32_fault(struct.pack("<12I", 1, 0x8000_1234, 0x10, 7, *range(8)))
    assert record is not None
    assert record.registers["pc"] == 0x8000_1234
    assert record.fault_addr == 0x10
    assert "write to an address without memory" in str(record)
    interrupt = decode_rv32_fault(struct.pack("<12I", 1, 0, 0, 1 << 31 | 7, *range(8)))
    assert interrupt is not None
    assert "interrupt 7" in str(interrupt)


def test_a_place_that_nothing_knows(tmp_path: Path) -> None:
    assert find_place(tmp_path / "missing.elf", 0) is None
    (tmp_path / "text.elf").write_text("no ELF", encoding="utf-8")
    assert find_place(tmp_path / "text.elf", 0) is None
