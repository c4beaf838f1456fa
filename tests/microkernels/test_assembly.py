"""The assembler toolkit: schedules keep what code means, pipelines count what they should."""

from __future__ import annotations

import numpy as np
import pytest

from utvm.boards import Core, load_board
from utvm.errors import CodegenError
from utvm.microkernels.assembly import FLAGS, AssemblyFunction, Instruction, Kind, cycles, schedule, supports
from utvm.microkernels.assembly.operations import (
    advance,
    alu,
    alu_shifted,
    branch,
    compare_bytes,
    constant,
    extend,
    ldr,
    ldr_post,
    load_subword,
    mov,
    multiply,
    select_bytes,
    shift,
    smlad,
    ssat,
    store,
    store_post,
)

M7 = load_board("stm32f746-disco").core
M4 = load_board("nucleo-l4r5zi").core
M33 = load_board("nucleo-u575zi-q").core
CORES = [pytest.param(core, id=core.name) for core in (M7, M4, M33)]
REGISTERS = [f"r{index}" for index in range(6)]


def random_instruction(rng: np.random.Generator) -> Instruction:
    a, b, c = (str(name) for name in rng.choice(REGISTERS, 3))
    offset = 4 * int(rng.integers(0, 3))
    space = str(rng.choice(["x", "y"]))
    makers = [
        lambda: ldr(a, b, offset, space),
        lambda: ldr_post(a, "r6", 4, space),
        lambda: load_subword("ldrsb", a, b, offset, space),
        lambda: store("str", a, b, offset, space),
        lambda: store_post("strb", a, "r7", 1, space),
        lambda: smlad(a, b, c, a),
        lambda: multiply("smmulr", a, b, c),
        lambda: alu("add", a, b, c),
        lambda: alu("subs", a, b, 3),
        lambda: alu_shifted("add", a, b, c, "asr", 31),
        lambda: shift("asr", a, b, 5),
        lambda: extend("sxtb16", a, b, 8),
        lambda: ssat(a, 8, b),
        lambda: compare_bytes(a, b, c),
        lambda: select_bytes(a, b, c),
        lambda: mov(a, b),
    ]
    return makers[int(rng.integers(len(makers)))]()


def meaning(block: list[Instruction]) -> dict[str, object]:
    """Final registers and the history of every memory space, each value as the text and values it was made of."""
    state: dict[str, object] = {}
    for instruction in block:
        operands = tuple(state.get(name, name) for name in instruction.read_registers)
        seen = state.get(f"memory {instruction.space}", "") if instruction.space else ""
        value = hash((instruction.text, operands, seen))
        if instruction.kind is Kind.STORE:
            state[f"memory {instruction.space}"] = value
        for register in instruction.writes:
            state[register] = hash((register, value))
    return state


@pytest.mark.parametrize("core", CORES)
def test_a_schedule_computes_the_same(core: Core) -> None:
    rng = np.random.default_rng(3)
    for _ in range(60):
        block = [random_instruction(rng) for _ in range(int(rng.integers(1, 40)))]
        ordered = schedule(block, core)
        assert sorted(item.text for item in ordered) == sorted(item.text for item in block)
        assert meaning(ordered) == meaning(block)
        assert cycles(ordered, core) <= cycles(block, core)


def taps(words: int) -> list[Instruction]:
    """The inner loop of a 2x2 convolution tile, in the order one would write it down."""
    block = []
    for word in range(words):
        block += [ldr("r10", "r1", 4 * word, "w"), ldr("r8", "r0", 4 * word, "x"), ldr("r9", "r0", 4 * word + 32, "x")]
        block += [extend("sxtb16", "r11", "r10"), smlad("r5", "r8", "r10", "r5"), smlad("r7", "r9", "r10", "r7")]
        block += [smlad("r4", "r8", "r11", "r4"), smlad("r6", "r9", "r11", "r6")]
    return [*block, alu("subs", "r12", "r12", 1), branch("ne", "1b")]


def test_one_multiplication_a_cycle_on_the_m7() -> None:
    ordered = schedule(taps(12), M7, loop=True)
    assert 48 <= cycles(ordered, M7, loop=True) <= 51
    assert ordered[-1].kind is Kind.BRANCH


def test_a_single_issue_core_needs_a_cycle_an_instruction() -> None:
    ordered = schedule(taps(12), M33, loop=True)
    assert len(ordered) <= cycles(ordered, M33, loop=True) <= len(ordered) + 2


@pytest.mark.parametrize(
    ("block", "m7", "m4", "m33"),
    [
        ([mov("r0", "r1"), mov("r2", "r3")], 1, 2, 2),
        ([ldr("r0", "r1"), alu("add", "r0", "r0", 1)], 2, 3, 3),
        ([ldr("r0", "r1"), ldr("r2", "r1", 4)], 2, 2, 2),
        ([ldr("r0", "r1", bank=0), ldr("r2", "r1", 4, bank=0)], 1, 2, 2),
        ([ldr("r0", "r1"), ldr("r2", "r0")], 3, 3, 3),
        ([smlad("r0", "r1", "r2", "r0"), smlad("r0", "r3", "r4", "r0")], 2, 2, 2),
        ([smlad("r0", "r1", "r2", "r0"), alu("add", "r0", "r0", 1)], 3, 2, 3),
        ([ldr("r0", "r1"), smlad("r2", "r0", "r3", "r2")], 3, 3, 3),
        ([extend("sxtb16", "r0", "r1"), smlad("r2", "r3", "r4", "r2")], 1, 2, 2),
        ([smlad("r2", "r3", "r4", "r2"), extend("sxtb16", "r0", "r1")], 2, 2, 2),
        ([smlad("r2", "r3", "r4", "r2"), store("strb", "r0", "r1")], 2, 2, 2),
        ([shift("asr", "r0", "r1", 3), ssat("r0", 8, "r0")], 2, 2, 2),
        ([ssat("r0", 8, "r1"), store("strb", "r0", "r2")], 1, 2, 3),
    ],
    ids=lambda value: "; ".join(item.text for item in value) if isinstance(value, list) else None,
)
def test_pipelines_count(block: list[Instruction], m7: int, m4: int, m33: int) -> None:
    assert [cycles(block, core) for core in (M7, M4, M33)] == [m7, m4, m33]


def test_large_steps_and_constants_take_two_instructions() -> None:
    assert [item.text for item in advance("r0", 4095)] == ["add r0, r0, #4095"]
    assert [item.text for item in advance("r0", -5000)] == ["sub r0, r0, #4096", "sub r0, r0, #904"]
    assert advance("r0", 0) == []
    assert [item.text for item in constant("r3", -2)] == ["movw r3, #65534", "movt r3, #65535"]
    with pytest.raises(ValueError, match="too long"):
        advance("r0", 1 << 20)
    with pytest.raises(ValueError, match="offset 4096"):
        ldr("r0", "r1", 4096)


def test_cores_without_dsp_or_pipeline_are_refused() -> None:
    plain = load_board("nucleo-g0b1re").core
    assert not supports(plain)
    with pytest.raises(CodegenError, match="cortex-m4, cortex-m7, cortex-m33"):
        schedule([mov("r0", "r1")], plain)


def test_a_function_has_what_a_linker_needs() -> None:
    function = AssemblyFunction("utvm_f", "void utvm_f(int32_t a)", M7, stack_bytes=8)
    function.block([function.stack_argument("r4", 4)])
    function.label(1)
    function.block([alu("subs", "r4", "r4", 1), branch("ne", "1b")], loop=True)
    text = function.unit().text
    for line in (
        ".section .text.utvm_f",
        ".thumb_func",
        ".global utvm_f",
        "ldr r4, [sp, #44]",
        ".size utvm_f, . - utvm_f",
    ):
        assert line in text
    assert function.block_cycles == [1, 1]
    assert FLAGS in alu("subs", "r4", "r4", 1).writes


def test_loops_for_the_cortex_m4_have_32_bit_instructions_only() -> None:
    body = [ldr("r3", "r1", 8), smlad("r4", "r3", "r5", "r4"), *advance("r1", 515), alu("subs", "r2", "r2", 1)]
    texts = {}
    for core in (M4, M7):
        function = AssemblyFunction("utvm_f", "void utvm_f(void)", core)
        function.block([*body, branch("ne.w", "1b")], loop=True)
        texts[core.name] = function.unit().text
    for line in ("ldr.w r3, [r1, #8]", "smlad r4, r3, r5, r4", "add r1, r1, #515", "subs.w r2, r2, #1"):
        assert line in texts["cortex-m4"]
    assert ".w r" not in texts["cortex-m7"]
