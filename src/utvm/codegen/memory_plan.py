"""Where every activation lives: offsets in the board's RAM regions, from the lifetimes in call order.

Tensors that share storage (views, in-place results) are one item. Items whose lifetimes do not overlap may share
bytes, and so may an item that ends and one that begins with the same call, as far as that call's kernel allows. The
plan's peak counts alignment and is what the generated arena has.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from utvm.errors import OutOfMemoryError

# Enough for every dtype, int64 included.
ALIGNMENT_BYTES = 8
_IMPROVEMENT_ROUNDS = 300
# A round compares every pair of items: very long models get fewer rounds, so that planning stays a matter of seconds.
_IMPROVEMENT_COMPARISONS = 30_000_000


@dataclass(frozen=True)
class Item:
    """Storage needed from call `first` to call `last`, both included. `tensors` are those that live in it."""

    name: str
    size_bytes: int
    first: int
    last: int

    @property
    def aligned_bytes(self) -> int:
        """Size rounded up to the alignment."""
        return _round_up(self.size_bytes)

    def overlaps(self, other: Item) -> bool:
        """Whether both are alive during some call."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class SharedCall:
    """A kernel reads item `read`, which ends with its call, and writes item `written`, which begins with it.

    Where they share bytes, `read` begins at least `least_bytes` behind `written` (`exact`: just so much).
    """

    read: str
    written: str
    least_bytes: int
    exact: bool = False

    def extent_bytes(self, read: Item, written: Item) -> int:
        """Bytes of both where they overlap most."""
        return max(written.aligned_bytes, read.aligned_bytes + max(_round_up(self.least_bytes), 0))


@dataclass(frozen=True)
class ArenaRegion:
    """A RAM region that may hold activations, and the bytes it has for them."""

    name: str
    capacity_bytes: int


@dataclass(frozen=True)
class Slot:
    """An item's place."""

    region: str
    offset: int


@dataclass(frozen=True)
class MemoryPlan:
    """A place for every item by name, and the bytes used of each region."""

    slots: dict[str, Slot]
    used_bytes: dict[str, int]
    live_peak_bytes: int

    @property
    def peak_bytes(self) -> int:
        """Bytes of all arenas together."""
        return sum(self.used_bytes.values())


_Pairs = dict[tuple[str, str], SharedCall]
"""By the names of what is written and what is read."""


def plan_memory(
    items: Sequence[Item], regions: Sequence[ArenaRegion], model: str, shared: Sequence[SharedCall] = ()
) -> MemoryPlan:
    """Place the items in the regions, most preferred first; `shared` says which may overlap though both are alive.

    The first region that can hold everything does; otherwise items spill over to the next regions. Raises
    OutOfMemoryError naming the tensors alive at the fullest call, and the shortage.
    """
    peak, peak_call = live_peak(items, shared)
    best = _one_arena(items, shared)
    size = _extent(items, best)
    for region in regions:
        if size <= region.capacity_bytes:
            slots = {name: Slot(region.name, offset) for name, offset in best.items()}
            return MemoryPlan(slots, {region.name: size} if items else {}, peak)
    for order in _orders(items):
        spilled = _spill(order, regions, shared)
        if spilled is not None:
            used = {
                region.name: max(
                    (
                        spilled[item.name].offset + item.aligned_bytes
                        for item in items
                        if spilled[item.name].region == region.name
                    ),
                    default=0,
                )
                for region in regions
            }
            return MemoryPlan(spilled, {name: bytes_ for name, bytes_ in used.items() if bytes_}, peak)
    raise _out_of_memory(items, regions, model, peak, peak_call)


def live_peak(items: Sequence[Item], shared: Sequence[SharedCall] = ()) -> tuple[int, int]:
    """The most bytes alive during one call, and that call: no plan can do with less."""
    by_name = {item.name: item for item in items}
    saved: dict[int, int] = {}
    for pair in shared:
        read, written = by_name[pair.read], by_name[pair.written]
        gain = read.aligned_bytes + written.aligned_bytes - pair.extent_bytes(read, written)
        saved[written.first] = saved.get(written.first, 0) + max(gain, 0)
    best, call = 0, 0
    for moment in sorted({item.first for item in items}):
        alive = sum(item.aligned_bytes for item in items if item.first <= moment <= item.last) - saved.get(moment, 0)
        if alive > best:
            best, call = alive, moment
    return best, call


def _orders(items: Sequence[Item]) -> list[list[Item]]:
    return [
        sorted(items, key=lambda item: (-item.aligned_bytes, item.first, item.name)),
        sorted(items, key=lambda item: (-item.aligned_bytes * (item.last - item.first + 1), item.first, item.name)),
        sorted(items, key=lambda item: (item.first, -item.aligned_bytes, item.name)),
        sorted(items, key=lambda item: (-(item.last - item.first), -item.aligned_bytes, item.name)),
        # Backwards: what is read over what is written, a little behind it.
        sorted(items, key=lambda item: (-item.first, -item.aligned_bytes, item.name)),
        sorted(items, key=lambda item: (-item.last, -item.aligned_bytes, item.name)),
    ]


def _one_arena(items: Sequence[Item], shared: Sequence[SharedCall]) -> dict[str, int]:
    """Offsets in one arena; stops at the lower bound, else improves the order by deterministic random swaps."""
    bound, _ = live_peak(items, shared)
    pairs = _by_names(shared)
    best: dict[str, int] = {}
    best_size = -1
    best_order: list[Item] = []
    for order in _orders(items):
        offsets = _first_fit(order, pairs)
        size = _extent(items, offsets)
        if best_size < 0 or size < best_size:
            best, best_size, best_order = offsets, size, order
    generator = random.Random(0)
    rounds = min(_IMPROVEMENT_ROUNDS, _IMPROVEMENT_COMPARISONS // (len(items) ** 2)) if len(items) > 2 else 0
    for _ in range(rounds):
        if best_size <= bound:
            break
        order = list(best_order)
        a, b = generator.randrange(len(order)), generator.randrange(len(order))
        order.insert(b, order.pop(a))
        offsets = _first_fit(order, pairs)
        size = _extent(items, offsets)
        if size <= best_size:
            best, best_size, best_order = offsets, size, order
    return best


def _first_fit(order: Sequence[Item], pairs: _Pairs) -> dict[str, int]:
    offsets: dict[str, int] = {}
    placed: list[Item] = []
    for item in order:
        offsets[item.name] = _lowest_gap(item, [(offsets[other.name], other) for other in placed], pairs)
        placed.append(item)
    return offsets


def _lowest_gap(item: Item, placed: Sequence[tuple[int, Item]], pairs: _Pairs) -> int:
    """The lowest offset at which the item is in nobody's way."""
    taken = [span for start, other in placed if item.overlaps(other) for span in _taken(item, start, other, pairs)]
    offset = 0
    for low, high in sorted(taken):
        if low < offset < high:
            offset = high
    return offset


def _taken(item: Item, start: int, other: Item, pairs: _Pairs) -> list[tuple[int, int]]:
    """Where an item cannot begin because of another one at `start`: strictly between the ends of each span."""
    low, high = start - item.aligned_bytes, start + other.aligned_bytes
    writes, reads = pairs.get((item.name, other.name)), pairs.get((other.name, item.name))
    if writes is not None:
        best = min(max(_round_down(start - writes.least_bytes), low), high)
        return [(low, best), (best, high)] if writes.exact else [(best, high)]
    if reads is not None:
        best = min(max(_round_up(start + reads.least_bytes), low), high)
        return [(low, best), (best, high)] if reads.exact else [(low, best)]
    return [(low, high)]


def _by_names(shared: Sequence[SharedCall]) -> _Pairs:
    return {(pair.written, pair.read): pair for pair in shared}


def _round_up(size_bytes: int) -> int:
    return -(-size_bytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


def _round_down(size_bytes: int) -> int:
    return size_bytes // ALIGNMENT_BYTES * ALIGNMENT_BYTES


def _extent(items: Sequence[Item], offsets: dict[str, int]) -> int:
    return max((offsets[item.name] + item.aligned_bytes for item in items), default=0)


def _spill(
    order: Sequence[Item], regions: Sequence[ArenaRegion], shared: Sequence[SharedCall]
) -> dict[str, Slot] | None:
    pairs = _by_names(shared)
    slots: dict[str, Slot] = {}
    placed: dict[str, list[tuple[int, Item]]] = {region.name: [] for region in regions}
    for item in order:
        for region in regions:
            offset = _lowest_gap(item, placed[region.name], pairs)
            if offset + item.aligned_bytes <= region.capacity_bytes:
                slots[item.name] = Slot(region.name, offset)
                placed[region.name].append((offset, item))
                break
        else:
            return None
    return slots


def _out_of_memory(
    items: Sequence[Item], regions: Sequence[ArenaRegion], model: str, peak: int, call: int
) -> OutOfMemoryError:
    alive = sorted((item for item in items if item.first <= call <= item.last), key=lambda item: -item.aligned_bytes)
    names = "\n".join(f"  {item.aligned_bytes:>9,} bytes  {item.name}" for item in alive[:6])
    capacity = sum(region.capacity_bytes for region in regions)
    places = ", ".join(f"{region.name} {region.capacity_bytes:,}" for region in regions)
    if peak > capacity:
        problem = (
            f"needs {peak:,} bytes of RAM, the board has {capacity:,} for it ({places}): short by {peak - capacity:,}"
        )
    else:
        largest = alive[0].aligned_bytes if alive else 0
        room = max((region.capacity_bytes for region in regions), default=0)
        short = max(largest - room, 0)
        problem = f"needs {peak:,} bytes of RAM at once, which do not fit the board's regions ({places})"
        problem += f"; the largest tensor is {short:,} bytes too large for any of them" if short else ""
    return OutOfMemoryError(f"{model}: {problem}.\nAlive at call {call}:\n{names}\nTry a board with more RAM.")
