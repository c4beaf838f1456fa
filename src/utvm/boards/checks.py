"""What must hold between the keys of a board file. Each message starts with the key that is wrong."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from utvm.boards.parts import Core, Placement, Region, Toolchain

_ZIG_FPU_FEATURES = {"fpv4-sp-d16": "vfp4d16sp", "fpv5-sp-d16": "fp_armv8d16sp", "fpv5-d16": "fp_armv8d16"}
_CORES_WITHOUT_DWT_COUNTER = ("cortex-m0", "cortex-m0plus", "rv32imac", "host")
_CORES_WITHOUT_FPU = ("cortex-m0", "cortex-m0plus", "cortex-m3", "rv32imac", "host")


def check_regions(regions: Sequence[Region]) -> None:
    """Regions have names of their own, do not overlap, and end inside the 32-bit address space."""
    names = [region.name for region in regions]
    if "state" in names:
        raise ValueError("regions: the name 'state' is taken, by what models keep from run to run")
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"regions: two regions share the name {name!r}")
    for region in regions:
        if region.end_addr > 1 << 32:
            raise ValueError(f"regions.{region.name}: ends above the 32-bit address space")
    for low, high in itertools.pairwise(sorted(regions, key=lambda region: region.base_addr)):
        if low.end_addr > high.base_addr:
            raise ValueError(
                f"regions: {low.name} ends at {low.end_addr:#x}, inside {high.name} at {high.base_addr:#x}"
            )


def check_placement(placement: Placement, regions: Mapping[str, Region]) -> None:
    """Every part of an image lies in a region that exists and can hold it."""
    used = {
        "code": (placement.code,),
        "constants": (placement.constants,),
        "data": (placement.data,),
        "stack": (placement.stack,),
        "arena": placement.arena,
    }
    for key, names in used.items():
        for name in names:
            if name not in regions:
                raise ValueError(f"placement.{key}: no region is named {name!r}; there are {', '.join(regions)}")
            if key in ("data", "stack", "arena") and regions[name].kind != "ram":
                raise ValueError(f"placement.{key}: region {name!r} is not RAM")
    if not regions[placement.code].executable:
        raise ValueError(f"placement.code: region {placement.code!r} is not executable")
    if len(set(placement.arena)) != len(placement.arena):
        raise ValueError(f"placement.arena: a region is named twice: {', '.join(placement.arena)}")
    if placement.stack_bytes > regions[placement.stack].size_bytes:
        raise ValueError(f"placement.stack_bytes: larger than region {placement.stack!r}")
    if placement.stack_bytes % 8 != 0:
        raise ValueError(f"placement.stack_bytes: {placement.stack_bytes} is not a multiple of 8")


def check_core(core: Core) -> None:
    """The core has the optional parts that the file claims."""
    if core.cycle_counter == "dwt" and core.name in _CORES_WITHOUT_DWT_COUNTER:
        raise ValueError(f"core.cycle_counter: {core.name} has no cycle counter in a DWT")
    if (core.cycle_counter == "mcycle") != core.name.startswith("rv") or (core.cycle_counter == "clock") != (
        core.name == "host"
    ):
        raise ValueError(f"core.cycle_counter: {core.cycle_counter} is not a counter of {core.name}")
    if core.fpu is not None and core.name in _CORES_WITHOUT_FPU:
        raise ValueError(f"core.fpu: {core.name} has no {core.fpu}")
    if core.mve and core.name != "cortex-m55":
        raise ValueError(f"core.mve: {core.name} has no MVE")


def check_toolchain(toolchain: Toolchain, core: Core) -> None:
    """Both compilers build for this core and pass floats the same way.

    zig accepts a hard-float target for a CPU without naming an FPU, and then silently computes in software.
    """
    if not core.name.startswith("cortex"):
        return
    flags = toolchain.gcc_flags
    if not any(flag == f"-mcpu={core.name}" or flag.startswith(f"-mcpu={core.name}+") for flag in flags):
        raise ValueError(f"toolchain.gcc_flags: -mcpu={core.name} is missing")
    cpu, *features = toolchain.zig_cpu.split("+")
    if cpu != core.name.replace("-", "_"):
        raise ValueError(f"toolchain.zig_cpu: {cpu!r} is not {core.name.replace('-', '_')!r}")
    hard_float = toolchain.zig_target.endswith("eabihf")
    if hard_float != ("-mfloat-abi=hard" in flags):
        raise ValueError("toolchain.gcc_flags: -mfloat-abi=hard and a zig_target that ends in eabihf belong together")
    if not hard_float:
        return
    if core.fpu is None:
        raise ValueError(f"toolchain.zig_target: {toolchain.zig_target} needs an FPU, and core.fpu names none")
    if _ZIG_FPU_FEATURES[core.fpu] not in features:
        raise ValueError(f"toolchain.zig_cpu: +{_ZIG_FPU_FEATURES[core.fpu]} is missing, the name of {core.fpu}")
    if core.name != "cortex-m55" and f"-mfpu={core.fpu}" not in flags:
        raise ValueError(f"toolchain.gcc_flags: -mfpu={core.fpu} is missing")
