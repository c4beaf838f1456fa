"""Inputs that are not zero: a list of them, and the inner loop that multiplies only their weights.

Behind a ReLU about half of the inputs are their zero point, and add nothing. Inputs go in pairs, as they share words of
weights: the even and the odd bytes of each word of four. The list has a pair per entry of eight bytes: both inputs less
their zero point, in half-words, and how many bytes of weights its own are behind those of the entry before.
"""

from __future__ import annotations

from functools import lru_cache

from utvm.boards import Core
from utvm.microkernels.assembly import FLAGS, TUNINGS, AssemblyFunction, Instruction, Kind, Use
from utvm.microkernels.assembly.operations import advance, alu, branch, extend, ldr, mov, parallel, store
from utvm.microkernels.fully_connected.round import FREE, HALF, WEIGHTS, X, products
from utvm.operators.kernel import CodeUnit

ENTRY_BYTES = 8
ENTRIES_A_ROUND = 4

# How many registers hold weights; the fastest by each pipeline's rules.
_WORDS = {"cortex-m4": 3, "cortex-m7": 3, "cortex-m33": 2}


def most_list_bytes(depth: int) -> int:
    """Bytes of a list of all inputs, filled up to a whole round and one more."""
    return (depth // 2 + ENTRIES_A_ROUND) * ENTRY_BYTES


@lru_cache(maxsize=16)
def pick_unit(pair_bytes: int, core: Core) -> CodeUnit:
    """`int32_t f(const int8_t *x, int32_t quads, int32_t *list, uint32_t zero_points)`: the bytes of the list.

    `pair_bytes` of weights belong to a pair. `zero_points` has the zero point in both half-words. The list is filled
    up to whole rounds, of which there is at least one, with entries that add nothing.
    """
    name = f"utvm_pick_s8_w{pair_bytes}_{TUNINGS[core.name]}"
    prototype = f"int32_t {name}(const int8_t *x, int32_t quads, int32_t *list, uint32_t zero_points)"
    function = AssemblyFunction(name, prototype, core)
    head, behind = "r4", "r5"
    function.block([mov(head, "r2"), *_zero(behind)])
    function.label(1)
    body = [ldr("r6", "r0", 0, "x"), *advance("r0", 4)]
    for rotation, pair in ((0, "r7"), (8, "r8")):
        body += [extend("sxtb16", pair, "r6", rotation), parallel("ssub16", pair, pair, "r3")]
        body += [store("str", pair, head, 0, "list"), store("str", behind, head, 4, "list")]
        body += [_compare_with_zero(pair), _keep(head, behind), *advance(behind, pair_bytes)]
    function.block([*body, alu("subs", "r1", "r1", 1), branch("ne", "1b")], loop=True)
    # From here on the list has its entries; what is behind them adds nothing.
    fill = [store("str", "r5", head, offset, "list") for offset in range(0, ENTRIES_A_ROUND * ENTRY_BYTES, 4)]
    function.block([*_zero("r5"), *fill, alu("sub", "r0", head, "r2")])
    round_bytes = ENTRIES_A_ROUND * ENTRY_BYTES
    # An empty list becomes a round, too.
    function.block([_at_least_one("r0"), *advance("r0", round_bytes - 1), alu("bic", "r0", "r0", round_bytes - 1)])
    return function.unit()


def pick_round(core: Core, pairs: int, end: Instruction) -> list[Instruction]:
    """A round over the list at X against `pairs` pairs of rows; WEIGHTS follows it. `end`: see `dot_round`."""
    words = FREE[: _WORDS[core.name]]
    found: list[Instruction] = []
    for entry in range(ENTRIES_A_ROUND):
        step = entry * pairs
        behind = words[step % len(words)]
        found += [ldr(behind, X, ENTRY_BYTES * entry + 4, "x"), alu("add", WEIGHTS, WEIGHTS, behind)]
        found.append(ldr(HALF, X, ENTRY_BYTES * entry, "x"))
        for pair in range(pairs):
            if pair % len(words) == 0:
                found += [
                    ldr(words[(step + other) % len(words)], WEIGHTS, 4 * other, "weights")
                    for other in range(pair, min(pair + len(words), pairs))
                ]
            word = words[(step + pair) % len(words)]
            found += products(pair, word, word)
    found += advance(X, ENTRIES_A_ROUND * ENTRY_BYTES)
    return [*found, end, alu("subs", HALF, HALF, X), branch("ne.w", "2b")]


def _zero(register: str) -> list[Instruction]:
    return [Instruction(f"mov {register}, #0", Kind.ALU, (), (register,))]


def _compare_with_zero(register: str) -> Instruction:
    return Instruction(f"cmp {register}, #0", Kind.ALU, ((register, Use.LATE),), (FLAGS,))


def _keep(head: str, behind: str) -> Instruction:
    """Unless the pair is zero its entry stays, and distances start anew."""
    text = f"itt ne\n    addne {head}, {head}, #{ENTRY_BYTES}\n    movne {behind}, #0"
    return Instruction(text, Kind.MULTIPLE, ((head, Use.LATE), (behind, Use.LATE), (FLAGS, Use.LATE)), (head, behind))


def _at_least_one(register: str) -> Instruction:
    text = f"cmp {register}, #0\n    it eq\n    moveq {register}, #1"
    return Instruction(text, Kind.MULTIPLE, ((register, Use.LATE),), (register, FLAGS))
