"""Constructors of instructions, named by their mnemonics. Operands are register names ("r0" ... "r12", "lr", "sp")."""

from __future__ import annotations

from utvm.microkernels.assembly.instruction import FLAGS, GE, Instruction, Kind, Use

_LATE, _EARLY, _FACTOR = Use.LATE, Use.EARLY, Use.MULTIPLICAND
_LARGEST_OFFSET = 4095
_SMALLEST_OFFSET = -255


def _address(base: str, offset: int) -> str:
    if not _SMALLEST_OFFSET <= offset <= _LARGEST_OFFSET:
        raise ValueError(f"no load or store reaches offset {offset}")
    return f"[{base}, #{offset}]" if offset else f"[{base}]"


def _bank(offset: int, bank: int | None) -> int | None:
    """The bank of an access at `offset` from a base whose own bank is `bank`."""
    return None if bank is None else (bank + (offset >> 2)) & 1


# -- loads and stores ---------------------------------------------------------------------------------------------


def ldr(rt: str, base: str, offset: int = 0, space: str = "memory", bank: int | None = None) -> Instruction:
    """Load a word. `bank`: bit 2 of the base register, if known."""
    return Instruction(
        f"ldr {rt}, {_address(base, offset)}",
        Kind.LOAD,
        ((base, _EARLY),),
        (rt,),
        space,
        _bank(offset, bank),
    )


def ldr_post(rt: str, base: str, step: int, space: str = "memory") -> Instruction:
    """Load a word, then advance the base by `step` bytes (-255 ... 255)."""
    text = f"ldr {rt}, [{base}], #{step}"
    return Instruction(text, Kind.LOAD, ((base, _EARLY),), (rt, base), space, base_update=base)


def ldr_pre(rt: str, base: str, step: int, space: str = "memory") -> Instruction:
    """Advance the base by `step` bytes (-255 ... 255), then load a word from there."""
    text = f"ldr {rt}, [{base}, #{step}]!"
    return Instruction(text, Kind.LOAD, ((base, _EARLY),), (rt, base), space, base_update=base)


def load_subword(mnemonic: str, rt: str, base: str, offset: int = 0, space: str = "memory") -> Instruction:
    """ldrb, ldrsb, ldrh or ldrsh."""
    return Instruction(f"{mnemonic} {rt}, {_address(base, offset)}", Kind.LOAD_SUBWORD, ((base, _EARLY),), (rt,), space)


def load_indexed(mnemonic: str, rt: str, base: str, index: str, shift: int = 0, space: str = "memory") -> Instruction:
    """ldr, ldrb, ldrsb, ldrh or ldrsh of [base, index, lsl #shift]."""
    kind = Kind.LOAD if mnemonic == "ldr" else Kind.LOAD_SUBWORD
    text = f"{mnemonic} {rt}, [{base}, {index}{f', lsl #{shift}' if shift else ''}]"
    return Instruction(text, kind, ((base, _EARLY), (index, _EARLY)), (rt,), space)


def store(mnemonic: str, rt: str, base: str, offset: int = 0, space: str = "memory") -> Instruction:
    """str, strh or strb."""
    return Instruction(
        f"{mnemonic} {rt}, {_address(base, offset)}", Kind.STORE, ((rt, Use.STORED), (base, _EARLY)), (), space
    )


def store_post(mnemonic: str, rt: str, base: str, step: int, space: str = "memory") -> Instruction:
    """str, strh or strb, then advance the base by `step` bytes (-255 ... 255)."""
    text = f"{mnemonic} {rt}, [{base}], #{step}"
    return Instruction(text, Kind.STORE, ((rt, Use.STORED), (base, _EARLY)), (base,), space, base_update=base)


def store_pre(mnemonic: str, rt: str, base: str, step: int, space: str = "memory") -> Instruction:
    """Advance the base by `step` bytes (-255 ... 255), then str, strh or strb there."""
    text = f"{mnemonic} {rt}, [{base}, #{step}]!"
    return Instruction(text, Kind.STORE, ((rt, Use.STORED), (base, _EARLY)), (base,), space, base_update=base)


def store_indexed(mnemonic: str, rt: str, base: str, index: str, space: str = "memory") -> Instruction:
    """str, strh or strb to [base, index]."""
    reads = ((rt, Use.STORED), (base, _EARLY), (index, _EARLY))
    return Instruction(f"{mnemonic} {rt}, [{base}, {index}]", Kind.STORE, reads, (), space)


# -- products -----------------------------------------------------------------------------------------------------


def accumulate(mnemonic: str, rd: str, rn: str, rm: str, ra: str) -> Instruction:
    """smlad, smmlar, mla, smlabb and kin: rd = ra + product of rn and rm."""
    reads = ((rn, _FACTOR), (rm, _FACTOR), (ra, Use.ACCUMULATOR))
    return Instruction(f"{mnemonic} {rd}, {rn}, {rm}, {ra}", Kind.MAC, reads, (rd,))


def smlad(rd: str, rn: str, rm: str, ra: str) -> Instruction:
    """Two signed products of half-words, added to ra."""
    return accumulate("smlad", rd, rn, rm, ra)


def multiply(mnemonic: str, rd: str, rn: str, rm: str) -> Instruction:
    """mul, smmulr, smuad, smulbb and kin."""
    return Instruction(f"{mnemonic} {rd}, {rn}, {rm}", Kind.MAC, ((rn, _FACTOR), (rm, _FACTOR)), (rd,))


# -- the rest -----------------------------------------------------------------------------------------------------


def alu(mnemonic: str, rd: str, rn: str, operand: str | int) -> Instruction:
    """add, sub, rsb, and, orr, eor, bic of registers, or with a constant that one instruction can hold.

    With an `s` at its end the mnemonic sets the flags.
    """
    flags = mnemonic.endswith("s")
    reads = [(rn, _LATE)]
    if isinstance(operand, str):
        reads.append((operand, _LATE))
    text = f"{mnemonic} {rd}, {rn}, {operand if isinstance(operand, str) else f'#{operand}'}"
    return Instruction(text, Kind.ALU, tuple(reads), (rd, FLAGS) if flags else (rd,))


def alu_shifted(mnemonic: str, rd: str, rn: str, rm: str, shift: str, amount: int) -> Instruction:
    """`alu` with rm shifted: `alu_shifted("add", "r0", "r0", "r0", "asr", 31)`."""
    text = f"{mnemonic} {rd}, {rn}, {rm}, {shift} #{amount}"
    return Instruction(text, Kind.ALU, ((rn, _LATE), (rm, _EARLY)), (rd,), shifts=True)


def mov(rd: str, rm: str) -> Instruction:
    """Copy a register."""
    return Instruction(f"mov {rd}, {rm}", Kind.ALU, ((rm, _LATE),), (rd,))


def shift(mnemonic: str, rd: str, rn: str, amount: str | int) -> Instruction:
    """lsl, lsr, asr or ror by a constant or a register."""
    if isinstance(amount, int):
        return Instruction(f"{mnemonic} {rd}, {rn}, #{amount}", Kind.SHIFT, ((rn, _LATE),), (rd,))
    return Instruction(f"{mnemonic} {rd}, {rn}, {amount}", Kind.SHIFT, ((rn, _LATE), (amount, _LATE)), (rd,))


def extend(mnemonic: str, rd: str, rm: str, rotation: int = 0) -> Instruction:
    """sxtb16, uxtb16, sxtb, uxtb, sxth or uxth of rm rotated right by 0, 8, 16 or 24 bits."""
    text = f"{mnemonic} {rd}, {rm}{f', ror #{rotation}' if rotation else ''}"
    return Instruction(text, Kind.BITFIELD, ((rm, _LATE),), (rd,))


def pack(mnemonic: str, rd: str, rn: str, rm: str, amount: int = 0) -> Instruction:
    """pkhbt (rm shifted left) or pkhtb (rm shifted right, 1 ... 32)."""
    word = "lsl" if mnemonic == "pkhbt" else "asr"
    text = f"{mnemonic} {rd}, {rn}, {rm}{f', {word} #{amount}' if amount else ''}"
    return Instruction(text, Kind.BITFIELD, ((rn, _LATE), (rm, _EARLY)), (rd,), shifts=True)


def parallel(mnemonic: str, rd: str, rn: str, rm: str) -> Instruction:
    """A SIMD sum or difference: sadd16, ssub8, qadd8, uadd16, ... ; the saturating ones take longer."""
    kind = Kind.SATURATE if mnemonic.startswith(("q", "uq")) else Kind.BITFIELD
    return Instruction(f"{mnemonic} {rd}, {rn}, {rm}", kind, ((rn, _LATE), (rm, _LATE)), (rd,))


def compare_bytes(rd: str, rn: str, rm: str) -> Instruction:
    """Note for `select_bytes` which signed bytes of rn are at least those of rm (SSUB8); rd gets the differences."""
    return Instruction(f"ssub8 {rd}, {rn}, {rm}", Kind.BITFIELD, ((rn, _LATE), (rm, _LATE)), (rd, GE))


def select_bytes(rd: str, rn: str, rm: str) -> Instruction:
    """Bytes of rn where the comparison held, of rm elsewhere (SEL)."""
    return Instruction(f"sel {rd}, {rn}, {rm}", Kind.BITFIELD, ((rn, _LATE), (rm, _LATE), (GE, _LATE)), (rd,))


def ssat(rd: str, bits: int, rn: str, mnemonic: str = "ssat") -> Instruction:
    """Saturate to a signed (or, as `usat`, unsigned) number of `bits` bits."""
    return Instruction(f"{mnemonic} {rd}, #{bits}, {rn}", Kind.SATURATE, ((rn, _EARLY),), (rd,), shifts=True)


def saturate_shifted(rd: str, bits: int, rn: str, amount: int) -> Instruction:
    """Saturate rn, shifted right by a constant, to a signed number of `bits` bits."""
    text = f"ssat {rd}, #{bits}, {rn}, asr #{amount}"
    return Instruction(text, Kind.SATURATE, ((rn, _EARLY),), (rd,), shifts=True)


def branch(condition: str, label: str) -> Instruction:
    """Branch to a local label ("1b") on a condition of the flags."""
    return Instruction(f"b{condition} {label}", Kind.BRANCH, ((FLAGS, _LATE),))


def jump(label: str) -> Instruction:
    """Branch to a local label whatever the flags are."""
    return Instruction(f"b.w {label}", Kind.BRANCH)


def lesser(rd: str, rm: str) -> Instruction:
    """rd = the lesser of both, as unsigned numbers."""
    text = f"cmp {rd}, {rm}\n    it hi\n    movhi {rd}, {rm}"
    return Instruction(text, Kind.ALU, ((rd, _LATE), (rm, _LATE)), (rd, FLAGS))


def constant(rd: str, value: int) -> list[Instruction]:
    """Put a 32-bit constant into a register."""
    bits = value & 0xFFFFFFFF
    found = [Instruction(f"movw {rd}, #{bits & 0xFFFF}", Kind.ALU, (), (rd,))]
    if bits >> 16:
        found.append(Instruction(f"movt {rd}, #{bits >> 16}", Kind.ALU, ((rd, _LATE),), (rd,)))
    return found


def advance(register: str, step: int) -> list[Instruction]:
    """Add a constant of less than 2**20 to a register, in as few instructions as it takes; none for 0."""
    mnemonic, size = ("add", step) if step > 0 else ("sub", -step)
    if size >= 1 << 20:
        raise ValueError(f"a step of {step} bytes is too long")
    high, low = size & ~0xFFF, size & 0xFFF
    return [alu(mnemonic, register, register, part) for part in (high, low) if part]
