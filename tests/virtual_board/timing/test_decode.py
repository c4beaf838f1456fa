"""The decoder against capstone: all 16-bit encodings, and many 32-bit ones."""

from __future__ import annotations

import random
from collections.abc import Iterator

import capstone
import pytest
from capstone import arm

from tests.virtual_board.timing.native import FLAGS, FP_FLAGS, PC, S0, Instruction, decode

# Not in the Armv7-M or Armv8-M baseline that the boards have: capstone decodes more than a Cortex-M does.
NOT_ON_THESE_CORES = (
    "hlt",
    "smc",
    "hvc",
    "crc32",
    "udf",
    "trap",
    "dbg",
    "vdup",
    "vjcvt",
    "vins",
    "vmovx",
    "sg",
    "bxns",
    "blxns",
    "tt",
    "msr",
    "vlldm",
    "vlstm",
)
NEON = ("vld1", "vld2", "vld3", "vld4", "vst1", "vst2", "vst3", "vst4", "aes", "sha", "fldm", "fstm")


@pytest.fixture(scope="module")
def disassembler() -> capstone.Cs:
    found = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS | capstone.CS_MODE_V8)
    found.detail = True
    return found


def bits_of(register: int) -> int:
    if arm.ARM_REG_R0 <= register <= arm.ARM_REG_R12:
        return 1 << int(register - arm.ARM_REG_R0)
    if arm.ARM_REG_S0 <= register <= arm.ARM_REG_S31:
        return 1 << int(S0 + register - arm.ARM_REG_S0)
    if arm.ARM_REG_D0 <= register <= arm.ARM_REG_D15:
        return 3 << int(S0 + 2 * (register - arm.ARM_REG_D0))
    return {arm.ARM_REG_SP: 1 << 13, arm.ARM_REG_LR: 1 << 14}.get(register, 0)


def named(found: capstone.CsInsn) -> int:
    """Every register in the text of an instruction."""
    bits = 0
    for operand in found.operands:
        if operand.type == arm.ARM_OP_REG:
            bits |= bits_of(operand.reg)
        elif operand.type == arm.ARM_OP_MEM:
            bits |= bits_of(operand.mem.base) | bits_of(operand.mem.index)
    return bits


def ignored() -> int:
    return 1 << PC | 1 << FLAGS | 1 << FP_FLAGS


def random_encodings(count: int) -> Iterator[bytes]:
    """32-bit encodings, with those groups in which few random bits are defined drawn more often."""
    source = random.Random(7)
    dense = (0xEC00, 0xED00, 0xEE00, 0xEE80, 0xEEB0, 0xFA00, 0xFA80, 0xFB00, 0xFB80, 0xF300, 0xE800, 0xE900, 0xF800)
    for _ in range(count):
        first = source.choice((source.randrange(0xE800, 0x10000), source.choice(dense) | source.randrange(256)))
        second = source.randrange(0x10000)
        if first & 0xEC00 == 0xEC00:
            second = second & ~0xF00 | source.choice((0xA00, 0xB00))
        if first >> 8 == 0xFA:
            second |= 0xF000
        if first & 0xFFD0 == 0xFA90:  # CLZ, REV and kin name their operand twice
            first = first & ~0xF | second & 0xF
        yield first.to_bytes(2, "little") + second.to_bytes(2, "little")


def is_ours(found: capstone.CsInsn) -> bool:
    """Whether the boards' cores have this instruction, with registers that are allowed."""
    mnemonic = found.mnemonic
    if mnemonic.startswith(NOT_ON_THESE_CORES) or mnemonic.startswith(NEON):
        return False
    is_float = found.size == 4 and found.bytes[1] in (0xEC, 0xED, 0xEE, 0xFE) and found.bytes[3] & 0xE == 0xA
    if mnemonic.startswith("v") and not is_float:
        return False
    registers = [operand.reg for operand in found.operands if operand.type == arm.ARM_OP_REG]
    if any(
        arm.ARM_REG_D16 <= register <= arm.ARM_REG_D31 or arm.ARM_REG_Q0 <= register <= arm.ARM_REG_Q15
        for register in registers
    ):
        return False
    if mnemonic.startswith("vmov") and any(operand.vector_index >= 0 for operand in found.operands):
        return False  # one half of a double register: capstone names the whole
    if mnemonic.startswith(("vmaxnm", "vminnm", "vrint", "vsel", "vcvta", "vcvtn", "vcvtp", "vcvtm")):
        return found.bytes[1] in (0xEE, 0xFE)
    return True


def same_registers(found: capstone.CsInsn, ours: Instruction) -> bool:
    mentioned = named(found) & ~ignored()
    mnemonic = found.mnemonic
    if mnemonic.startswith(("push", "pop", "vpush", "vpop")):
        mentioned |= 1 << 13
    if mnemonic.startswith(("bl", "blx")) and ours.writes >> 14 & 1:
        mentioned |= 1 << 14
    return mentioned == (ours.reads | ours.writes) & ~ignored()


def test_every_16_bit_encoding(disassembler: capstone.Cs) -> None:
    wrong, seen = [], 0
    for code in (number.to_bytes(2, "little") for number in range(0xE800)):
        found = next(disassembler.disasm(code, 0x1000), None)
        ours = decode(code)
        assert ours.size_bytes == 2
        if found is None or not is_ours(found):
            continue
        seen += 1
        _, written = found.regs_access()
        writes = 0
        for register in written:
            writes |= bits_of(register)
        if found.mnemonic.startswith(("svc", "bl")):
            writes = ours.writes
        sets_flags = found.update_flags or found.mnemonic in ("cmp", "cmn", "tst")
        if (
            not ours.kind
            or not same_registers(found, ours)
            or writes & ~ignored() != ours.writes & ~ignored()
            or bool(sets_flags) != bool(ours.writes >> FLAGS & 1)
        ):
            wrong.append(f"{code.hex()} {found.mnemonic} {found.op_str}: kind {ours.kind}")
    assert not wrong, wrong[:20]
    assert seen > 57_000


def test_random_32_bit_encodings(disassembler: capstone.Cs) -> None:
    wrong, seen = [], 0
    for code in random_encodings(60_000):
        found = next(disassembler.disasm(code, 0x1000), None)
        if found is None or found.size != 4 or not is_ours(found):
            continue
        ours = decode(code)
        seen += 1
        if not ours.kind or ours.size_bytes != 4 or not same_registers(found, ours):
            wrong.append(
                f"{code.hex()} {found.mnemonic} {found.op_str}: kind {ours.kind}, "
                f"reads {ours.reads:#x}, writes {ours.writes:#x}"
            )
    assert not wrong, "\n".join(wrong[:30])
    assert seen > 20_000
