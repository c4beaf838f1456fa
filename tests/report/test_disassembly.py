"""Thumb code as text and kinds."""

from __future__ import annotations

import pytest

from utvm.report.disassembly import disassemble, instruction_mix


@pytest.mark.parametrize(
    ("code", "text", "kind"),
    [
        ("0868", "ldr r0, [r1]", "load"),
        ("2de9f047", "push.w {r4, r5, r6, r7, r8, sb, sl, lr}", "store"),
        ("80bd", "pop {r7, pc}", "load"),
        ("21fb0243", "smlad r3, r1, r2, r4", "multiply"),
        ("91fbf2f3", "sdiv r3, r1, r2", "multiply"),
        ("4843", "muls r0, r1, r0", "multiply"),
        ("fcd1", "bne #0xfc", "branch"),
        ("7047", "bx lr", "branch"),
        ("00f000f8", "bl #0x104", "branch"),
        ("90ed000a", "vldr s0, [r0]", "load"),
        ("70ee200a", "vadd.f32 s1, s0, s1", "floating point"),
        ("20f00100", "bic r0, r0, #1", "arithmetic"),
        ("08bf", "it eq", "other"),
        ("00be", "bkpt #0", "other"),
        ("4fea0010", "lsl.w r0, r0, #4", "arithmetic"),
    ],
)
def test_one_instruction(code: str, text: str, kind: str) -> None:
    (instruction,) = disassemble(bytes.fromhex(code), 0x100)
    assert (instruction.text, instruction.kind, instruction.size_bytes) == (text, kind, len(code) // 2)


def test_what_is_no_instruction_is_shown_as_data() -> None:
    found = disassemble(bytes.fromhex("ffffffff0868"), 0)
    assert found[0].text == ".word 0xffffffff"
    assert [instruction.addr for instruction in found] == [0, 4]
    assert instruction_mix(found)["load"] == 1
    assert instruction_mix(found)["other"] == 1
