"""What the templates share: C initialisers, dimensions, and a kernel around one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from utvm.boards import Core
from utvm.model.operator_types import Requantization
from utvm.model.tensor import Array, Tensor
from utvm.operators.kernel import CKernel, KernelArgument
from utvm.schedules import Site

# They have arithmetic of their own on Helium; nobody compared it yet.
_UNTRIED = "is served by other code of CMSIS-NN, with other scratch, which these templates do not know"


def core_refusal(core: Core) -> str:
    """Why the library's functions are not known on a core."""
    return f"{core.name} with MVE {_UNTRIED}" if core.mve else ""


def struct(values: Mapping[str, int | str]) -> str:
    """A C initialiser by name."""
    return "{" + ", ".join(f".{name} = {value}" for name, value in values.items()) + "}"


def dims(n: int = 1, h: int = 1, w: int = 1, c: int = 1) -> str:
    """cmsis_nn_dims."""
    return struct({"n": n, "h": h, "w": w, "c": c})


def dims_of(tensor: Tensor) -> str:
    """cmsis_nn_dims of a tensor in NHWC."""
    n, h, w, c = tensor.shape
    return dims(n, h, w, c)


def tile(pair: tuple[int, int]) -> str:
    """cmsis_nn_tile of (y, x)."""
    return struct({"w": pair[1], "h": pair[0]})


def activation(clamp: tuple[int, int]) -> str:
    """cmsis_nn_activation."""
    return struct({"min": clamp[0], "max": clamp[1]})


def quantization(requantization: Requantization, channels: int | None) -> dict[str, Array]:
    """Multipliers and shifts as constants, of every channel, or as they are for None."""
    count = 1 if channels is None or len(requantization.multipliers) > 1 else channels
    return {
        "multipliers": np.array(requantization.multipliers * count, dtype=np.int32),
        "shifts": np.array(requantization.shifts * count, dtype=np.int32),
    }


def call_kernel(
    site: Site,
    function: str,
    structs: Mapping[str, tuple[str, str]],
    arguments: Sequence[str],
    constants: Mapping[str, Array] | None = None,
    scratch_bytes: int = 0,
    returns_status: bool = True,
) -> CKernel:
    """A kernel that calls `function`.

    `structs` are (type, initialiser) by name; `arguments` name them and the kernel's parameters: input, input1, ... for
    the operator's inputs, output, the constants, and scratch where there is any.
    """
    tensors = {f"input{index or ''}": tensor for index, tensor in enumerate(site.inputs)}
    constants = constants or {}
    lines = [f"static const {c_type} {name} = {value};" for name, (c_type, value) in structs.items()]
    if scratch_bytes:
        lines.append(f"const cmsis_nn_context context = {{.buf = scratch, .size = {scratch_bytes}}};")
    elif "&context" in arguments:
        lines.append("const cmsis_nn_context context = {.buf = 0, .size = 0};")
    call = f"{function}({', '.join(arguments)})"
    if returns_status:
        lines += [f"const int32_t status = (int32_t){call};", "if (status != 0) {", "    return status;", "}"]
    else:
        lines.append(f"{call};")
    used = {name: tensor for name, tensor in tensors.items() if name in arguments}
    scratch = [KernelArgument("scratch", "scratch", size_bytes=scratch_bytes, written=True)] if scratch_bytes else []
    return CKernel(
        stem=function,
        body="\n".join(lines),
        types=(
            *(f"const {'int32_t' if tensor.dtype == 'int32' else 'int8_t'}" for tensor in used.values()),
            *("const int32_t" for _ in constants),
            *("uint8_t" for _ in scratch),
            "int8_t",
        ),
        arguments=(
            *(KernelArgument(name, "tensor", tensor.name) for name, tensor in used.items()),
            *(KernelArgument(name, "constant", data=data) for name, data in constants.items()),
            *scratch,
            KernelArgument("output", "tensor", site.outputs[0].name, written=True),
        ),
        comments=(f"CMSIS-NN's {function}",),
        calls=(function,),
    )


def with_local(kernel: CKernel, name: str, declaration: tuple[str, str]) -> CKernel:
    """A struct whose members are the kernel's parameters, declared before the others."""
    c_type, value = declaration
    return replace(kernel, body=f"const {c_type} {name} = {value};\n{kernel.body}")
