"""Cycles per layer, with a clock that advances as told and takes 7 cycles to read."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from utvm.toolchain.host import build_shared_library, find_host_compiler

RUNTIME = Path(__file__).parents[2] / "src" / "utvm" / "runtime"


@pytest.fixture(name="profile")
def profile_library(tmp_path: Path) -> ctypes.CDLL:
    sources = [RUNTIME / "common" / "profile.c", Path(__file__).parent / "fake_cycles.c"]
    library = build_shared_library(
        find_host_compiler(), sources, tmp_path / "libprofile.so", [RUNTIME / "include"], ["-Wconversion"]
    )
    loaded = ctypes.CDLL(str(library))
    loaded.utvm_profile_overhead.restype = ctypes.c_uint64
    loaded.utvm_profile_calibrate()
    loaded.utvm_profile_reset()
    return loaded


def layer(profile: ctypes.CDLL, index: int, cycles: int) -> None:
    profile.utvm_layer_begin(index)
    profile.advance(ctypes.c_uint64(cycles))
    profile.utvm_layer_end(index)


def layer_cycles(profile: ctypes.CDLL) -> list[int]:
    return list((ctypes.c_uint64 * 3).in_dll(profile, "utvm_layer_cycles"))


def test_the_cost_of_measuring_is_taken_off(profile: ctypes.CDLL) -> None:
    layer(profile, 0, 1000)
    layer(profile, 2, 5)
    assert layer_cycles(profile) == [1000, 0, 5]
    assert profile.utvm_profile_overhead() == 2 * 14


def test_cycles_have_64_bits(profile: ctypes.CDLL) -> None:
    layer(profile, 1, 1 << 40)
    assert layer_cycles(profile) == [0, 1 << 40, 0]


def test_a_layer_in_parts_adds_up_and_a_new_run_starts_at_zero(profile: ctypes.CDLL) -> None:
    layer(profile, 1, 30)
    layer(profile, 1, 12)
    assert layer_cycles(profile) == [0, 42, 0]
    profile.utvm_profile_reset()
    assert layer_cycles(profile) == [0, 0, 0]
    assert profile.utvm_profile_overhead() == 0


@pytest.mark.parametrize("index", [-1, 3, 1 << 30, -(1 << 31)])
def test_an_index_outside_the_model_is_ignored(profile: ctypes.CDLL, index: int) -> None:
    layer(profile, index, 99)
    assert layer_cycles(profile) == [0, 0, 0]


def test_a_model_without_layers_links(tmp_path: Path) -> None:
    sources = [RUNTIME / "common" / "profile.c", RUNTIME / "common" / "defaults.c", tmp_path / "clock.c"]
    sources[2].write_text('#include "utvm_cycles.h"\nuint64_t utvm_cycles_now(void) { return 5; }\n', encoding="utf-8")
    library = build_shared_library(find_host_compiler(), sources, tmp_path / "libprofile.so", [RUNTIME / "include"])
    loaded = ctypes.CDLL(str(library))
    loaded.utvm_profile_calibrate()
    layer_count = ctypes.c_int32.in_dll(loaded, "utvm_model_layer_count")
    loaded.utvm_layer_begin(0)
    loaded.utvm_layer_end(0)
    assert layer_count.value == 0
