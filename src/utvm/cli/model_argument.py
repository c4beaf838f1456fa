"""The MODEL argument: a model file to compile, or a folder that `utvm compile -o` saved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from utvm.cli.compilation import Compilation
from utvm.cli.library_options import check_preferred
from utvm.errors import UsageError

if TYPE_CHECKING:
    from utvm.boards import Board
    from utvm.cli.services import Stage, ToolchainChoice
    from utvm.codegen.program import Program
    from utvm.model import Model
    from utvm.schedules import Schedule


@dataclass(frozen=True)
class LoadedProgram:
    """A program and its board; `model` is what the program was compiled from, None for a saved one."""

    program: Program
    board: Board
    model: Model | None


def load_or_compile(
    path: Path,
    board_name: str | None,
    stage: Stage,
    how: Compilation = Compilation(),  # noqa: B008 - frozen
    toolchain: ToolchainChoice = "auto",
) -> LoadedProgram:
    """Compile a model file for the board, or load a saved program as it is.

    Records of another compiler than `toolchain` are stale. Raises UsageError when there is no board, or another than
    the one a saved program is for, or options that nothing is compiled with.
    """
    from utvm.boards import load_board

    if how.records and (path.is_dir() or how.kernels == "portable"):
        raise UsageError("--schedules is for compiling a model file with fast kernels; leave it out")
    if path.is_dir():
        if how.max_ram_bytes is not None or how.max_flash_bytes is not None:
            raise UsageError(
                f"{path} is compiled already: give --max-ram and --max-flash when compiling the model file"
            )
        from utvm.codegen.program_io import load_program

        stage(f"Loading {path.name}")
        program = load_program(path)
        board = load_board(board_name or program.board)
        if board.name != program.board:
            raise UsageError(f"{path} was compiled for {program.board}, not for {board.name}; compile the model again")
        return LoadedProgram(program, board, None)
    if board_name is None:
        raise UsageError("--board is needed to compile a model; `utvm boards` lists the boards")
    board = load_board(board_name)
    stage(f"Reading {path.name}")
    from utvm.compiler import compile_model, compile_portable, load_model
    from utvm.schedules import registry

    if registry.preferred() and how.kernels == "portable":
        raise UsageError("--prefer is for fast kernels; leave out --kernels portable")
    model = load_model(path)
    stage(f"Compiling {path.name} for {board.name}")
    if how.kernels == "portable":
        return LoadedProgram(compile_portable(model, board, how.limits), board, model)
    schedules = recorded_schedules(how, model, board, toolchain) if how.records else {}
    program = compile_model(model, board, schedules, how.limits)
    if registry.preferred():
        check_preferred(program, model, board)
    return LoadedProgram(program, board, model)


def recorded_schedules(how: Compilation, model: Model, board: Board, toolchain: ToolchainChoice) -> dict[str, Schedule]:
    """The best schedules that files of tuning records have for the model; what is not used is said."""
    from utvm.cli.output import note
    from utvm.errors import ToolchainError
    from utvm.toolchain import find_compiler
    from utvm.tuning.apply import apply_records
    from utvm.tuning.records import load_records

    try:
        version = find_compiler(board, toolchain).version
    except ToolchainError:  # compiling to C needs none
        version = None
    loaded = load_records(how.records)
    applied = apply_records(loaded, model, board, version, how.limits)
    for remark in (*loaded.remarks, *applied.remarks):
        note(f"utvm: schedules: {remark}")
    return applied.schedules


def reference_model(loaded: LoadedProgram, reference: Path | None, stage: Stage) -> Model:
    """The model whose numpy reference the outputs are checked against.

    Raises UsageError when a saved program comes without its model file, or with another model's.
    """
    if loaded.model is not None and reference is None:
        return loaded.model
    if reference is None:
        raise UsageError(
            f"a saved program does not hold its model: give the file with --reference {loaded.program.model}"
        )
    from utvm.compiler import load_model

    stage(f"Reading {reference.name}")
    model = load_model(reference)
    compiled_from = loaded.program.provenance.get("model_sha256")
    if model.source_hash != compiled_from:
        raise UsageError(
            f"{reference} is not the file that {loaded.program.model} was compiled from: "
            f"its SHA-256 is {model.source_hash}, not {compiled_from}"
        )
    return model
