"""The C file that runs the layers one after the other."""

from __future__ import annotations

from utvm.codegen.c_text import CWriter
from utvm.codegen.kernel_files import begin_file
from utvm.codegen.model_source import call_lines, reset_lines, tensor_macros
from utvm.codegen.program import STATE_REGION, Program
from utvm.export.header import arena_parameters, init_prototype, reset_prototype, run_prototype
from utvm.export.interface import interface
from utvm.export.options import LibraryOptions


def model_c_text(program: Program, options: LibraryOptions) -> str:
    """`init`, `run`, and `reset` if there is state; nothing in writable memory but an arena of the library's own."""
    out = begin_file(program, "The model")
    prefix, macro = options.prefix, options.macro
    out.line(f'#include "{prefix}.h"')
    out.line()
    out.line(f'#include "{prefix}_constants.h"')
    out.line(f'#include "{prefix}_kernels.h"')
    out.line()
    if options.arena == "static":
        for region in program.arenas:
            section = options.sections.get(region)
            placed = f', section("{section}")' if section else ""
            out.line(f"__attribute__((aligned({macro}_ARENA_ALIGNMENT){placed}))")
            out.line(f"static uint8_t own_{region}[{macro}_ARENA_{region.upper()}_BYTES];")
            out.line()
    tensor_macros(out, program, _local)
    out.line()
    out.line(f"#ifndef {macro}_LAYER_HOOKS")
    for edge in ("begin", "end"):
        out.line(f"#define {prefix}_layer_{edge}(model, layer) ((void)0)")
    out.line("#endif")
    out.line()
    if program.states:
        out.comment(["The layout of the state is the memory plan's."])
        out.line(f"typedef char {prefix}_state_is_planned[sizeof({prefix}_state) == {macro}_STATE_BYTES ? 1 : -1];")
        out.line()
        with out.block(reset_prototype(options)):
            reset_lines(out, program)
        out.line()
    _init(out, program, options)
    out.line()
    _run(out, program, options)
    return out.text()


def _local(region: str) -> str:
    """The local variable that holds an arena's address, or where the state begins."""
    return "(uint8_t *)&model->state" if region == STATE_REGION else f"arena_{region}_"


def _init(out: CWriter, program: Program, options: LibraryOptions) -> None:
    given = arena_parameters(program, options)
    with out.block(init_prototype(program, options)):
        for region in program.arenas:
            source = f"(uint8_t *)arena_{region}" if given else f"own_{region}"
            out.line(f"uint8_t *const {_local(region)} = {source};")
        for name in given:
            with out.block(f"if ({name} == 0 || (uintptr_t){name} % {options.macro}_ARENA_ALIGNMENT != 0)"):
                out.line(f"return {options.macro}_ERROR_ARENA;")
        ports = interface(program, options)
        for kind, members in (("input", ports.inputs), ("output", ports.outputs)):
            for port in members:
                out.line(f"model->{kind}.{port.member} = T_{port.tensor.symbol};")
        for region in program.arenas:
            out.line(f"model->arena_{region} = {_local(region)};")
        if program.states:
            out.line(f"{options.prefix}_reset(model);")
        out.line("return 0;")


def _run(out: CWriter, program: Program, options: LibraryOptions) -> None:
    prefix = options.prefix
    used = {argument.region for call in program.calls for argument in call.arguments if argument.kind == "scratch"}
    used |= {
        program.tensor(argument.name).region
        for call in program.calls
        for argument in call.arguments
        if argument.kind == "tensor"
    }
    with out.block(run_prototype(options)):
        for region in program.arenas:
            if region in used:
                out.line(f"uint8_t *const {_local(region)} = model->arena_{region};")
        if not used:
            out.line("(void)model;")
        out.line("int32_t status = 0;")
        for index, call in enumerate(program.calls):
            out.line()
            outputs = ", ".join(program.tensor(name).symbol for name in call.outputs)
            out.comment([f"{index}: {call.operator} {call.layer} -> {outputs}"])
            out.line(f"{prefix}_layer_begin(model, {index});")
            call_lines(out, program, call, _local)
            out.line(f"{prefix}_layer_end(model, {index});")
            with out.block("if (status != 0)"):
                out.line("return status;")
        out.line("return status;")
