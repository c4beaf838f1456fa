"""C by which a host has any one call of a program run and measured, instead of all of them in order."""

from __future__ import annotations

from utvm.codegen.c_text import CWriter
from utvm.codegen.kernel_files import begin_file, kernel_files
from utvm.codegen.model_source import arena_definitions, arena_name, call_lines, compiled_files, model_header
from utvm.codegen.program import Program

SELECTED = "utvm_bench_call"
"""The int32 that a host sets to the index of a call."""

_FILE = "bench.c"


def bench_files(program: Program) -> dict[str, str]:
    """File name to C or assembly text; `bench.c` provides `utvm_model_run`, which runs the selected call."""
    return kernel_files(program) | {"model.h": model_header(program), _FILE: _bench(program)}


def bench_compiled_files(program: Program) -> tuple[str, ...]:
    """The names of the files to compile; the others are included."""
    return (_FILE, *(name for name in compiled_files(program) if name != "model.c"))


def _bench(program: Program) -> str:
    out = begin_file(program, "Calls to be measured")
    for header in ("model.h", "constants.h", "kernels.h", "utvm_profile.h"):
        out.line(f'#include "{header}"')
    out.line()
    arena_definitions(out, program)
    out.line("const int32_t utvm_model_layer_count = 1;")
    out.line("uint64_t utvm_layer_cycles[1];")
    out.line(f"volatile int32_t {SELECTED};")
    out.line()
    with out.block("int32_t utvm_model_run(void)"):
        out.line("int32_t status = -1;")
        out.line(f"switch ({SELECTED}) {{")
        for index in range(len(program.calls)):
            _case(out, program, index)
        out.line("}")
        out.line("return status;")
    return out.text()


def _case(out: CWriter, program: Program, index: int) -> None:
    out.line(f"case {index}:")
    out.line("utvm_layer_begin(0);")
    call_lines(out, program, program.calls[index], arena_name)
    out.line("utvm_layer_end(0);")
    out.line("break;")
