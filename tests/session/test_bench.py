"""Calls of a program that run one by one: cycles that depend on nothing else, limits, and boards that stay."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from tests.schedules.conv2d_cases import Convolution
from utvm.boards import load_board
from utvm.codegen.program import Program
from utvm.errors import CycleLimitError, DeviceFault, KernelError, TransportError, TransportTimeout, UsageError
from utvm.schedules import PORTABLE, Schedule, default_schedule
from utvm.session.bench import Bench
from utvm.session.benches import Benches
from utvm.session.hosted import HostedSession
from utvm.transports import CycleCounting, Transport, VirtualBoardTransport
from utvm.tuning.batch import Experiment
from utvm.tuning.tasks import places_of

F746 = load_board("stm32f746-disco")
TIMEOUT_S = 30.0


def experiment(channels: int = 4) -> Experiment:
    (place,) = places_of(Convolution((1, 6, 6, channels), 4, (3, 3)).model(), F746)
    return Experiment(place)


def two_schedules(of: Experiment) -> list[Schedule]:
    return [PORTABLE, default_schedule(of.site, of.place.scratch_limit_bytes)]


def with_kernel(program: Program, index: int, body: str) -> Program:
    """The program with other statements in a kernel, which uses none of its parameters."""
    kernel = next(kernel for kernel in program.kernels if kernel.name == program.calls[index].kernel)
    unnamed = ", ".join(f"{c_type} *p{number}" for number, c_type in enumerate(kernel.parameters))
    unused = " ".join(f"(void)p{number};" for number in range(len(kernel.parameters)))
    definition = f"int32_t {kernel.name}({unnamed}) {{ {unused} {body} }}"
    changed = replace(kernel, definition=definition)
    return replace(program, kernels=tuple(changed if item is kernel else item for item in program.kernels))


def cycles_of(bench: Bench, of: Experiment, index: int) -> int:
    run = bench.run_call(index, of.inputs, TIMEOUT_S)
    (truth,) = of.truth
    np.testing.assert_array_equal(run.outputs[of.output_name(index, 0)], truth)
    return run.cycles


@pytest.fixture(scope="module")
def opened() -> list[VirtualBoardTransport]:
    return []


@pytest.fixture(scope="module")
def benches(opened: list[VirtualBoardTransport]) -> Iterator[Benches]:
    def open_board() -> Transport:
        opened.append(VirtualBoardTransport(F746.name, counting=CycleCounting(memory="board")))
        return opened[-1]

    with Benches(F746, open_board) as made:
        yield made


def test_cycles_depend_neither_on_order_nor_on_what_the_board_did_before(
    benches: Benches, opened: list[VirtualBoardTransport]
) -> None:
    one, other = experiment(), experiment(channels=8)
    program = one.program(F746, two_schedules(one))
    boards = max(len(opened), 1)
    with benches(program) as bench:
        first = [cycles_of(bench, one, index) for index in (0, 1)]
        assert [cycles_of(bench, one, index) for index in (1, 0)] == first[::-1]
    with benches(other.program(F746, two_schedules(other))) as bench:
        assert cycles_of(bench, other, 1) != first[1]
    with benches(program) as bench:
        assert [cycles_of(bench, one, index) for index in (0, 1)] == first
    assert len(opened) == boards, "one board served them all"
    assert first[0] > first[1]


def test_a_call_is_stopped_at_its_limit_and_the_next_one_runs(benches: Benches) -> None:
    of = experiment()
    with benches(of.program(F746, two_schedules(of))) as bench:
        needed = cycles_of(bench, of, 0)
        with pytest.raises(CycleLimitError, match="more than"):
            bench.run_call(0, of.inputs, TIMEOUT_S, most_cycles=needed // 2)
        assert bench.run_call(0, of.inputs, TIMEOUT_S, most_cycles=2 * needed).cycles == needed
        assert cycles_of(bench, of, 0) == needed


def test_what_a_kernel_does_not_write_is_not_what_another_one_wrote(benches: Benches) -> None:
    of = experiment()
    program = with_kernel(of.program(F746, two_schedules(of)), 1, "return 0;")
    with benches(program) as bench:
        cycles_of(bench, of, 0)
        run = bench.run_call(1, of.inputs, TIMEOUT_S)
    assert set(run.outputs[of.output_name(1, 0)].view(np.uint8).reshape(-1)) == {0xA5}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("*(volatile int32_t *)0xDEAD0000U = 1; return 0;", DeviceFault),
        ("return 7;", KernelError),
        ("for (volatile int32_t i = 0; i >= 0;) i = 1; return 0;", TransportTimeout),
    ],
)
def test_a_call_that_goes_wrong_leaves_the_others_usable(
    benches: Benches, opened: list[VirtualBoardTransport], body: str, error: type[Exception]
) -> None:
    of = experiment()
    boards = max(len(opened), 1)
    with benches(with_kernel(of.program(F746, two_schedules(of)), 1, body)) as bench:
        before = cycles_of(bench, of, 0)
        with pytest.raises(error):
            bench.run_call(1, of.inputs, 1.0)
        assert cycles_of(bench, of, 0) == before
    assert len(opened) == boards


def test_a_board_that_died_is_replaced(benches: Benches, opened: list[VirtualBoardTransport]) -> None:
    of = experiment()
    program = of.program(F746, two_schedules(of))
    with pytest.raises(TransportError), benches(program) as bench:
        before = cycles_of(bench, of, 1)
        os.kill(opened[-1].process.pid, signal.SIGKILL)
        bench.run_call(1, of.inputs, TIMEOUT_S)
    with benches(program) as bench:
        assert cycles_of(bench, of, 1) == before


def test_another_boards_program_is_refused(benches: Benches) -> None:
    of = experiment()
    program = replace(of.program(F746, two_schedules(of)), board="another")
    with pytest.raises(UsageError, match="another"), benches(program):
        pass


def test_the_same_hosted() -> None:
    of = experiment()
    with HostedSession(of.program(F746, two_schedules(of)), F746) as session:
        for index in (0, 1, 0):
            run = session.run_call(index, of.inputs, TIMEOUT_S)
            np.testing.assert_array_equal(run.outputs[of.output_name(index, 0)], of.truth[0])
            assert run.cycles > 0
