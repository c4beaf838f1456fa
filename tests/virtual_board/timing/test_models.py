"""The core models: what one rule each says, that it can be switched, and what must hold for all of them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.virtual_board.timing.native import library
from tests.virtual_board.timing.programs import (
    ADD_R0_R1_R2_WIDE,
    ADD_R0_R3_R1_WIDE,
    ADD_R3_R4_R5_WIDE,
    ADDS_R0_R1_R2,
    BOARDS,
    DATA,
    LDR_R3_R7,
    LDR_R4_R6,
    LDR_R4_R7_4,
    LDR_R4_R7_8,
    MUL_R0_R1_R2,
    MUL_R3_R1_R2,
    NOP,
    STR_R5_R7,
    cycles_each,
    program,
)
from utvm.errors import UsageError
from utvm.virtual_board.timing import models, parse_timing, rules
from utvm.virtual_board.timing.model import native_rule_names
from utvm.virtual_board.timing.rules import ONE_CYCLE

BNE_BACK_4 = 0xD1FC  # to two halfwords before
COUNT_DOWN = (0x3801, BNE_BACK_4 + 1)  # subs r0, #1; bne to it


@pytest.mark.parametrize(
    ("code", "cycles"),
    [
        ((*ADD_R0_R1_R2_WIDE, *ADD_R3_R4_R5_WIDE), 1),
        ((*MUL_R0_R1_R2, *LDR_R3_R7), 1),
        ((*MUL_R0_R1_R2, *STR_R5_R7), 2),
        ((*MUL_R0_R1_R2, *MUL_R3_R1_R2), 2),
        ((*LDR_R3_R7, *LDR_R4_R7_4), 1),
        ((*LDR_R3_R7, *LDR_R4_R7_8), 2),
        ((*LDR_R3_R7, *STR_R5_R7), 1),
        ((*STR_R5_R7, *STR_R5_R7), 2),
    ],
)
def test_m7_pairs(code: tuple[int, ...], cycles: float) -> None:
    assert cycles_each(code) == cycles


@pytest.mark.parametrize(
    ("rule", "code", "off", "on"),
    [
        ("mac-load-pairing", (*MUL_R0_R1_R2, *LDR_R3_R7), 2, 1),
        ("mac-store-pairing", (*MUL_R0_R1_R2, *STR_R5_R7), 2, 1),
        ("load-bank-conflicts", (*LDR_R3_R7, *LDR_R4_R7_8), 1, 2),
        ("load-load-pairing", (*LDR_R3_R7, *LDR_R4_R7_4), 2, 1),
        ("dual-issue", (*ADD_R0_R1_R2_WIDE, *ADD_R3_R4_R5_WIDE), 2, 1),
    ],
)
def test_a_switched_rule_changes_the_count(rule: str, code: tuple[int, ...], off: float, on: float) -> None:
    assert cycles_each(code, f"cortex-m7,{rule}=off") == off
    assert cycles_each(code, f"cortex-m7,{rule}=on") == on


def test_m7_banks_of_unrelated_pointers_are_looked_at() -> None:
    code = (*LDR_R3_R7, *LDR_R4_R6)
    assert cycles_each(code, r6=DATA + 0x100, r7=DATA) == 2
    assert cycles_each(code, r6=DATA + 0x104, r7=DATA) == 1


def test_m7_unaligned_loads_cost_more() -> None:
    aligned, unaligned = cycles_each(LDR_R3_R7, r7=DATA), cycles_each(LDR_R3_R7, r7=DATA + 1)
    assert unaligned == aligned + 3 or unaligned == 4  # a load alone and its penalty


def test_m7_predicts_a_loop_after_its_first_turns() -> None:
    loop = program(COUNT_DOWN)
    loop.run(r0=10)
    short, long = loop.run(r0=1000), loop.run(r0=2000)
    assert long - short == 1000, "subs and bne pair; a predicted branch costs nothing"


def test_m7_mispredictions_cost_more_right_after_the_flags() -> None:
    code = (*COUNT_DOWN, *NOP)
    untrained = program(code).run(r0=3)
    cheaper = program(code, "cortex-m7,mispredict=0").run(r0=3)
    assert untrained - cheaper == 2 * 8, "the first turn back, and the exit"


def test_m4_loads_overlap() -> None:
    add = ADD_R0_R1_R2_WIDE
    assert cycles_each((*LDR_R3_R7, *add), "cortex-m4") == 3
    assert cycles_each((*LDR_R3_R7, *LDR_R4_R7_4, *LDR_R4_R6, *add), "cortex-m4") == 5, "three loads are N + 1"
    assert cycles_each((*LDR_R3_R7, *LDR_R4_R7_4, *LDR_R4_R6, *add), "cortex-m4,load-pipelining=off") == 7


def test_m33_load_to_use() -> None:
    assert cycles_each((*LDR_R3_R7, *ADD_R0_R3_R1_WIDE), "cortex-m33") == 3
    assert cycles_each((*LDR_R3_R7, *ADD_R0_R1_R2_WIDE), "cortex-m33") == 2


def test_m0plus_costs_are_fixed() -> None:
    assert cycles_each(ADDS_R0_R1_R2, "cortex-m0plus") == 1
    assert cycles_each((0x683B,), "cortex-m0plus") == 2  # ldr r3, [r7]
    assert cycles_each((0xBC07,), "cortex-m0plus") == 4  # pop {r0-r2}


def test_a_profile_adds_up_to_the_counter() -> None:
    loop = program((*COUNT_DOWN, *NOP))
    cycles = loop.run(r0=200)
    blocks = list(loop.timing.blocks())
    assert sum(block.cycles for block in blocks) == cycles
    busiest = max(blocks, key=lambda block: block.runs)
    assert (busiest.runs, busiest.instructions, busiest.mispredictions) == (200, 2, 2)
    assert busiest.branch_cycles == 2 * 8
    slots = sum(sum(block.lost_slots.values()) + block.runs * block.instructions for block in blocks)
    assert 2 * cycles - 1 <= slots <= 2 * cycles, "every slot but the last is used or accounted for"
    loop.timing.forget()
    assert list(loop.timing.blocks()) == []


def test_one_cycle_counts_instructions() -> None:
    from utvm.boards import load_board

    code = (*MUL_R0_R1_R2, *LDR_R3_R7, *NOP)
    assert program(code, ONE_CYCLE, board=load_board("stm32f746-disco")).run() == 3


@pytest.mark.parametrize("model", [name for name in models() if name != ONE_CYCLE])
def test_rules_are_the_same_in_python_and_c(model: str) -> None:
    assert native_rule_names(library(), model) == tuple(rule.name for rule in rules(model))


@pytest.mark.parametrize("model", models())
def test_every_rule_is_explained(model: str) -> None:
    names = [rule.name for rule in rules(model)]
    assert len(names) == len(set(names))
    for rule in rules(model):
        assert rule.meaning
        assert rule.source
        assert 0 <= rule.default <= rule.highest
        assert all(0 <= value <= rule.highest and value != rule.default for value in rule.doubt)


@pytest.mark.parametrize("model", sorted(BOARDS))
def test_a_counter_never_runs_backwards(model: str) -> None:
    """Single steps settle the counter inside blocks; a whole run does not."""
    loop = program((0x683B, 0x18C9, *COUNT_DOWN), model)  # ldr r3, [r7]; adds r1, r3; ...
    for name, value in (("r7", DATA), ("r0", 20), ("pc", 0x0800_1000), ("xpsr", 1 << 24)):
        loop.engine.write(name, value)
    seen = [loop.engine.cycles]
    for _ in range(20):
        loop.engine.run(step=True)
        seen.append(loop.engine.cycles)
    assert seen == sorted(seen)
    assert seen[-1] > seen[0]


@pytest.mark.parametrize("model", sorted(BOARDS))
@pytest.mark.parametrize("memory_timing", ["zero-wait", "board"])
def test_counts_are_the_same_in_every_process(model: str, memory_timing: str) -> None:
    script = (
        "from tests.virtual_board.timing.programs import program\n"
        f"p = program((0x683B, 0x18C9, 0x6875, 0x603D, 0x3801, 0xD1F9), {model!r}, {memory_timing!r})\n"
        "print([p.run(r0=n) for n in (1, 5, 100, 1000, 100)])"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            check=True,
            env={
                "PYTHONHASHSEED": seed,
                "PATH": "/usr/bin:/bin",
                "PYTHONPATH": ":".join(filter(None, sys.path)),
                **_home(),
            },
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert "[" in outputs.pop()


def _home() -> dict[str, str]:
    import os

    return {key: os.environ[key] for key in ("HOME", "XDG_CACHE_HOME") if key in os.environ}


def test_a_choice_reads_back_as_it_was_written() -> None:
    choice = parse_timing("cortex-m7,mispredict=7,mac-load-pairing=off", "cortex-m4")
    assert str(choice) == "cortex-m7,mac-load-pairing=off,mispredict=7"
    assert parse_timing(str(choice), "cortex-m7") == choice
    assert parse_timing("mispredict=7", "cortex-m7").model == "cortex-m7"
    assert parse_timing("mispredict=8", "cortex-m7").changes == ()
    assert parse_timing(None, "cortex-m55").model == ONE_CYCLE
    assert choice.with_rule("mispredict", 9).values() != choice.values()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cortex-m8", "no timing model is named 'cortex-m8'; there are cortex-m7"),
        ("cortex-m7,mac=off", "cortex-m7 has no rule 'mac'; it has dual-issue"),
        ("cortex-m7,mac-load-pairing=maybe", "mac-load-pairing takes on or off, not 'maybe'"),
        ("cortex-m7,mispredict=-1", "mispredict takes a number from 0 to 200, not '-1'"),
        ("cortex-m7,mispredict", "mispredict takes a number"),
    ],
)
def test_a_wrong_choice_is_named(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_timing(text, "cortex-m7")
