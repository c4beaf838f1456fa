"""Micro-benchmarks: a few instructions, and how long hardware takes for them according to those who measured it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.timing_validation.harness import Bench, Code, board_for, build
from benchmarks.timing_validation.published import A, B
from utvm.virtual_board.timing.rules.cortex_m0plus import TRM as M0PLUS_TRM
from utvm.virtual_board.timing.rules.cortex_m4 import JNK0LE as M4_JNK0LE
from utvm.virtual_board.timing.rules.cortex_m4 import TRM as M4_TRM
from utvm.virtual_board.timing.rules.cortex_m7 import JNK0LE as M7_JNK0LE
from utvm.virtual_board.timing.rules.cortex_m7 import QUINAPALUS
from utvm.virtual_board.timing.rules.cortex_m33 import JNK0LE as M33_JNK0LE

FEW, MANY = 16, 48


@dataclass(frozen=True)
class MicroBenchmark:
    """Instructions (separated by semicolons) and the cycles they take: per copy in a straight line, or per turn of a
    loop that they themselves close with `1b`, counting r0 down.

    r4 points to words that hold their own address, r5 to zeros; other registers are 0.
    """

    model: str
    name: str
    body: str
    cycles: float
    rules: tuple[str, ...]
    source: str

    @property
    def is_loop(self) -> bool:
        """Whether the body is a loop."""
        return self.body.startswith("1:")


@dataclass(frozen=True)
class MicroResult:
    """Cycles on the model beside the cited ones."""

    micro: MicroBenchmark
    modelled_cycles: float


def _table(model: str, source: str, rows: Iterable[tuple[str, str, float, str]]) -> tuple[MicroBenchmark, ...]:
    return tuple(
        MicroBenchmark(model, name, body, cycles, tuple(rules.split()), source) for name, body, cycles, rules in rows
    )


M7 = (
    *_table("cortex-m7", M7_JNK0LE, (
        ("two independent additions", "add.w r0, r1, r2; add.w r3, r6, r7", 1, "dual-issue"),
        ("multiply + store", "smlad r0, r1, r2, r0; str.w r3, [r4]", 2, "mac-store-pairing"),
        ("two multiplies", "smlad r0, r1, r2, r0; smlad r3, r1, r2, r3", 2, "dual-issue"),
        ("multiply older, addition younger", "smlad r0, r1, r2, r0; add.w r3, r6, r7", 1, "mac-older-slot"),
        ("multiply younger, addition older", "add.w r3, r6, r7; smlad r0, r1, r2, r0", 1, "mac-older-slot"),
        ("bitfield + multiply", "uxtb.w r3, r6; smlad r0, r1, r2, r0", 1, "mac-bitfield-pairing"),
        ("accumulator chain", "smlad r0, r1, r2, r0", 1, "mac-result"),
        ("multiply to late ALU and back", "mul r0, r0, r1; eor.w r0, r0, r2", 3, "mac-result"),
        ("multiply to shifted operand and back", "mul r0, r0, r1; eor.w r0, r2, r0, ror #3", 4, "mac-to-early"),
        ("two bitfield operations", "uxtb.w r0, r1; uxtb.w r2, r3", 2, "bitfield-younger-slot"),
        ("bitfield older, addition younger", "uxtb.w r0, r1; add.w r3, r6, r7", 1, "bitfield-younger-slot"),
        ("two shifted operands", "add.w r0, r1, r2, lsl #3; add.w r3, r6, r7, lsl #3", 2, "shifter-pairing"),
        ("two shifted constants", "eor.w r0, r1, #0x1fc0; eor.w r2, r3, #0x1fc0", 2, "shifter-pairing"),
        ("two pattern constants", "eor.w r0, r1, #0x1b1b1b1b; eor.w r2, r3, #0x1b1b1b1b", 1, "shifter-pairing"),
        ("shifted operand + bitfield insert", "bfi r0, r1, #3, #5; add.w r3, r6, r7, lsl #3", 2, "shifter-pairing"),
        ("two plain shifts", "lsl.w r0, r1, #3; ror.w r2, r3, #7", 1, "shifter-pairing"),
        ("early result into the late ALU", "add.w r0, r1, r2; eor.w r3, r0, r6; uxtb.w r6, r7; nop.w", 2, "early-alu"),
        ("MOVW and MOVT of one register", "movw r0, #1234; movt r0, #4321; uxtb.w r6, r7; nop.w", 2, "early-alu"),
        ("late result to shifted operand and back", "eor.w r0, r1, r0, ror #3", 2, "early-use-extra"),
        ("word load to address", "ldr.w r4, [r4]", 2, "load-result early-use-extra"),
        ("word load to late ALU to address", "ldr.w r4, [r4]; eor.w r4, r4, r0", 3, "load-result early-use-extra"),
        ("word load to shifted operand to address", "ldr.w r6, [r5, r6]; eor.w r6, r0, r6, ror #3", 4,
         "load-result early-use-extra"),
        ("byte load to late ALU to address", "ldrb.w r6, [r5, r6]; eor.w r6, r6, r0", 4, "subword-load-extra"),
        ("byte load to address", "ldrb.w r6, [r5, r6]", 3, "subword-load-extra"),
        ("word load to multiplicand to address", "ldr.w r6, [r5, r6]; mul r6, r6, r0", 5, "load-to-mac mac-to-early"),
        ("word load to UXTB to address", "ldr.w r6, [r5, r6]; uxtb.w r6, r6", 3, "load-result early-use-extra"),
        ("word load to SXTB16 with a rotation to address", "ldr.w r6, [r5, r6]; sxtb16 r6, r6, ror #8", 3,
         "load-result early-use-extra"),
        ("word load to UBFX to address", "ldr.w r6, [r5, r6]; ubfx r6, r6, #3, #5", 4, "load-result early-use-extra"),
        ("word load beside an early operand", "ldr.w r6, [r5, r6]; add.w r6, r6, r0, lsl #3", 4,
         "load-beside-early-operand"),
        ("loads of two banks", "ldr.w r0, [r4]; ldr.w r1, [r4, #4]", 1, "load-load-pairing"),
        ("loads of one bank", "ldr.w r0, [r4]; ldr.w r1, [r4, #8]", 2, "load-bank-conflicts"),
        ("loads of one bank, two pointers", "ldr.w r0, [r4]; ldr.w r1, [r5]", 2, "load-bank-conflicts"),
        ("load + store", "ldr.w r0, [r4]; str.w r1, [r5]", 1, "load-store-pairing"),
        ("load and store of its value", "ldr.w r0, [r4]; str.w r0, [r5]", 1, "load-store-pairing"),
        ("two stores", "str.w r0, [r4]; str.w r1, [r5]", 2, "load-store-pairing"),
        ("post-indexed loads of one pointer", "ldr.w r0, [r4], #4", 1, "early-alu"),
        ("unaligned load + addition", "ldr.w r0, [r4, #1]; add.w r1, r2, r3", 4, "unaligned-load"),
        ("LDRD", "ldrd r0, r1, [r4]", 1, "multiple-registers-per-cycle"),
        ("LDM of five", "ldm.w r4, {r0, r1, r2, r3, r6}", 3, "multiple-registers-per-cycle"),
        ("STM of four", "stm.w r4, {r0, r1, r2, r3}", 2, "multiple-registers-per-cycle"),
        ("loop of eight instructions, predicted", "1: add.w r1, r2, r3; add.w r6, r7, r8; add.w r1, r2, r3; "
         "add.w r6, r7, r8; add.w r1, r2, r3; add.w r6, r7, r8; subs.w r0, r0, #1; bne.w 1b", 4, "taken-branch"),
        ("not-taken branch between additions", "cmp.w r0, #1; add.w r1, r2, r3; add.w r6, r7, r8; beq.w 2f; 2:", 2,
         "branch-pairing"),
        ("VMOV to a core register, to the late ALU", "vmov r0, s0; eor.w r0, r0, r1; vmov s0, r0", 5, "fp-to-core"),
        ("VADD chain", "vadd.f32 s0, s0, s1", 3, "fp-result"),
        ("VMUL chain", "vmul.f32 s0, s0, s1", 3, "fp-result"),
        ("VFMA chain through the accumulator", "vfma.f32 s0, s1, s2", 3, "fp-fused-result"),
        ("VFMA chain through a factor", "vfma.f32 s0, s0, s2", 5, "fp-fused-result"),
        ("three interleaved VFMA", "vfma.f32 s0, s3, s4; vfma.f32 s1, s3, s4; vfma.f32 s2, s3, s4", 3,
         "fp-fused-result"),
        ("VDIV", "vdiv.f32 s0, s1, s2", 16, "fp-divide"),
        ("VSQRT", "vsqrt.f32 s0, s1", 14, "fp-square-root"),
    )),
    *_table("cortex-m7", QUINAPALUS, (
        ("multiply + load", "mla r0, r1, r2, r0; ldr.w r3, [r4]", 1, "mac-load-pairing"),
        ("load + multiply", "ldr.w r3, [r4]; mul r0, r1, r2", 1, "mac-load-pairing"),
    )),
)  # fmt: skip

M4 = (
    *_table("cortex-m4", M4_TRM, (
        ("load + addition", "ldr.w r0, [r4]; add.w r1, r2, r3", 3, "load-extra"),
        ("four loads + addition", "ldr.w r0, [r4]; ldr.w r1, [r4, #4]; ldr.w r6, [r4, #8]; ldr.w r7, [r4, #12]; "
         "add.w r2, r2, r3", 6, "load-pipelining"),
        ("store + addition", "str.w r0, [r4]; add.w r1, r2, r3", 2, "load-after-store"),
        ("LDM of four", "ldm.w r4, {r0, r1, r2, r3}", 5, "multiple-extra"),
        ("PUSH and POP of four", "push {r0-r3}; pop {r0-r3}", 10, "multiple-extra"),
        ("LDRD", "ldrd r0, r1, [r4]", 3, "pair"),
        ("MUL", "mul r0, r1, r2", 1, "multiply"),
        ("SMLAD", "smlad r0, r1, r2, r0", 1, "multiply-accumulate"),
        ("SMLAL", "smlal r0, r1, r2, r3", 1, "long-multiply"),
        ("loop of two instructions", "1: subs.w r0, r0, #1; bne.w 1b", 4, "branch-refill"),
        ("VADD chain", "vadd.f32 s0, s0, s1", 2, "fp-result"),
        ("two independent VMLA", "vmla.f32 s0, s1, s2; vmla.f32 s3, s1, s2", 6, "fp-accumulate"),
        ("VDIV", "vdiv.f32 s0, s1, s2", 14, "fp-divide"),
    )),
    *_table("cortex-m4", M4_JNK0LE, (
        ("load + store", "ldr.w r0, [r4]; str.w r0, [r5]; add.w r1, r2, r3", 3, "load-pipelining"),
        ("load + NOP", "ldr.w r0, [r4]; nop.w", 2, "load-hides-nop"),
        ("store + load + addition", "str.w r0, [r5]; ldr.w r0, [r4]; add.w r1, r2, r3", 5, "load-after-store"),
        ("store with a register offset + addition", "str.w r0, [r5, r6]; add.w r1, r2, r3", 3, "store-register-offset"),
        ("address computed just before", "add.w r6, r4, r0; ldr.w r1, [r6]; add.w r2, r2, r3", 5, "address-hazard"),
        ("post-indexed loads of one pointer", "ldr.w r0, [r4], #4; ldr.w r1, [r4], #4", 4, "writeback-chaining"),
        ("post-indexed loads of two pointers", "ldr.w r0, [r4], #4; ldr.w r1, [r5], #4; add.w r2, r2, r3", 4,
         "writeback-chaining"),
    )),
)  # fmt: skip

M33 = _table("cortex-m33", M33_JNK0LE, (
    ("load + its use", "ldr.w r0, [r4]; add.w r1, r0, r2", 3, "load-result"),
    ("load + something else", "ldr.w r0, [r4]; add.w r1, r2, r3", 2, "load-result"),
    ("load into an accumulator", "ldr.w r0, [r4]; mla r1, r2, r3, r0", 2, "load-to-accumulator"),
    ("load and store of its value", "ldr.w r0, [r4]; str.w r0, [r5]", 2, "load-to-store"),
    ("accumulator chain", "mla r0, r1, r2, r0", 1, "multiply-result"),
    ("multiply + its use", "mul r0, r1, r2; add.w r3, r0, r2", 3, "multiply-result"),
    ("shifted operand chain", "eor.w r0, r1, r0, ror #3", 2, "shifted-result"),
    ("QSUB chain", "qsub r0, r0, r1", 2, "dsp-result"),
    ("MULS", "muls r0, r1, r0", 2, "flag-setting-multiply"),
    ("flag-setting shifted constant", "adds.w r0, r1, #0x1fc0", 2, "flag-setting-multiply"),
    ("LDM of four", "ldm.w r4, {r0, r1, r2, r3}", 4, ""),
    ("LDRD", "ldrd r0, r1, [r4]", 2, "pair"),
    ("two 16-bit additions", "adds r0, r1, r2; adds r3, r6, r7", 2, "nop-folding"),
    ("16-bit NOP and addition", "nop; adds r3, r6, r7", 1, "nop-folding"),
    ("IT behind a 16-bit addition", "adds r0, r1, r2; it eq; addeq r3, r6, r7", 2, "it-folding"),
    ("taken branch behind its flags", "1: subs r0, #1; bne 1b", 3, "branch-taken branch-folding"),
    ("taken branch behind an addition that sets none", "1: subs r0, #1; add r8, r1; bne 1b", 3,
     "branch-taken branch-folding"),
    ("VADD chain", "vadd.f32 s0, s0, s1", 2, "fp-result"),
    ("VFMA chain through the accumulator", "vfma.f32 s0, s1, s2", 3, "fp-accumulate"),
))  # fmt: skip

M0PLUS = _table("cortex-m0plus", M0PLUS_TRM, (
    ("addition", "adds r0, r1, r2", 1, ""),
    ("MULS", "muls r0, r1, r0", 1, "multiply"),
    ("load", "ldr r0, [r4]", 2, "load-store"),
    ("store", "str r0, [r5]", 2, "load-store"),
    ("LDM of three", "ldm r4, {r0, r1, r2, r4}", 5, "multiple-extra"),
    ("PUSH and POP of four", "push {r0-r3}; pop {r0-r3}", 10, "multiple-extra"),
    ("loop of two instructions", "1: subs r0, #1; bne 1b", 3, "branch-taken"),
))  # fmt: skip

BENCHMARKS = (*M7, *M4, *M33, *M0PLUS)


def run_micro(benchmarks: Iterable[MicroBenchmark], timing: str | None = None) -> list[MicroResult]:
    """Run those of one model; they are assembled together."""
    benchmarks = list(benchmarks)
    model = benchmarks[0].model
    code = _assemble(benchmarks)
    results = []
    for number, micro in enumerate(benchmarks):
        bench = Bench(code, board_for(model), timing or model)
        bench.memory.write(A - 16, b"".join(A.to_bytes(4, "little") for _ in range(0x200)))
        if micro.is_loop:
            bench.call(f"micro_{number}", {"r0": 8 * FEW})
            few, many = (bench.call(f"micro_{number}", {"r0": count * 8}) for count in (FEW, MANY))
            results.append(MicroResult(micro, (many - few) / (8 * (MANY - FEW))))
        else:
            registers = {"r4": A, "r5": B}
            few, many = (bench.call(f"micro_{number}_{count}", registers) for count in (FEW, MANY))
            results.append(MicroResult(micro, (many - few) / (MANY - FEW)))
    return results


def _assemble(benchmarks: list[MicroBenchmark]) -> Code:
    text = [".syntax unified", ".thumb", ".text"]
    for number, micro in enumerate(benchmarks):
        body = [line.strip() for line in micro.body.split(";")]
        if micro.is_loop:
            text += _function(f"micro_{number}", body)
        else:
            text += _function(f"micro_{number}_{FEW}", [f".rept {FEW}", *body, ".endr"])
            text += _function(f"micro_{number}_{MANY}", [f".rept {MANY}", *body, ".endr"])
    return build([("micro.S", "\n".join(text) + "\n")], board_for(benchmarks[0].model))


def _function(name: str, lines: list[str]) -> list[str]:
    return [".balign 8", f".global {name}", ".thumb_func", f"{name}:", *lines, "bx lr"]
