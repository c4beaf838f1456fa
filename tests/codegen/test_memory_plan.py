"""Properties of the memory plan: nothing alive overlaps, nothing leaves its region, the peak is what is used."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utvm.codegen.memory_plan import ArenaRegion, Item, MemoryPlan, live_peak, plan_memory
from utvm.errors import OutOfMemoryError
from utvm.operators.overlap import IN_PLACE, Overlap

BIG = (ArenaRegion("big", 1 << 30),)


@st.composite
def item_lists(draw: st.DrawFn) -> list[Item]:
    count = draw(st.integers(1, 14))
    items = []
    for index in range(count):
        first = draw(st.integers(0, 12))
        items.append(Item(f"t{index}", draw(st.integers(1, 400)), first, first + draw(st.integers(0, 6))))
    return items


@st.composite
def overlapping_lists(draw: st.DrawFn) -> list[Item]:
    """Some items may lie over one that is needed last in their first call, as a call's output over its input."""
    items: list[Item] = []
    for item in draw(item_lists()):
        # What ends in an item's first call and began before it.
        ending = [other.name for other in items if other.last == item.first > other.first]
        if ending and draw(st.integers(0, 2)) < 2:
            overlap = IN_PLACE if draw(st.integers(0, 3)) == 0 else Overlap(draw(st.integers(-500, 500)))
            item = replace(item, over=ending[0], overlap=overlap)
        items.append(item)
    return items


def may_share(upper: Item, lower: Item, lead_bytes: int) -> bool:
    """Whether an item may begin `lead_bytes` before another that it meets."""
    if upper.over != lower.name or upper.overlap is None:
        return False
    return lead_bytes == 0 if upper.overlap.exactly else lead_bytes >= upper.overlap.lead_bytes


def check(items: list[Item], regions: tuple[ArenaRegion, ...], plan: MemoryPlan) -> None:
    capacity = {region.name: region.capacity_bytes for region in regions}
    assert set(plan.slots) == {item.name for item in items}
    for item in items:
        slot = plan.slots[item.name]
        assert slot.offset % 8 == 0
        assert slot.offset >= 0 and slot.offset + item.size_bytes <= plan.used_bytes[slot.region]
        assert plan.used_bytes[slot.region] <= capacity[slot.region]
    for a, b in itertools.combinations(items, 2):
        slot_a, slot_b = plan.slots[a.name], plan.slots[b.name]
        if slot_a.region == slot_b.region and a.first <= b.last and b.first <= a.last:
            apart = slot_a.offset + a.size_bytes <= slot_b.offset or slot_b.offset + b.size_bytes <= slot_a.offset
            ahead = slot_b.offset - slot_a.offset
            assert apart or may_share(a, b, ahead) or may_share(b, a, -ahead)
    assert plan.peak_bytes >= plan.live_peak_bytes


@settings(max_examples=200, deadline=None)
@given(item_lists())
def test_one_region(items: list[Item]) -> None:
    plan = plan_memory(items, BIG, "m")
    check(items, BIG, plan)
    assert plan.live_peak_bytes == live_peak(items)[0]


@settings(max_examples=300, deadline=None)
@given(overlapping_lists())
def test_items_over_others(items: list[Item]) -> None:
    plan = plan_memory(items, BIG, "m")
    check(items, BIG, plan)
    assert live_peak(items)[0] <= live_peak([replace(item, over="", overlap=None) for item in items])[0]


def test_a_chain_over_itself_takes_little_more_than_its_largest() -> None:
    chain = [Item("a", 400, -1, 0), Item("b", 800, 0, 1, "a", Overlap(400)), Item("c", 800, 1, 2, "b", IN_PLACE)]
    chain.append(Item("d", 200, 2, 3, "c", Overlap(-64)))
    assert plan_memory(chain, BIG, "m").peak_bytes == 800
    lagging = [Item("a", 800, -1, 0), Item("b", 800, 0, 1, "a", Overlap(100))]
    assert plan_memory(lagging, BIG, "m").peak_bytes == 904


@settings(max_examples=200, deadline=None)
@given(overlapping_lists(), st.lists(st.integers(40, 1500), min_size=1, max_size=3))
def test_several_regions_or_a_clear_error(items: list[Item], capacities: list[int]) -> None:
    regions = tuple(ArenaRegion(f"r{index}", capacity) for index, capacity in enumerate(capacities))
    try:
        plan = plan_memory(items, regions, "m")
    except OutOfMemoryError as error:
        assert "r0" in str(error) and "bytes" in str(error)
        return
    check(items, regions, plan)


def test_first_region_that_holds_everything_is_taken() -> None:
    items = [Item("a", 100, 0, 1), Item("b", 100, 1, 2)]
    plan = plan_memory(items, (ArenaRegion("tiny", 150), ArenaRegion("next", 208), ArenaRegion("last", 900)), "m")
    assert plan.used_bytes == {"next": 208}


def test_spills_where_no_region_holds_everything() -> None:
    items = [Item("a", 100, 0, 1), Item("b", 100, 1, 2)]
    regions = (ArenaRegion("one", 120), ArenaRegion("two", 120))
    plan = plan_memory(items, regions, "m")
    check(items, regions, plan)
    assert plan.used_bytes == {"one": 104, "two": 104}


def test_reaches_the_lower_bound_where_greedy_by_size_does_not() -> None:
    # Placed by size, 'c' (alive with both) is pushed above the gap that 'a' and 'b' leave.
    items = [Item("a", 60, 0, 1), Item("b", 40, 2, 3), Item("c", 50, 1, 2), Item("d", 30, 0, 0), Item("e", 60, 3, 4)]
    assert plan_memory(items, BIG, "m").peak_bytes == live_peak(items)[0]


def test_error_names_the_tensors_alive_and_the_shortage() -> None:
    items = [Item("image", 700, 0, 1), Item("features", 500, 1, 2), Item("late", 10, 3, 3)]
    with pytest.raises(OutOfMemoryError) as caught:
        plan_memory(items, (ArenaRegion("ram", 1000),), "net")
    text = str(caught.value)
    assert "net: needs 1,208 bytes" in text and "short by 208" in text
    assert "image" in text and "features" in text and "late" not in text


def test_same_plan_for_any_order_of_equal_work() -> None:
    items = [Item(f"t{index}", 16 * (index % 5 + 1), index, index + 2) for index in range(30)]
    assert plan_memory(items, BIG, "m") == plan_memory(items, BIG, "m")
