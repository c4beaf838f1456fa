"""Whole functions with cycle counts that their authors measured on hardware, and where their sources are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MEMORY_FUNCTIONS = "memory_functions.c"  # ours: the file of that name beside this one
A, B, C = 0x2000_1000, 0x2000_2000, 0x2000_3000  # places for operands


@dataclass(frozen=True)
class PublishedFunction:
    """A function of a public repository at a commit, the registers to call it with, and its cycles on hardware.

    `overhead_cycles` is what the published figure contains beyond the function itself, as its authors say.
    """

    name: str
    model: str
    checkout: str
    commit: str
    files: tuple[str, ...]
    entry: str
    cycles: int
    source: str
    registers: Mapping[str, int] = field(default_factory=dict, hash=False)
    headers: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    stacked: tuple[int, ...] = ()
    overhead_cycles: int = 0


def _slothy(name: str, file: str, entry: str, commit: str, figure_commit: str, cycles: int) -> PublishedFunction:
    return PublishedFunction(
        f"{name} @{commit[:8]}",
        "cortex-m7",
        "slothy",
        commit,
        (f"examples/opt/armv7m/{file}.s",),
        entry,
        cycles,
        f"github.com/slothy-optimizer/slothy/commit/{figure_commit[:10]}",
        {"r0": A},
    )


_NTT = ("ML-DSA NTT", "ntt_dilithium_opt_m7", "pqcrystals_dilithium_ntt_opt_m7")
_INTT = ("ML-DSA iNTT", "intt_dilithium_123_456_78_opt_m7", "pqcrystals_dilithium_invntt_tomont_opt_m7")
_NTT_769 = ("NTT q=769", "ntt_769_dilithium_opt_m7", "small_ntt_asm_769_opt_m7")
_INTT_769 = ("iNTT q=769", "intt_769_dilithium_opt_m7", "small_invntt_asm_769_opt_m7")
_C262 = "c2627814ce8511c1b4d5d9d99a50e02fc0afe705"
_6E29 = "6e2939d5263c505c68309fbd92427b63ede086c3"
_46A2 = "46a22bd7b70cbac05d3c340ec5a58c263c04536a"
_FAC4 = "fac4f6564a370bcc6002c89dede16bf240145538"
_8C99 = "8c9991dbf7b989f27ef0717ba63176c3af1c202e"

M7_FUNCTIONS = (
    _slothy(*_NTT, "6668c591b8c8868cd9989e4e64147971251408ab", _C262, 4707),
    _slothy(*_NTT, _C262, _C262, 4442),
    _slothy(*_NTT, _6E29, _6E29, 4575),
    _slothy(*_INTT, "7cff543d4b7c41f023ad29cb0a84c5f28039fab2", _46A2, 5283),
    _slothy(*_INTT, _46A2, _46A2, 4858),
    _slothy(*_NTT_769, "3bc75e5f63b49960e03cd0598b14c4efdbb5fd64", _FAC4, 2503),
    _slothy(*_NTT_769, _FAC4, _FAC4, 2400),
    _slothy(*_INTT_769, "5a466d95fb7a4ac8d7c45342670aa8858f185373", _8C99, 2966),
    _slothy(*_INTT_769, _8C99, _8C99, 2544),
)

_CURVE_COMMIT = "58f46524005ad09bc706c2443b37d41284a0ea09"
_CURVE_README = "github.com/pornin/curve9767, README.md"


def _curve(name: str, core: str, cycles: int, registers: Mapping[str, int]) -> PublishedFunction:
    file = "src/ops_cm4.s" if core == "cortex-m4" else "src/ops_cm0.s"
    return PublishedFunction(
        f"curve9767 {name}", core, "curve9767", _CURVE_COMMIT, (file,), name, cycles, _CURVE_README, registers
    )


_TWO, _THREE = {"r0": A, "r1": B}, {"r0": A, "r1": B, "r2": C}
_KYBER_COMMIT = "a7f79b1acdc12e81e103fe34af68455f997f1e0f"
_KYBER = "crypto_kem/kyber768/m4fspeed/"
_X25519_COMMIT = "e85f816701fa7b908d3442398a7c8ff1741c4fe6"


def _kyber(
    name: str, file: str, entry: str, cycles: int, registers: Mapping[str, int], stacked: tuple[int, ...] = ()
) -> PublishedFunction:
    return PublishedFunction(
        f"Kyber {name}",
        "cortex-m4",
        "plantard",
        _KYBER_COMMIT,
        (_KYBER + file,),
        entry,
        cycles,
        "github.com/UIC-ESLAS/ImprovedPlantardArithmetic, f_benchmarks.txt",
        registers,
        headers=(_KYBER + "macros.i",),
        stacked=stacked,
        overhead_cycles=25,
    )


def _x25519(entry: str, cycles: int, registers: Mapping[str, int]) -> PublishedFunction:
    return PublishedFunction(
        f"X25519 {entry}",
        "cortex-m4",
        "x25519",
        _X25519_COMMIT,
        ("x25519-cortex-m4-gcc.s",),
        entry,
        cycles,
        "github.com/Emill/X25519-Cortex-M4 (the author's count, ideal memory; with BL)",
        registers,
        overhead_cycles=3 if entry.startswith("fe") else 0,
    )


M4_FUNCTIONS = (
    _kyber("NTT", "fastntt.S", "ntt_fast", 4456, _TWO),
    _kyber("inverse NTT", "fastinvntt.S", "invntt_fast", 4633, _TWO),
    _kyber("basemul 16_32", "fastbasemul.S", "basemul_asm_opt_16_32", 1203, {**_THREE, "r3": A + 0x800}),
    _kyber("basemul acc 32_32", "fastbasemul.S", "basemul_asm_acc_opt_32_32", 1586, {**_THREE, "r3": A + 0x800}),
    _kyber(
        "basemul acc 32_16",
        "fastbasemul.S",
        "basemul_asm_acc_opt_32_16",
        2107,
        {**_THREE, "r3": A + 0x800},
        (B + 0x800,),
    ),
    _x25519("fe25519_add", 45, {"r8": A, "r9": B}),
    _x25519("fe25519_sub", 46, {"r8": A, "r9": B}),
    _x25519("fe25519_mul", 173, {"r1": A, "r2": B}),
    _x25519("fe25519_sqr", 115, {}),
    _x25519("curve25519_scalarmult", 548873, _THREE),
    _curve("gf_mul_inner", "cortex-m4", 628, _THREE),
    _curve("gf_sqr_inner", "cortex-m4", 396, _TWO),
    _curve("gf_inv_inner", "cortex-m4", 4108, _TWO),
    _curve("gf_sqrt_inner", "cortex-m4", 11139, _TWO),
    _curve("gf_cubert_inner", "cortex-m4", 12759, _TWO),
)

M0PLUS_FUNCTIONS = (
    _curve("gf_mul_inner", "cortex-m0plus", 1574, _THREE),
    _curve("gf_sqr_inner", "cortex-m0plus", 994, _TWO),
    _curve("gf_inv_inner", "cortex-m0plus", 9508, _TWO),
    _curve("gf_sqrt_inner", "cortex-m0plus", 26962, _TWO),
    _curve("gf_cubert_inner", "cortex-m0plus", 31163, _TWO),
    PublishedFunction(
        "X25519 scalar multiplication",
        "cortex-m0plus",
        "x25519-cm0",
        "75a53f277d15acd9a0a8e220c8e26a48cc8974c2",
        ("src/x25519-cm0.S", MEMORY_FUNCTIONS),
        "x25519",
        3229950,
        "github.com/pornin/x25519-cm0, README.md",
        _THREE,
    ),
)

FUNCTIONS = (*M7_FUNCTIONS, *M4_FUNCTIONS, *M0PLUS_FUNCTIONS)
CHECKOUTS = {
    "slothy": "https://github.com/slothy-optimizer/slothy",
    "curve9767": "https://github.com/pornin/curve9767",
    "x25519": "https://github.com/Emill/X25519-Cortex-M4",
    "x25519-cm0": "https://github.com/pornin/x25519-cm0",
    "plantard": "https://github.com/UIC-ESLAS/ImprovedPlantardArithmetic",
    "coremark": "https://github.com/eembc/coremark",
}
