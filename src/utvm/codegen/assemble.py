"""From a checked model to a program: kernels generated and shared, constants collected, memory planned."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from utvm.boards import Core
from utvm.codegen.kernel_source import KernelText, kernel_text
from utvm.codegen.library_files import merged
from utvm.codegen.lifetimes import Lifetimes, find_lifetimes
from utvm.codegen.memory_plan import ArenaRegion, Item, MemoryPlan, Slot, StatePlan, plan_memory, plan_states
from utvm.codegen.names import Identifiers
from utvm.codegen.program import (
    STATE_REGION,
    Call,
    CallArgument,
    Constant,
    KernelSource,
    PlacedTensor,
    Program,
    StateValue,
)
from utvm.codegen.scheduling import (
    keep_within_flash,
    overlapping_items,
    schedule_calls,
    scratch_bytes,
    scratch_limits,
    sites_of,
)
from utvm.errors import CodegenError, OutOfMemoryError
from utvm.model.graph import Model
from utvm.model.state import State
from utvm.model.tensor import Array
from utvm.operators import rule_of
from utvm.operators.kernel import AnyKernel, CKernel, CodeUnit, LibraryCode
from utvm.schedules import Schedule, Site

# Where a plan does not fit, schedules are chosen for so much of the memory only; for none of it at last.
_ARENA_SHARES = (None, 1.0, 0.9, 0.75, 0.5, 0.0)


@dataclass(frozen=True)
class Target:
    """What a program is compiled for: a board's name and core, its RAM for activations, most preferred first, and the
    bytes of flash that kernels and constants may take (None: any)."""

    board: str
    core: Core
    regions: tuple[ArenaRegion, ...]
    flash_bytes: int | None = None


@dataclass
class _Collected:
    """Kernels, microkernels and constants, each kept once."""

    identifiers: Identifiers = field(default_factory=Identifiers)
    kernels: dict[KernelText, KernelSource] = field(default_factory=dict)
    units: dict[str, CodeUnit] = field(default_factory=dict)
    constants: dict[tuple[str, str], Constant] = field(default_factory=dict)
    libraries: dict[str, LibraryCode] = field(default_factory=dict)

    def kernel(self, kernel: AnyKernel) -> KernelSource:
        """The C function for a kernel; equal functions are one."""
        text = kernel_text(kernel)
        if text not in self.kernels:
            self.kernels[text] = text.named(self.identifiers.fresh(f"{kernel.stem}_{len(self.kernels)}"))
        for unit in kernel.units if isinstance(kernel, CKernel) else ():
            if self.units.setdefault(unit.name, unit) != unit:
                raise CodegenError(f"two microkernels are named {unit.name} and differ")
        if isinstance(kernel, CKernel) and kernel.library is not None:
            known = self.libraries.get(kernel.library.name)
            self.libraries[kernel.library.name] = kernel.library if known is None else merged(known, kernel.library)
        return self.kernels[text]

    def constant(self, data: Array, owner: str, role: str) -> str:
        """The symbol of a constant; equal data is kept once."""
        key = (data.dtype.name, hashlib.sha256(data.tobytes()).hexdigest())
        if key not in self.constants:
            self.constants[key] = Constant(self.identifiers.fresh(f"{owner}_{role}"), data, owner, role)
        return self.constants[key].symbol


def assemble(
    model: Model,
    target: Target,
    provenance: dict[str, str],
    schedules: Mapping[str, Schedule] | None = None,
) -> Program:
    """The program of a model that has been checked and rewritten.

    `schedules` names schedules by operator; the others get their default.
    """
    lifetimes = find_lifetimes(model)
    collected = _Collected()
    sites = sites_of(model, lifetimes, target.core)
    states = plan_states(lifetimes.states, target.regions, model.name)
    beside = replace(target, regions=states.rest)
    scheduled, plan = _scheduled_and_planned(model.name, beside, sites, lifetimes, schedules or {})
    calls = tuple(
        _call(model, index, site, schedule, kernel, collected, plan)
        for index, (site, (schedule, kernel)) in enumerate(zip(sites, scheduled, strict=True))
    )
    values = tuple(_state_value(state, collected) for state in model.states)
    return Program(
        model=model.name,
        board=target.board,
        tensors=_placed_tensors(model, lifetimes, plan, states),
        constants=tuple(collected.constants.values()),
        kernels=tuple(collected.kernels.values()),
        units=tuple(collected.units.values()),
        calls=calls,
        inputs=model.inputs,
        outputs=model.outputs,
        arenas=plan.used_bytes,
        provenance=provenance | {f"library {code.name}": code.version for code in collected.libraries.values()},
        libraries=tuple(collected.libraries.values()),
        states=values,
        state_bytes=states.size_bytes,
        state_region=states.region,
    )


def _scheduled_and_planned(
    model: str, target: Target, sites: Sequence[Site], lifetimes: Lifetimes, chosen: Mapping[str, Schedule]
) -> tuple[list[tuple[Schedule, AnyKernel]], MemoryPlan]:
    """Schedule and kernel of each call, and where all lies. Where that does not fit, schedules that need less."""
    capacity = sum(region.capacity_bytes for region in target.regions)
    for share in _ARENA_SHARES:
        most_bytes = None if share is None else int(share * capacity)
        scheduled = schedule_calls(sites, chosen, lifetimes.items, target.regions, most_bytes)
        if target.flash_bytes is not None:
            room = scratch_limits(len(sites), lifetimes.items, target.regions, most_bytes)
            scheduled = keep_within_flash(sites, scheduled, chosen, room, target.flash_bytes, model)
        scratch = [
            Item(_scratch_name(index, argument.parameter), argument.size_bytes, index, index)
            for index, (_, kernel) in enumerate(scheduled)
            for argument in kernel.arguments
            if argument.role == "scratch"
        ]
        items = overlapping_items(sites, [schedule for schedule, _ in scheduled], lifetimes)
        try:
            return scheduled, plan_memory([*items, *scratch], target.regions, model)
        except OutOfMemoryError as error:
            failure = error
    raise failure


def _scratch_name(index: int, parameter: str) -> str:
    return f"scratch {parameter} of call {index}"


def _call(
    model: Model,
    index: int,
    site: Site,
    schedule: Schedule,
    kernel: AnyKernel,
    collected: _Collected,
    plan: MemoryPlan,
) -> Call:
    operator = site.operator
    arguments: list[CallArgument] = []
    for argument in kernel.arguments:
        if argument.role == "scratch":
            slot = plan.slots[_scratch_name(index, argument.parameter)]
            arguments.append(
                CallArgument(
                    argument.parameter,
                    "scratch",
                    region=slot.region,
                    offset=slot.offset,
                    size_bytes=argument.size_bytes,
                )
            )
            continue
        data = argument.data if argument.role == "constant" else model.tensors[argument.tensor].data
        if data is None:
            arguments.append(CallArgument(argument.parameter, "tensor", argument.tensor))
        else:
            symbol = collected.constant(data, operator.name, argument.parameter)
            arguments.append(CallArgument(argument.parameter, "constant", symbol))
    return Call(
        layer=operator.name,
        operator=type(operator).__name__,
        kernel=collected.kernel(kernel).name,
        arguments=tuple(arguments),
        outputs=operator.outputs,
        macs=rule_of(operator).macs(operator, site.inputs, site.outputs),
        schedule=str(schedule),
        scratch_bytes=scratch_bytes(kernel),
    )


def _state_value(state: State, collected: _Collected) -> StateValue:
    """A state whose elements are all the same number needs no constant."""
    first = state.initial.flat[0]
    fill = np.full(state.initial.shape, first)
    if fill.tobytes() == state.initial.tobytes() and np.isfinite(first):
        return StateValue(state.tensor, fill=first.item())
    return StateValue(state.tensor, initial=collected.constant(state.initial, state.tensor, "initial"))


def _placed_tensors(
    model: Model, lifetimes: Lifetimes, plan: MemoryPlan, states: StatePlan
) -> tuple[PlacedTensor, ...]:
    identifiers = Identifiers()
    placed = []
    for name, root in lifetimes.storage.items():
        tensor, (first, last) = model.tensors[name], lifetimes.spans[name]
        slot = Slot(STATE_REGION, states.offsets[root]) if root in states.offsets else plan.slots[root]
        placed.append(
            PlacedTensor(
                name=name,
                symbol=identifiers.fresh(name),
                shape=tensor.shape,
                dtype=tensor.dtype,
                quantization=tensor.quantization,
                region=slot.region,
                offset=slot.offset,
                first=first,
                last=last,
            )
        )
    return tuple(placed)
