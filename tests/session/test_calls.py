"""Calls of plain C functions and of kernels: arguments, results, cycles, laziness; on every kind of core."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tests.session.counting import CountingTransport
from tests.session.sources import ARITHMETIC
from utvm.boards import load_board
from utvm.errors import KernelError, UsageError
from utvm.session.module import Module
from utvm.session.session import Session

F746 = load_board("stm32f746-disco")


@pytest.fixture(scope="module", name="code")
def loaded_code(session: Session) -> Module:
    return session.load(ARITHMETIC, name="arithmetic")


@pytest.fixture(name="counted")
def counted_session() -> Iterator[tuple[Session, CountingTransport]]:
    transport = CountingTransport(F746)
    with Session(F746, transport=transport) as opened:
        yield opened, transport


def test_tensors_in_and_out(session: Session, code: Module) -> None:
    x, y = np.arange(50, dtype=np.int8), np.full(50, 3, np.int8)
    z = session.tensor((50,), "int8")
    code["add"](session.tensor(x), session.tensor(y), z, 50)
    assert np.array_equal(z.numpy(), x + y)


def test_scalars_of_every_width_and_returned_values(code: Module) -> None:
    assert code["mixed"](1.5, 2.0, 100, 7).result == 110.0
    assert code["quotient"](10**15, -7).result == -142857142857142
    assert code["ten"](255, -300, 4_000_000_000, -128, -(2**33), 1, 2, 3, 4, 5).result == (
        255 - 300 + 4_000_000_000 - 128 + 1 + 2 + 3 + 4 + 5
    ) % (1 << 32)
    assert code["status_of"](0).result is None


def test_functions_with_the_kernels_signature_take_words(session: Session, code: Module) -> None:
    target = session.tensor((1,), "int32")
    code["task"](target, 42)
    assert target.numpy().tolist() == [42]
    code["task"](target, -7)
    assert target.numpy().tolist() == [-7]


def test_modules_use_the_runtimes_helpers(session: Session, code: Module) -> None:
    source, target = session.tensor(np.arange(5, dtype=np.int8)), session.tensor((6,), "int8")
    code["copy"](target, source)
    assert target.numpy().tolist() == [0, 1, 2, 3, 4, 0]
    place = session.tensor((1,), "int32")
    first = [code["scratch"](64, place) for _ in range(2)]
    assert all(call.status == 0 for call in first)
    assert int(place.numpy()[0]) % 16 == 0


def test_initialised_variables_keep_their_values_between_runs(session: Session, code: Module) -> None:
    x = session.tensor((1,), "int32")
    seen = []
    for strict in (False, True, True):
        code["count_runs"](x, strict=strict)
        seen.append(int(x.numpy()[0]))
    assert [value - seen[0] for value in seen] == [0, 1, 2]


def test_cycles_grow_with_the_work_and_repetitions(session: Session, code: Module) -> None:
    x = session.tensor((2000,), "int8")
    small, large = code["add"](x, x, x, 200), code["add"](x, x, x, 2000)
    again = code["add"](x, x, x, 200, repeat=10)
    if session.board.name == "host":  # whose clock other programs disturb
        assert 0 < small.cycles < again.cycles
    else:
        assert 8 * small.cycles < large.cycles < 12 * small.cycles
        assert 9 * small.cycles < again.cycles < 11 * small.cycles
    assert session.last_cycles == again.cycles


def test_repetitions_are_made_on_the_device(session: Session, code: Module) -> None:
    x = session.tensor((1,), "int32")
    code["increment"](x, repeat=1000)
    assert x.numpy().tolist() == [1000]


def test_a_status_other_than_0_is_an_error_and_ends_the_batch(session: Session, code: Module) -> None:
    x = session.tensor((1,), "int32")
    before, failing, after = code["increment"](x), code["status_of"](7), code["increment"](x)
    with pytest.raises(KernelError, match=r"status_of on .* returned 7; 1 later calls were not run") as caught:
        session.sync()
    assert caught.value.status == 7
    assert (before.status, failing.status) == (0, 7)
    with pytest.raises(UsageError, match="earlier call of status_of failed"):
        _ = after.cycles
    assert x.numpy().tolist() == [1]


def test_arguments_are_checked_by_the_signature(session: Session, code: Module) -> None:
    x8, x32 = session.tensor((4,), "int8"), session.tensor((4,), "int32")
    add = code["add"]
    for arguments, message in (
        ((x8, x8, x8), r"void add\(const int8_t \* x, .*takes 4 arguments, not 3"),
        ((x32, x8, x8, 4), r"const int8_t \* x cannot point to Tensor\(int32\[4\]"),
        ((x8, x8, x8, x8), r"int n is no pointer"),
        ((x8, x8, x8, 1.5), r"int n takes an integer, not 1\.5"),
        ((x8, x8, x8, 1 << 31), r"2147483648 does not fit int n"),
        ((np.zeros(4, np.int8), x8, x8, 4), r"make it a session\.tensor first"),
    ):
        with pytest.raises(UsageError, match=message):
            add(*arguments)
    with pytest.raises(UsageError, match="repeat=0"):
        add(x8, x8, x8, 4, repeat=0)
    assert session.pending_calls == 0


def test_what_cannot_be_passed_is_said(code: Module) -> None:
    for name in ("sum_of_pair", "many"):
        with pytest.raises(UsageError, match="takes or returns a structure, or a variable number"):
            code[name]
    with pytest.raises(UsageError, match=r"module arithmetic has no function 'addd'; it has .*add.*increment"):
        code["addd"]


def test_1000_calls_lazily_take_few_operations(counted: tuple[Session, CountingTransport]) -> None:
    session, transport = counted
    code = session.load(ARITHMETIC)
    x = session.tensor((1,), "int32")
    transport.counts.clear()
    for _ in range(1000):
        code["increment"](x)
    assert x.numpy().tolist() == [1000]
    lazily = transport.counts.total()
    transport.counts.clear()
    for _ in range(100):
        code["increment"](x, strict=True)
    assert transport.counts == {"write": 100, "execute": 100, "read": 100}
    assert lazily * 40 < 10 * transport.counts.total()


def test_a_full_queue_runs_by_itself_and_reads_run_only_what_they_need(
    counted: tuple[Session, CountingTransport],
) -> None:
    session, transport = counted
    code = session.load(ARITHMETIC)
    x, other = session.tensor((1,), "int32"), session.tensor(np.array([5], np.int32))
    transport.counts.clear()
    code["increment"](x)
    assert other.numpy().tolist() == [5]
    other.write(np.array([6], np.int32))
    assert session.pending_calls == 1
    assert transport.counts["execute"] == 0
    x.write(np.array([10], np.int32))  # an operand of a queued call: that runs first
    assert (session.pending_calls, transport.counts["execute"]) == (0, 1)
    assert x.numpy().tolist() == [10]
    for _ in range(2000):
        code["increment"](x)
    assert 0 < session.pending_calls < 200
    assert x.numpy().tolist() == [2010]


def test_strict_sessions_run_each_call(counted: tuple[Session, CountingTransport]) -> None:
    session, transport = counted
    code = session.load(ARITHMETIC)
    x = session.tensor((1,), "int32")
    session.strict = True
    transport.counts.clear()
    for _ in range(3):
        code["increment"](x)
    assert transport.counts["execute"] == 3
    assert session.pending_calls == 0


def test_arguments_that_no_queue_holds() -> None:
    with Session(F746, queue_bytes=256) as session:
        code = session.load(ARITHMETIC)
        with pytest.raises(UsageError, match="larger queue_bytes"):
            code["task"](*range(100))
        x = session.tensor((1,), "int32")
        for _ in range(20):
            code["increment"](x)
        assert x.numpy().tolist() == [20]
