"""Profiles: what blocks cost adds up to the counter, whatever the timing model."""

from __future__ import annotations

import pytest

from tests.virtual_board.conftest import RawClient
from tests.virtual_board.firmware import BKPT, CODE, DTCM, NOP, Bench, bne, ldr, mov32, movs, subs
from utvm.boards import load_board
from utvm.transports.block_profile import parse_profile
from utvm.virtual_board.machine import Machine
from utvm.virtual_board.profile import format_blocks
from utvm.virtual_board.timing import parse_timing

LOOPS = 1000
LOOP = (*mov32(1, LOOPS), *mov32(2, DTCM), NOP, ldr(3, 2), subs(1, 1), bne(-6), BKPT)
LOOP_ADDR = CODE + 16


def timed(timing: str, memory: str = "zero-wait") -> Bench:
    board = load_board("stm32f746-disco")
    machine = Machine(board, parse_timing(timing, board.core.name), "board" if memory == "board" else "zero-wait")
    machine.attach()
    return Bench(machine)


@pytest.mark.parametrize(
    ("timing", "memory"), [("one-cycle", "zero-wait"), ("cortex-m7", "zero-wait"), ("cortex-m7", "board")]
)
def test_blocks_add_up_to_the_counters(timing: str, memory: str) -> None:
    bench = timed(timing, memory)
    machine = bench.machine
    bench.load(*LOOP)
    machine.profiler.start()
    instructions, cycles = machine.instructions, machine.cycles
    machine.resume()
    machine.profiler.stop()
    blocks = machine.profiler.blocks()
    assert sum(block.cycles for block in blocks) == machine.cycles - cycles
    assert sum(block.instructions for block in blocks) == machine.instructions - instructions
    loop = next(block for block in blocks if block.runs > 1)
    assert (loop.runs, loop.instructions) == (LOOPS - 1, 4 * (LOOPS - 1))  # the first time is part of what precedes
    if timing == "cortex-m7":
        assert loop.details["lost-load-use"] == 0
        assert {"lost-pairing", "fetch-stalls", "data-stalls", "mispredictions"} <= set(loop.details)
    else:
        assert loop.details == {}


def test_a_profile_begins_anew_and_covers_nothing_outside() -> None:
    bench = timed("cortex-m7")
    machine = bench.machine
    bench.run(*LOOP)
    assert machine.profiler.blocks() == ()
    counts = []
    for _ in range(2):
        machine.reset()
        machine.profiler.start()
        machine.resume()
        machine.profiler.stop()
        counts.append({(block.addr, block.size_bytes): block.runs for block in machine.profiler.blocks()})
        bench.run(*LOOP)
    assert counts[0] == counts[1]
    details = [block.details for block in machine.profiler.blocks()]
    assert all(value <= 2 * LOOPS for known in details for value in known.values())


def test_stops_in_the_middle_of_blocks_lose_nothing() -> None:
    bench = timed("cortex-m7")
    machine = bench.machine
    bench.load(*LOOP)
    machine.profiler.start()
    cycles = machine.cycles
    machine.set_breakpoint(LOOP_ADDR + 4)
    for _ in range(5):
        machine.resume()
        machine.step()
    machine.clear_breakpoint(LOOP_ADDR + 4)
    machine.resume()
    assert sum(block.cycles for block in machine.profiler.blocks()) == machine.cycles - cycles


def test_code_that_changes_is_counted_by_address() -> None:
    bench = timed("cortex-m7")
    machine = bench.machine
    machine.profiler.start()
    bench.run(movs(0, 1), BKPT)
    bench.run(movs(0, 2), BKPT)
    (block,) = [block for block in machine.profiler.blocks() if block.instructions]
    assert (block.addr, block.runs, block.instructions) == (CODE, 2, 2)


def test_the_text_is_read_back() -> None:
    bench = timed("cortex-m7")
    bench.load(*LOOP)
    bench.machine.profiler.start()
    bench.machine.resume()
    blocks = bench.machine.profiler.blocks()
    read = parse_profile(format_blocks(blocks))
    assert [(block.addr, block.runs, block.cycles) for block in read] == [
        (block.addr, block.runs, block.cycles) for block in blocks
    ]
    assert [dict(block.details) for block in read] == [dict(block.details) for block in blocks]


def test_monitor_commands(client: RawClient) -> None:
    def monitor(command: str) -> str:
        client.send(b"$qRcmd,%s#%02x" % (command.encode().hex().encode(), _checksum(command)))
        text = ""
        while (reply := client.receive_packet())[:1] == b"O" and reply != b"OK":
            text += bytes.fromhex(reply[1:].decode()).decode()
        assert reply == b"OK"
        return text

    assert monitor("profile start") == "profile started\n"
    assert monitor("profile stop") == "profile stopped\n"
    assert monitor("profile dump") == "addr size runs instructions cycles\n"
    assert "profile start" in monitor("profile nonsense")
    assert monitor("timing").splitlines() == [
        "timing cortex-m7",
        "memory zero-wait",
        "modelled: cortex-m7, zero-wait memory",
    ]


def _checksum(command: str) -> int:
    return sum(b"qRcmd," + command.encode().hex().encode()) & 0xFF
