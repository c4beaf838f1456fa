"""From a checked model to a program: kernels generated and shared, constants collected, memory planned."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from utvm.codegen.lifetimes import Lifetimes, find_lifetimes
from utvm.codegen.memory_plan import ArenaRegion, Item, MemoryPlan, plan_memory
from utvm.codegen.names import Identifiers
from utvm.codegen.program import Call, CallArgument, Constant, KernelSource, PlacedTensor, Program
from utvm.codegen.tir_to_c import kernel_parameters, kernel_prototype, kernel_to_c
from utvm.model.graph import Model
from utvm.model.operator_types import Operator
from utvm.model.tensor import Array
from utvm.operators import rule_of
from utvm.operators.kernel import Kernel

_PLACEHOLDER = "KERNEL_NAME"


@dataclass
class _Collected:
    """Kernels and constants, each kept once."""

    identifiers: Identifiers = field(default_factory=Identifiers)
    kernels: dict[str, KernelSource] = field(default_factory=dict)
    constants: dict[tuple[str, str], Constant] = field(default_factory=dict)

    def kernel(self, kernel: Kernel) -> KernelSource:
        """The C function for a kernel; equal functions are one."""
        text = kernel_to_c(kernel, _PLACEHOLDER)
        known = self.kernels.get(text)
        if known is None:
            name = self.identifiers.fresh(f"{kernel.stem}_{len(self.kernels)}")
            known = KernelSource(
                name, kernel_prototype(kernel, name), kernel_to_c(kernel, name), kernel_parameters(kernel)
            )
            self.kernels[text] = known
        return known

    def constant(self, data: Array, owner: str, role: str) -> str:
        """The symbol of a constant; equal data is kept once."""
        key = (data.dtype.name, hashlib.sha256(data.tobytes()).hexdigest())
        if key not in self.constants:
            self.constants[key] = Constant(self.identifiers.fresh(f"{owner}_{role}"), data, owner, role)
        return self.constants[key].symbol


def assemble(model: Model, board: str, regions: Sequence[ArenaRegion], provenance: dict[str, str]) -> Program:
    """The program of a model that has been checked and rewritten."""
    lifetimes = find_lifetimes(model)
    collected = _Collected()
    built = [(operator, _build_kernel(model, operator)) for operator in lifetimes.calls]
    scratch = [
        Item(_scratch_name(index, argument.parameter), argument.size_bytes, index, index)
        for index, (_, kernel) in enumerate(built)
        for argument in kernel.arguments
        if argument.role == "scratch"
    ]
    plan = plan_memory([*lifetimes.items, *scratch], regions, model.name)
    calls = tuple(
        _call(model, index, operator, kernel, collected, plan) for index, (operator, kernel) in enumerate(built)
    )
    return Program(
        model=model.name,
        board=board,
        tensors=_placed_tensors(model, lifetimes, plan),
        constants=tuple(collected.constants.values()),
        kernels=tuple(collected.kernels.values()),
        calls=calls,
        inputs=model.inputs,
        outputs=model.outputs,
        arenas=plan.used_bytes,
        provenance=provenance,
    )


def _build_kernel(model: Model, operator: Operator) -> Kernel:
    return rule_of(operator).kernel(operator, model.input_tensors(operator), model.output_tensors(operator))


def _scratch_name(index: int, parameter: str) -> str:
    return f"scratch {parameter} of call {index}"


def _call(
    model: Model, index: int, operator: Operator, kernel: Kernel, collected: _Collected, plan: MemoryPlan
) -> Call:
    arguments: list[CallArgument] = []
    for argument in kernel.arguments:
        if argument.role == "scratch":
            slot = plan.slots[_scratch_name(index, argument.parameter)]
            arguments.append(CallArgument(argument.parameter, "scratch", region=slot.region, offset=slot.offset))
            continue
        data = argument.data if argument.role == "constant" else model.tensors[argument.tensor].data
        if data is None:
            arguments.append(CallArgument(argument.parameter, "tensor", argument.tensor))
        else:
            symbol = collected.constant(data, operator.name, argument.parameter)
            arguments.append(CallArgument(argument.parameter, "constant", symbol))
    inputs, outputs = model.input_tensors(operator), model.output_tensors(operator)
    return Call(
        layer=operator.name,
        operator=type(operator).__name__,
        kernel=collected.kernel(kernel).name,
        arguments=tuple(arguments),
        outputs=operator.outputs,
        macs=rule_of(operator).macs(operator, inputs, outputs),
        schedule="portable",
        scratch_bytes=sum(argument.size_bytes for argument in kernel.arguments),
    )


def _placed_tensors(model: Model, lifetimes: Lifetimes, plan: MemoryPlan) -> tuple[PlacedTensor, ...]:
    identifiers = Identifiers()
    placed = []
    for name, root in lifetimes.storage.items():
        tensor, slot, (first, last) = model.tensors[name], plan.slots[root], lifetimes.spans[name]
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
