"""Moving bytes: padded rows, windows gathered side by side, limits of outputs, tables."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from utvm.boards import Core
from utvm.microkernels.assembly import AssemblyFunction, Instruction
from utvm.microkernels.assembly.operations import advance, alu, constant, mov
from utvm.microkernels.assembly.vector_operations import (
    BYTES,
    loop_end,
    loop_start,
    next_elements,
    predicate,
    predicated,
    splat,
    vector,
    vector_gather,
    vector_load_post,
    vector_store_post,
    while_elements,
)
from utvm.operators.kernel import CodeUnit

_GATHER_VECTORS = 4


def _loop(function: AssemblyFunction, label: int, count: str, body: list[Instruction]) -> None:
    function.block([while_elements(count, 8, f"{label + 1}f")])
    function.label(label, align_bytes=1)
    function.block([*body, next_elements(f"{label}b")], loop=True)
    function.label(label + 1, align_bytes=1)


@lru_cache(maxsize=8)
def pad_row(core: Core) -> CodeUnit:
    """`void f(int8_t *strip, const int8_t *row, int32_t before, int32_t count, int32_t after, int32_t value)`.

    `before` bytes of the value, `count` of the row, `after` of the value; any of them may be 0.
    """
    name = "utvm_pad_row_s8_mve"
    prototype = (
        f"void {name}(int8_t *strip, const int8_t *row, int32_t before, int32_t count, int32_t after,\n"
        f"    int32_t value)"
    )
    function = AssemblyFunction(name, prototype, core)
    arguments = [function.stack_argument("r4", 4), function.stack_argument("r5", 5)]
    places = [alu("add", "r6", "r0", "r2"), alu("add", "r7", "r6", "r3"), splat("q1", "r5", 8)]
    function.block([*arguments, *places])
    _loop(function, 1, "r2", [vector_store_post("vstrb.8", "q1", "r0", BYTES)])
    copied = [vector_load_post("vldrb.u8", "q0", "r1", BYTES), vector_store_post("vstrb.8", "q0", "r6", BYTES)]
    _loop(function, 3, "r3", copied)
    _loop(function, 5, "r4", [vector_store_post("vstrb.8", "q1", "r7", BYTES)])
    return function.unit()


@lru_cache(maxsize=8)
def limit_bytes(core: Core) -> CodeUnit:
    """`void f(int8_t *bytes, int32_t count, int32_t least, int32_t greatest)`: every byte limited to that range."""
    name = "utvm_limit_s8_mve"
    function = AssemblyFunction(
        name, f"void {name}(int8_t *bytes, int32_t count, int32_t least, int32_t greatest)", core
    )
    function.block([splat("q1", "r2", 8), splat("q2", "r3", 8), mov("r4", "r0")])
    limited = [vector("vmax.s8", "q0", "q0", "q1"), vector("vmin.s8", "q0", "q0", "q2")]
    load, store = vector_load_post("vldrb.u8", "q0", "r0", BYTES), vector_store_post("vstrb.8", "q0", "r4", BYTES)
    _loop(function, 1, "r1", [load, *limited, store])
    return function.unit()


@lru_cache(maxsize=8)
def table_bytes(core: Core) -> CodeUnit:
    """`void f(const void *input, void *output, int32_t count, const void *table)`: every byte's entry of 256."""
    name = "utvm_table_s8_mve"
    prototype = f"void {name}(const void *input, void *output, int32_t count, const void *table)"
    function = AssemblyFunction(name, prototype, core)
    load, entries = vector_load_post("vldrb.u8", "q0", "r0", BYTES), vector_gather("vldrb.u8", "q1", "r3", "q0")
    _loop(function, 1, "r2", [load, entries, vector_store_post("vstrb.8", "q1", "r1", BYTES)])
    return function.unit()


@dataclass(frozen=True)
class Windows:
    """`pieces` runs of `piece` bytes each, `piece_step` apart, make a window; windows are `pixel_step` apart.

    They are laid down `pitch` bytes apart, a multiple of a vector; what follows the last piece of each is undefined.
    `readable`: a vector behind the last piece may be read.
    """

    pieces: tuple[int, ...]
    piece: int
    pixel_step: int
    readable: bool

    @property
    def taps(self) -> int:
        """Bytes of a window."""
        return len(self.pieces) * self.piece

    @property
    def pitch(self) -> int:
        """Bytes from a window to the next."""
        return -(-self.taps // BYTES) * BYTES

    @property
    def name(self) -> str:
        """utvm_gather_, everything that the text depends on, core."""
        steps = {after - before for before, after in zip(self.pieces, self.pieces[1:], strict=False)}
        places = f"{len(self.pieces)}x{self.piece}_s" + "_".join(
            str(step) for step in (sorted(steps) if len(steps) < 2 else self.pieces)
        )
        over = "" if self.readable or self.piece % BYTES == 0 else "_exact"
        return f"utvm_gather_{places}_{self.pixel_step}{over}_s8_mve"


def gather_unit(windows: Windows, core: Core) -> CodeUnit:
    """`void f(int8_t *patches, const int8_t *x, int32_t count)`: at least one window. A vector behind is written."""
    return _gather(windows, core)[0]


def gather_cycles(windows: Windows, core: Core) -> float:
    """Estimated cycles per window."""
    return _gather(windows, core)[1]


@lru_cache(maxsize=64)
def _gather(windows: Windows, core: Core) -> tuple[CodeUnit, float]:
    name = windows.name
    function = AssemblyFunction(name, f"void {name}(int8_t *patches, const int8_t *x, int32_t count)", core)
    partial = not windows.readable and windows.piece % BYTES != 0
    if partial:
        function.block([*constant("r4", windows.piece % BYTES), predicate("r4", 8)])
    function.block([loop_start("r2")])
    function.label(1)
    chunks = -(-windows.piece // BYTES)
    found = [mov("r4", "r1")]
    at = 0
    for index, offset in enumerate(windows.pieces):
        found += advance("r4", offset - at)
        at = offset + chunks * BYTES
        for chunk in range(chunks):
            register = f"q{(index * chunks + chunk) % _GATHER_VECTORS}"
            load = vector_load_post("vldrb.u8", register, "r4", BYTES, "x")
            last = chunk == chunks - 1
            found.append(predicated(load) if partial and last else load)
            step = windows.piece - BYTES * (chunks - 1) if last else BYTES
            found.append(vector_store_post("vstrb.8", register, "r0", step, "patches"))
    found += [*advance("r0", windows.pitch - windows.taps), *advance("r1", windows.pixel_step)]
    function.block([*found, loop_end("1b")], loop=True)
    return function.unit(), function.block_cycles[-1]
