"""Dot products of one int8 vector with up to eight rows of packed int8 weights at a time, requantized and stored."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from utvm.boards import Core
from utvm.microkernels.assembly import TUNINGS, AssemblyFunction, Instruction, Kind, Use
from utvm.microkernels.assembly.operations import accumulate, advance, alu, branch, ldr, shift, ssat, store
from utvm.microkernels.fully_connected.pick import pick_round
from utvm.microkernels.fully_connected.round import FREE, HALF, SUMS, WEIGHTS, X, dot_round
from utvm.operators.kernel import CodeUnit

MOST_CHANNELS = 8

_SLOTS = ("x", "x end", "biases", "output", "scales", "groups", "weights", "group bytes", "toggle")
_STACK_BYTES = 4 * len(_SLOTS)
_SCALE_BYTES = 12


@dataclass(frozen=True)
class DotProducts:
    """`channels` rows at a time (at most MOST_CHANNELS); `quads`, words of four inputs, per round of the loop.

    `per_channel`: every row has a scale of its own. `quads` is 0 where the inputs come as a list (see pick.py).
    `interleaved`: every two groups of rows share the lines of memory that two inputs' weights lie in. `sums`: they are
    stored as they are, in 32 bits.
    """

    channels: int
    quads: int
    per_channel: bool
    interleaved: bool = False
    sums: bool = False

    @property
    def pairs(self) -> int:
        """Words of weights per two inputs."""
        return (self.channels + 1) // 2

    @property
    def strides(self) -> bool:
        """Whether a group's weights do not begin where those of the one before end."""
        return self.quads == 0 or self.interleaved

    def name(self, core: Core) -> str:
        """utvm_dot, rows, types, unrolling, scales, core."""
        scales = "sums" if self.sums else "perchannel" if self.per_channel else "pertensor"
        inputs = f"s8_s8p_u{4 * self.quads}" if self.quads else "list_s8p"
        shared = "x2" if self.interleaved else ""
        return f"utvm_dot_{self.channels}_{inputs}{shared}_{scales}_{TUNINGS[core.name]}"


def dot_unit(dot: DotProducts, core: Core) -> CodeUnit:
    """`void f(const int8_t *x, const int32_t *weights, const int32_t *biases, int8_t *output, const int32_t *scales,
    int32_t x_bytes, int32_t groups)`.

    Groups of `channels` rows, at least one. `x_bytes` is a multiple of 4 * `quads`, not 0. A list is `const int32_t *`.
    Where `strides`, an argument follows: `int32_t group_bytes` from the beginning of a group's weights to the next;
    where `interleaved`, another: `int32_t toggle`, whose exclusive or with it is the way from the next one on.
    With `sums`, output is `int32_t *` and there are no scales.
    """
    return _built(dot, core)[0]


def dot_cycles(dot: DotProducts, core: Core, rounds: int) -> float:
    """Modelled cycles per group of rows, caches aside."""
    _, per_group, per_round = _built(dot, core)
    return per_group + rounds * per_round


@lru_cache(maxsize=64)
def _built(dot: DotProducts, core: Core) -> tuple[CodeUnit, float, float]:
    name = dot.name(core)
    stored = "int32_t *output" if dot.sums else "int8_t *output, const int32_t *scales"
    prototype = (
        f"void {name}(const {'int8_t' if dot.quads else 'int32_t'} *x, const int32_t *weights, const int32_t *biases,\n"
        f"    {stored}, int32_t x_bytes, int32_t groups"
        f"{', int32_t group_bytes' if dot.strides else ''}{', int32_t toggle' if dot.interleaved else ''})"
    )
    function = AssemblyFunction(name, prototype, core, _STACK_BYTES)
    cycles = function.block_cycles
    entry = [_spill(X, "x"), _spill("r2", "biases"), _spill("r3", "output")]
    registers = ("r3", "r12") if dot.sums else ("r2", "r3", "r12")
    arguments = [function.stack_argument(register, 4 + index) for index, register in enumerate(registers)]
    ends = [alu("add", "r3", "r3", X), _spill("r3", "x end"), _spill("r12", "groups")]
    if not dot.sums:
        ends.append(_spill("r2", "scales"))
    if dot.strides:
        entry.append(_spill(WEIGHTS, "weights"))
        ends += [function.stack_argument("r12", 4 + len(registers)), _spill("r12", "group bytes")]
    if dot.interleaved:
        ends += [function.stack_argument("r12", 5 + len(registers)), _spill("r12", "toggle")]
    function.block([*entry, *arguments, *ends])
    function.label(1)
    function.block(_begin(dot))
    begin = cycles[-1]
    function.label(2)
    end = _fill(HALF, "x end")
    between = 4 * dot.pairs * (2 if dot.interleaved else 1)
    body = dot_round(core, dot.pairs, dot.quads, end, between) if dot.quads else pick_round(core, dot.pairs, end)
    function.block(body, loop=True)
    per_round = cycles[-1]
    function.block(_finish(dot), loop=True)
    return function.unit(), begin + cycles[-1], per_round


def _begin(dot: DotProducts) -> list[Instruction]:
    """Sums at their biases."""
    sums = SUMS[: 2 * dot.pairs]
    load = Instruction(
        f"ldm r12!, {{{', '.join(sums)}}}",
        Kind.MULTIPLE,
        (("r12", Use.EARLY),),
        (*sums, "r12"),
        "biases",
        base_update="r12",
    )
    return [_fill("r12", "biases"), load, _spill("r12", "biases"), _fill(X, "x")]


def _finish(dot: DotProducts) -> list[Instruction]:
    """Separate the rows, requantize, store."""
    sums = SUMS[: 2 * dot.pairs]
    output, right = FREE[2], FREE[1]
    found: list[Instruction] = []
    for low, raw in zip(sums[0::2], sums[1::2], strict=True):
        found += [alu("sub", raw, raw, low), shift("lsl", low, low, 8)]
    values = sums[: dot.channels]
    found += _stored_sums(values, output) if dot.sums else _requantized(dot, values, output)
    found += [*advance(output, dot.channels * (4 if dot.sums else 1)), _spill(output, "output")]
    if dot.strides:
        found += [_fill(WEIGHTS, "weights"), _fill(right, "group bytes")]
        found += [alu("add", WEIGHTS, WEIGHTS, right), _spill(WEIGHTS, "weights")]
    if dot.interleaved:
        found += [_fill(FREE[0], "toggle"), alu("eor", right, right, FREE[0]), _spill(right, "group bytes")]
    if dot.per_channel and not dot.sums:
        found += [*advance(X, dot.channels * _SCALE_BYTES), _spill(X, "scales")]
    found += [_fill(right, "groups"), alu("subs", right, right, 1), _spill(right, "groups")]
    return [*found, branch("ne.w", "1b")]


def _stored_sums(values: tuple[str, ...], output: str) -> list[Instruction]:
    found = [_fill(output, "output")]
    for index, value in enumerate(values):
        found += [shift("asr", value, value, 8), store("str", value, output, 4 * index, "output")]
    return found


def _requantized(dot: DotProducts, values: tuple[str, ...], output: str) -> list[Instruction]:
    scalars = (HALF, *FREE[:2])
    multiplier, addend, right = scalars
    # The pointer to the scales goes where the vector's was.
    found = [_fill(X, "scales")]
    for index, value in enumerate(values):
        if index == 0 or dot.per_channel:
            offset = index * _SCALE_BYTES
            found += [ldr(register, X, offset + 4 * word, "scales") for word, register in enumerate(scalars)]
        found += [accumulate("smmla", value, value, multiplier, addend), shift("asr", value, value, right)]
    found.append(_fill(output, "output"))
    for index, value in enumerate(values):
        found += [ssat(value, 8, value), store("strb", value, output, index, "output")]
    return found


def _fill(register: str, slot: str) -> Instruction:
    return ldr(register, "sp", 4 * _SLOTS.index(slot), f"stack {slot}")


def _spill(register: str, slot: str) -> Instruction:
    return store("str", register, "sp", 4 * _SLOTS.index(slot), f"stack {slot}")
