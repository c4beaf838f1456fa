"""The C files of a program: kernels, constants, the model that calls them, and task entry points."""

from __future__ import annotations

from collections.abc import Callable

from utvm.codegen.c_text import C_TYPES, CWriter, literal
from utvm.codegen.kernel_files import HEADER_NAMES, UNIT_FILES, begin_file, begin_guard, kernel_files
from utvm.codegen.library_files import library_sources
from utvm.codegen.program import STATE_REGION, Call, CallArgument, PlacedTensor, Program
from utvm.model.tensor import ITEM_SIZE_BYTES

__all__ = [
    "HEADER_NAMES",
    "STATE_BLOCK",
    "UNIT_FILES",
    "arena_definitions",
    "arena_name",
    "call_lines",
    "compiled_files",
    "model_header",
    "reset_lines",
    "source_files",
    "tensor_macros",
]

STATE_BLOCK = "utvm_model_state"
"""C symbol of the block of states in a standalone image."""

Base = Callable[[str], str]
"""From a region, or STATE_REGION, to the C expression of the first byte there."""


def source_files(program: Program) -> dict[str, str]:
    """File name to C text. They need no heap, stdio or libm, and no other file unless UTVM_PROFILE is defined."""
    own = {"model.h": model_header(program), "model.c": _model(program), "tasks.c": _tasks(program)}
    return kernel_files(program) | own


def compiled_files(program: Program) -> tuple[str, ...]:
    """The names of the files that a standalone image is built of; the others are included, or for hosted runs."""
    languages = {unit.language for unit in program.units}
    units = tuple(name for language, name in UNIT_FILES.items() if language in languages)
    return ("model.c", "kernels.c", "constants.c", *units, *library_sources(program))


def model_header(program: Program) -> str:
    """The text of model.h: arenas, activations, the run."""
    out = begin_file(program, "The model")
    begin_guard(out, "model")
    out.line("#include <stdint.h>")
    out.line()
    for region, size_bytes in program.arenas.items():
        out.line(f"#define UTVM_ARENA_{region.upper()}_BYTES {size_bytes}")
    for region in program.arenas:
        out.line(f"extern uint8_t utvm_arena_{region}[UTVM_ARENA_{region.upper()}_BYTES];")
    if program.states:
        out.line(f"#define UTVM_MODEL_STATE_BYTES {program.state_bytes}")
        out.line(f"extern uint8_t {STATE_BLOCK}[UTVM_MODEL_STATE_BYTES];")
    out.line()
    tensor_macros(out, program, arena_name)
    out.line()
    for kind, names in (("input", program.inputs), ("output", program.outputs)):
        for index, name in enumerate(names):
            out.line(f"#define utvm_model_{kind}_{index} T_{program.tensor(name).symbol}")
    out.line()
    out.comment(["Computes the outputs from the inputs, which it may overwrite; 0 on success."])
    out.line("int32_t utvm_model_run(void);")
    out.line()
    if program.states:
        out.comment(["What runs keep for the next begins anew; also to be called before the first run."])
        out.line("void utvm_model_reset(void);")
        out.line()
    out.comment(["Per layer, when compiled with UTVM_PROFILE."])
    out.line(f"#define UTVM_MODEL_LAYER_COUNT {len(program.calls)}")
    out.line("extern const int32_t utvm_model_layer_count;")
    out.line("extern uint64_t utvm_layer_cycles[];")
    out.line()
    out.line("#endif")
    return out.text()


def arena_name(region: str) -> str:
    """The C name of a region's arena, or of the block of states."""
    return STATE_BLOCK if region == STATE_REGION else f"utvm_arena_{region}"


def tensor_macros(out: CWriter, program: Program, base: Base) -> None:
    """`T_symbol` for every activation: a pointer into its arena."""
    out.comment(
        ["Activations in their places. Each holds its value from the layer that writes it to the last that reads it."]
    )
    for tensor in program.tensors:
        shape = "x".join(str(extent) for extent in tensor.shape) or "1"
        pointer = f"({C_TYPES[tensor.dtype]} *)({base(tensor.region)} + {tensor.offset})"
        out.line(f"#define T_{tensor.symbol} ({pointer}) /* {tensor.dtype} {shape} */")


def _model(program: Program) -> str:
    out = begin_file(program, "The model")
    out.line('#include "model.h"')
    out.line()
    out.line('#include "constants.h"')
    out.line('#include "kernels.h"')
    out.line()
    arena_definitions(out, program)
    out.line("#ifdef UTVM_PROFILE")
    out.line('#include "utvm_profile.h"')
    out.line("const int32_t utvm_model_layer_count = UTVM_MODEL_LAYER_COUNT;")
    out.line(f"uint64_t utvm_layer_cycles[{max(len(program.calls), 1)}];")
    out.line("#else")
    out.line("#define utvm_layer_begin(index) ((void)0)")
    out.line("#define utvm_layer_end(index) ((void)0)")
    out.line("#endif")
    out.line()
    if program.states:
        with out.block("void utvm_model_reset(void)"):
            reset_lines(out, program)
        out.line()
    with out.block("int32_t utvm_model_run(void)"):
        out.line("int32_t status = 0;")
        for index, call in enumerate(program.calls):
            out.line()
            outputs = ", ".join(program.tensor(name).symbol for name in call.outputs)
            out.comment([f"{index}: {call.operator} {call.layer} -> {outputs}"])
            out.line(f"utvm_layer_begin({index});")
            call_lines(out, program, call, arena_name)
            out.line(f"utvm_layer_end({index});")
            with out.block("if (status != 0)"):
                out.line("return status;")
        out.line("return status;")
    return out.text()


def arena_definitions(out: CWriter, program: Program) -> None:
    """The arenas and the block of states that model.h declares, and an empty line."""
    for region in program.arenas:
        out.line(f'__attribute__((section(".utvm_arena.{region}"), aligned(16)))')
        out.line(f"uint8_t {arena_name(region)}[UTVM_ARENA_{region.upper()}_BYTES];")
    if program.states:
        out.line(f'__attribute__((section(".utvm_state.{program.state_region}"), aligned(8)))')
        out.line(f"uint8_t {STATE_BLOCK}[UTVM_MODEL_STATE_BYTES];")
    out.line()


def call_lines(out: CWriter, program: Program, call: Call, base: Base) -> None:
    """The call of a kernel, its result in `status`; needs the macros of `tensor_macros`."""
    places = {tensor.name: tensor for tensor in program.tensors}
    types = next(kernel.parameters for kernel in program.kernels if kernel.name == call.kernel)
    texts = [_argument(argument, places, c_type, base) for argument, c_type in zip(call.arguments, types, strict=True)]
    head = f"status = {call.kernel}("
    for index, text in enumerate(texts):
        tail = "," if index + 1 < len(texts) else ");"
        out.line(f"{head if index == 0 else ' ' * len(head)}{text}{tail}")


def reset_lines(out: CWriter, program: Program) -> None:
    """Loops that give every state its initial value; needs the macros of `tensor_macros`."""
    for state in program.states:
        tensor = program.tensor(state.tensor)
        count = tensor.size_bytes // ITEM_SIZE_BYTES[tensor.dtype]
        value = f"{state.initial}[i]" if state.initial else literal(state.fill, tensor.dtype)
        with out.block(f"for (int32_t i = 0; i < {count}; ++i)"):
            out.line(f"T_{tensor.symbol}[i] = {value};")


def _argument(argument: CallArgument, places: dict[str, PlacedTensor], c_type: str, base: Base) -> str:
    if argument.kind == "tensor":
        return f"T_{places[argument.name].symbol}"
    if argument.kind == "constant":
        return argument.name
    return f"({c_type} *)({base(argument.region)} + {argument.offset})"


def _tasks(program: Program) -> str:
    """One entry point of the common task ABI per kernel: `int32_t name_task(void **args)`."""
    out = begin_file(program, "Task entry points")
    out.line('#include "kernels.h"')
    for kernel in program.kernels:
        out.line()
        out.line(f"int32_t {kernel.name}_task(void **args);")
        out.line()
        with out.block(f"int32_t {kernel.name}_task(void **args)"):
            casts = [f"({c_type} *)args[{index}]" for index, c_type in enumerate(kernel.parameters)]
            out.line(f"return {kernel.name}({', '.join(casts)});")
    return out.text()
