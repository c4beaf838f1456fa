"""Position-independent machine code for the conformance suite, per instruction set."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Snippets:
    """Functions of two words. `result` is the register they return in, `entry_bit` is added to entry addresses."""

    add: bytes
    subtract: bytes
    endless: bytes
    load_word: bytes
    """Reads the word that its argument points to."""
    undefined: bytes
    count: bytes
    """Increments register `counter`, which its argument sets, for ever."""
    count_branch_offset: int
    """Bytes from the start of `count` to its branch."""
    result: str
    counter: str
    entry_bit: int = 0


THUMB = Snippets(
    add=bytes.fromhex("4018 7047"),  # adds r0, r0, r1; bx lr
    subtract=bytes.fromhex("401a 7047"),  # subs r0, r0, r1; bx lr
    endless=bytes.fromhex("fee7"),  # b .
    load_word=bytes.fromhex("0068 7047"),  # ldr r0, [r0]; bx lr
    undefined=bytes.fromhex("00de"),  # udf #0
    count=bytes.fromhex("0130 fde7"),  # loop: adds r0, #1; b loop
    count_branch_offset=2,
    result="r0",
    counter="r0",
    entry_bit=1,
)

RV32 = Snippets(
    add=bytes.fromhex("3305b500 67800000"),  # add a0, a0, a1; ret
    subtract=bytes.fromhex("3305b540 67800000"),  # sub a0, a0, a1; ret
    endless=bytes.fromhex("6f000000"),  # j .
    load_word=bytes.fromhex("03250500 67800000"),  # lw a0, 0(a0); ret
    undefined=bytes.fromhex("00000000"),
    count=bytes.fromhex("13051500 6ff0dfff"),  # loop: addi a0, a0, 1; j loop
    count_branch_offset=4,
    result="a0",
    counter="a0",
)

X86_64 = Snippets(
    add=bytes.fromhex("8d0437 c3"),  # lea eax, [rdi + rsi]; ret
    subtract=bytes.fromhex("89f8 29f0 c3"),  # mov eax, edi; sub eax, esi; ret
    endless=bytes.fromhex("ebfe"),  # jmp .
    load_word=bytes.fromhex("8b07 c3"),  # mov eax, [rdi]; ret
    undefined=bytes.fromhex("0f0b"),  # ud2
    count=bytes.fromhex("ffc7 ebfc"),  # loop: inc edi; jmp loop
    count_branch_offset=2,
    result="rax",
    counter="rdi",
)
