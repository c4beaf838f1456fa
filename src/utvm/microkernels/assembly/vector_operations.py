"""Constructors of the integer vector instructions of Armv8.1-M: "q0" ... "q7" are vectors, "r0" ... are core registers.

An operand that may be either is told by its name: a core register stands for that value in every lane.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from utvm.microkernels.assembly.instruction import PREDICATE, Instruction, Kind, Use

BYTES = 16
"""Of a vector."""

_LATE, _EARLY = Use.LATE, Use.EARLY
_LARGEST_STEP = 127


def _address(base: str, offset: int, scale: int) -> str:
    if abs(offset) > _LARGEST_STEP * scale or offset % scale:
        raise ValueError(f"no vector load or store reaches offset {offset}")
    return f"[{base}, #{offset}]" if offset else f"[{base}]"


def _element_bytes(mnemonic: str) -> int:
    """Of memory, by the letter: vldrb.s32 loads bytes."""
    return {"b": 1, "h": 2, "w": 4}[mnemonic[4]]


def vector_load(mnemonic: str, qd: str, base: str, offset: int = 0, space: str = "memory") -> Instruction:
    """`vldrb.u8`, `vldrb.s16`, `vldrb.s32`, `vldrw.u32`, ... from consecutive memory."""
    text = f"{mnemonic} {qd}, {_address(base, offset, _element_bytes(mnemonic))}"
    return Instruction(text, Kind.VECTOR_LOAD, ((base, _EARLY),), (qd,), space)


def vector_load_post(mnemonic: str, qd: str, base: str, step: int, space: str = "memory") -> Instruction:
    """The same, then advance the base by `step` bytes, which must be in an offset's reach."""
    _address(base, step, _element_bytes(mnemonic))
    text = f"{mnemonic} {qd}, [{base}], #{step}"
    return Instruction(text, Kind.VECTOR_LOAD, ((base, _EARLY),), (qd, base), space, base_update=base)


def vector_store(mnemonic: str, qd: str, base: str, offset: int = 0, space: str = "memory") -> Instruction:
    """`vstrb.8`, `vstrb.16`, `vstrb.32` (the low byte of each lane), `vstrw.32`."""
    text = f"{mnemonic} {qd}, {_address(base, offset, _element_bytes(mnemonic))}"
    return Instruction(text, Kind.VECTOR_STORE, ((qd, Use.STORED), (base, _EARLY)), (), space)


def vector_store_post(mnemonic: str, qd: str, base: str, step: int, space: str = "memory") -> Instruction:
    """The same, then advance the base."""
    _address(base, step, _element_bytes(mnemonic))
    text = f"{mnemonic} {qd}, [{base}], #{step}"
    reads = ((qd, Use.STORED), (base, _EARLY))
    return Instruction(text, Kind.VECTOR_STORE, reads, (base,), space, base_update=base)


def vector_scatter(mnemonic: str, qd: str, base: str, offsets: str, space: str = "memory") -> Instruction:
    """Each lane to its own place: base plus that lane of `offsets`, in bytes."""
    reads = ((qd, Use.STORED), (base, _EARLY), (offsets, _EARLY))
    elements = 128 // int(mnemonic.partition(".")[2])
    return Instruction(f"{mnemonic} {qd}, [{base}, {offsets}]", Kind.VECTOR_STORE, reads, (), space, elements=elements)


def vector_gather(mnemonic: str, qd: str, base: str, offsets: str, space: str = "memory") -> Instruction:
    """Each lane from its own place: base plus that lane of `offsets`, in bytes, without sign."""
    elements = 128 // int(mnemonic.partition(".")[2][1:])
    text = f"{mnemonic} {qd}, [{base}, {offsets}]"
    return Instruction(text, Kind.VECTOR_LOAD, ((base, _EARLY), (offsets, _EARLY)), (qd,), space, elements=elements)


def vector(mnemonic: str, qd: str, qn: str, operand: str | int) -> Instruction:
    """Lanewise sums, logic, comparisons, shifts: `vadd.i32`, `vqadd.s32`, `vmax.s8`, `vand`, `vshr.s32` by a constant.

    Shifts by a vector or core register's lanes are to the left; negative ones to the right.
    """
    kind = Kind.VECTOR_ROUND if mnemonic.startswith(("vr", "vqshl", "vqr", "vshl")) else Kind.VECTOR
    if isinstance(operand, int):
        return Instruction(f"{mnemonic} {qd}, {qn}, #{operand}", kind, ((qn, _LATE),), (qd,))
    if operand.startswith("r") and mnemonic.split(".")[0] in ("vshl", "vrshl"):
        if qd != qn:
            raise ValueError(f"{mnemonic} by a core register is done in place")
        return Instruction(f"{mnemonic} {qd}, {operand}", kind, ((qd, _LATE), (operand, _LATE)), (qd,))
    return Instruction(f"{mnemonic} {qd}, {qn}, {operand}", kind, ((qn, _LATE), (operand, _LATE)), (qd,))


def vector_multiply(mnemonic: str, qd: str, qn: str, operand: str) -> Instruction:
    """`vmul.i32`, `vmulh.s32` (the high half), `vqrdmulh.s32` (the rounded high half of twice the product)."""
    reads = ((qn, Use.MULTIPLICAND), (operand, Use.MULTIPLICAND))
    return Instruction(f"{mnemonic} {qd}, {qn}, {operand}", Kind.VECTOR_MULTIPLY, reads, (qd,))


def vector_multiply_add(mnemonic: str, qd: str, qn: str, rm: str) -> Instruction:
    """`vmla.s32`: qd += qn * rm."""
    reads = ((qn, Use.MULTIPLICAND), (rm, Use.MULTIPLICAND), (qd, Use.ACCUMULATOR))
    return Instruction(f"{mnemonic} {qd}, {qn}, {rm}", Kind.VECTOR_MULTIPLY, reads, (qd,))


def dot(rd: str, qn: str, qm: str, accumulate: bool) -> Instruction:
    """rd = the sum of sixteen products of signed bytes, plus rd if `accumulate`. rd is an even register, or lr."""
    reads = [(qn, Use.MULTIPLICAND), (qm, Use.MULTIPLICAND)]
    if accumulate:
        reads.append((rd, Use.ACCUMULATOR))
    text = f"vmladav{'a' if accumulate else ''}.s8 {rd}, {qn}, {qm}"
    return Instruction(text, Kind.VECTOR_REDUCE, tuple(reads), (rd,))


def lane_pair(qd: str, low: int, first: str, second: str) -> Instruction:
    """Two core registers into lanes `low` (0 or 1) and `low` + 2."""
    reads = ((first, _LATE), (second, _LATE), (qd, _LATE))
    return Instruction(f"vmov {qd}[{low + 2}], {qd}[{low}], {first}, {second}", Kind.LANES, reads, (qd,))


def lanes(qd: str, values: Sequence[str]) -> list[Instruction]:
    """Four core registers into the lanes of a vector."""
    return [lane_pair(qd, low, values[low], values[low + 2]) for low in (0, 1)]


def count_up(qd: str, rn: str, bits: int) -> Instruction:
    """Lanes of rn, rn + 1, ...; rn, which is even, is moved on."""
    return Instruction(f"vidup.u{bits} {qd}, {rn}, #1", Kind.VECTOR, ((rn, _LATE),), (qd, rn))


def splat(qd: str, rt: str, bits: int) -> Instruction:
    """One value in every lane."""
    return Instruction(f"vdup.{bits} {qd}, {rt}", Kind.VECTOR, ((rt, _LATE),), (qd,))


def predicate(rn: str, bits: int) -> Instruction:
    """The first rn lanes (of `bits` bits) are those that `predicated` instructions touch."""
    return Instruction(f"vctp.{bits} {rn}", Kind.VECTOR, ((rn, _LATE),), (PREDICATE,))


def predicated(instruction: Instruction) -> Instruction:
    """The instruction for lanes of the predicate only; a load puts 0 into the others."""
    mnemonic, operands = instruction.text.split(" ", 1)
    name, dot_, form = mnemonic.partition(".")
    text = f"vpst\n    {name}t{dot_}{form} {operands}"
    return replace(instruction, text=text, reads=(*instruction.reads, (PREDICATE, _EARLY)))


def loop_start(count: str) -> Instruction:
    """Begin a low-overhead loop of `count` rounds, at least one; lr counts."""
    return Instruction(f"dls lr, {count}", Kind.ALU, ((count, _LATE),), ("lr",))


def loop_end(label: str) -> Instruction:
    """Count lr down; branch to the label unless that was the last round."""
    return Instruction(f"le lr, {label}", Kind.BRANCH, (("lr", _LATE),), ("lr",))


def while_rounds(count: str, label: str) -> Instruction:
    """The same, but to the label if there are no rounds."""
    return Instruction(f"wls lr, {count}, {label}", Kind.BRANCH, ((count, _LATE),), ("lr",))


def while_elements(count: str, bits: int, label: str) -> Instruction:
    """Begin a loop over `count` elements whose last round touches those left over; to the label if there are none."""
    return Instruction(f"wlstp.{bits} lr, {count}, {label}", Kind.BRANCH, ((count, _LATE),), ("lr",))


def next_elements(label: str) -> Instruction:
    """The end of such a loop."""
    return Instruction(f"letp lr, {label}", Kind.BRANCH, (("lr", _LATE),), ("lr",))
