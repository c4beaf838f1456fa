"""Where every activation lives: offsets in the board's RAM regions, from the lifetimes in call order.

Tensors that share storage (views, in-place results) are one item. Items whose lifetimes do not overlap may share
bytes, and a call's output may lie over its input as far as the kernel reads ahead of what it writes. The plan's peak
counts alignment and is what the generated arena has.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from utvm.errors import OutOfMemoryError
from utvm.operators.overlap import Overlap

# Enough for every dtype, int64 included.
ALIGNMENT_BYTES = 8
_IMPROVEMENT_ROUNDS = 300
# A round compares every pair of items: very long models get fewer rounds, so that planning stays a matter of seconds.
_IMPROVEMENT_COMPARISONS = 30_000_000


def aligned_bytes(size_bytes: int) -> int:
    """Rounded up to the alignment."""
    return -(-size_bytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


@dataclass(frozen=True)
class Item:
    """Storage needed from call `first` to call `last`, both included.

    `over` names an item that is last needed in this one's first call, and over which it may lie as `overlap` says.
    """

    name: str
    size_bytes: int
    first: int
    last: int
    over: str = ""
    overlap: Overlap | None = None

    @property
    def aligned_bytes(self) -> int:
        """Size rounded up to the alignment."""
        return aligned_bytes(self.size_bytes)

    def overlaps(self, other: Item) -> bool:
        """Whether both are alive during some call."""
        return self.first <= other.last and other.first <= self.last


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


def plan_memory(items: Sequence[Item], regions: Sequence[ArenaRegion], model: str) -> MemoryPlan:
    """Place the items in the regions, most preferred first.

    The first region that can hold everything does; otherwise items spill over to the next regions. Raises
    OutOfMemoryError naming the tensors alive at the fullest call, and the shortage.
    """
    peak, peak_call = live_peak(items)
    best = _one_arena(items)
    size = _extent(items, best)
    for region in regions:
        if size <= region.capacity_bytes:
            slots = {name: Slot(region.name, offset) for name, offset in best.items()}
            return MemoryPlan(slots, {region.name: size} if items else {}, peak)
    for order in _orders(items):
        spilled = _spill(order, regions)
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


@dataclass(frozen=True)
class StatePlan:
    """Offsets of the states in a block of their own, in a region where the arenas may have the `rest`."""

    offsets: dict[str, int]
    region: str
    size_bytes: int
    rest: tuple[ArenaRegion, ...]


def plan_states(states: Sequence[Item], regions: Sequence[ArenaRegion], model: str) -> StatePlan:
    """Place the states one behind the other in the first region that can hold them all.

    Raises OutOfMemoryError if none can.
    """
    offsets: dict[str, int] = {}
    size = 0
    for item in states:
        offsets[item.name] = size
        size += item.aligned_bytes
    if not size:
        return StatePlan({}, "", 0, tuple(regions))
    for chosen in regions:
        if size <= chosen.capacity_bytes:
            # An arena begins at a multiple of more than what the states are aligned to.
            left = max(chosen.capacity_bytes - size - ALIGNMENT_BYTES, 0)
            rest = tuple(ArenaRegion(r.name, left if r is chosen else r.capacity_bytes) for r in regions)
            return StatePlan(offsets, chosen.name, size, rest)
    places = ", ".join(f"{region.name} {region.capacity_bytes:,}" for region in regions)
    raise OutOfMemoryError(
        f"{model}: its states need {size:,} bytes of RAM in one region, the board has {places}.\n"
        "Try a board with more RAM."
    )


def live_peak(items: Sequence[Item]) -> tuple[int, int]:
    """The most bytes alive during one call, and that call: no plan can do with less."""
    best, call = 0, 0
    for moment in sorted({item.first for item in items}):
        alive = {item.name: item for item in items if item.first <= moment <= item.last}
        needed = sum(item.aligned_bytes for item in alive.values())
        for item in alive.values():
            if item.over in alive and item.overlap is not None:
                under = alive[item.over].aligned_bytes
                together = aligned_bytes(item.overlap.together_bytes(under, item.aligned_bytes))
                needed -= under + item.aligned_bytes - together
        if needed > best:
            best, call = needed, moment
    return best, call


def _orders(items: Sequence[Item]) -> list[list[Item]]:
    return [
        sorted(items, key=lambda item: (-item.aligned_bytes, item.first, item.name)),
        sorted(items, key=lambda item: (-item.aligned_bytes * (item.last - item.first + 1), item.first, item.name)),
        sorted(items, key=lambda item: (item.first, -item.aligned_bytes, item.name)),
        sorted(items, key=lambda item: (-(item.last - item.first), -item.aligned_bytes, item.name)),
        # Outputs before the inputs that they lie over, which are a little higher.
        sorted(items, key=lambda item: (-item.first, -item.aligned_bytes, item.name)),
        sorted(items, key=lambda item: (-item.aligned_bytes, -item.first, item.name)),
    ]


def _one_arena(items: Sequence[Item]) -> dict[str, int]:
    """Offsets in one arena; stops at the lower bound, else improves the order by deterministic random swaps."""
    bound, _ = live_peak(items)
    best: dict[str, int] = {}
    best_size = -1
    best_order: list[Item] = []
    for order in _orders(items):
        offsets = _first_fit(order)
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
        offsets = _first_fit(order)
        size = _extent(items, offsets)
        if size <= best_size:
            best, best_size, best_order = offsets, size, order
    return best


def _first_fit(order: Sequence[Item]) -> dict[str, int]:
    offsets: dict[str, int] = {}
    placed: list[Item] = []
    for item in order:
        offsets[item.name] = _lowest_gap(item, [(offsets[other.name], other) for other in placed])
        placed.append(item)
    return offsets


def _lowest_gap(item: Item, placed: Sequence[tuple[int, Item]]) -> int:
    """The lowest offset at which the item meets no placed item that is alive with it, unless it may."""
    spans = [span for start, other in placed if item.overlaps(other) for span in _closed(item, start, other)]
    offset = 0
    for after, before in sorted(spans):
        if after >= offset:
            break
        offset = max(offset, before)
    return offset


def _closed(item: Item, start: int, other: Item) -> list[tuple[int, int]]:
    """Offsets that an item placed at `start` closes to another: those between the ends of each pair."""
    lowest, highest = start - item.aligned_bytes, start + other.aligned_bytes
    for upper, lower in ((item, other), (other, item)):
        if upper.over != lower.name or upper.overlap is None:
            continue
        if upper.overlap.exactly:
            return [(lowest, start), (start, highest)]
        lead = aligned_bytes(upper.overlap.lead_bytes)
        after, before = (start - lead, highest) if upper is item else (lowest, start + lead)
        return [(max(lowest, after), min(highest, before))] if after < before else []
    return [(lowest, highest)]


def _extent(items: Sequence[Item], offsets: dict[str, int]) -> int:
    return max((offsets[item.name] + item.aligned_bytes for item in items), default=0)


def _spill(order: Sequence[Item], regions: Sequence[ArenaRegion]) -> dict[str, Slot] | None:
    slots: dict[str, Slot] = {}
    placed: dict[str, list[tuple[int, Item]]] = {region.name: [] for region in regions}
    for item in order:
        for region in regions:
            offset = _lowest_gap(item, placed[region.name])
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
