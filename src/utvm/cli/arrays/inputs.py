"""The inputs of all runs: from the user's files, or random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utvm.cli.arrays.files import read_arrays
from utvm.cli.arrays.fit import describe_input, fit_input
from utvm.codegen.program import PlacedTensor, Program
from utvm.errors import UsageError
from utvm.model.tensor import Array


@dataclass(frozen=True, eq=False)
class InputRuns:
    """Inputs by name for each run, and in words where they come from."""

    runs: tuple[dict[str, Array], ...]
    source: str


def read_inputs(program: Program, files: Sequence[Path], random_runs: int | None, seed: int) -> InputRuns:
    """Inputs from one .npy file per model input, from one .npz file by name, or `random_runs` random ones.

    Without either, one random run. Raises UsageError.
    """
    if files and random_runs is not None:
        raise UsageError("--input and --random exclude each other")
    if not files:
        return random_inputs(program, 1 if random_runs is None else random_runs, seed)
    tensors = tuple(program.tensor(name) for name in program.inputs)
    arrays = _arrays_by_name(tensors, files)
    counts = {name: len(array) for name, (array, _) in arrays.items()}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise UsageError(f"the inputs disagree on the number of runs: {listed}")
    total = next(iter(counts.values()))
    runs = tuple({name: array[index] for name, (array, _) in arrays.items()} for index in range(total))
    return InputRuns(runs, ", ".join(str(path) for path in files))


def random_inputs(program: Program, runs: int, seed: int) -> InputRuns:
    """Inputs uniform over all that an integer dtype holds, and over [-1, 1) for floats; the same for the same seed."""
    generator = np.random.default_rng(seed)
    tensors = [program.tensor(name) for name in program.inputs]
    made = tuple({tensor.name: _random(tensor, generator) for tensor in tensors} for _ in range(runs))
    return InputRuns(made, f"random, seed {seed}")


def _random(tensor: PlacedTensor, generator: np.random.Generator) -> Array:
    if tensor.dtype == "float32":
        return generator.uniform(-1.0, 1.0, tensor.shape).astype(np.float32)
    if tensor.dtype == "bool":
        return generator.integers(0, 2, tensor.shape).astype(np.bool_)
    limits = np.iinfo(tensor.dtype)
    return generator.integers(limits.min, limits.max, tensor.shape, dtype=tensor.dtype, endpoint=True)


def _arrays_by_name(tensors: Sequence[PlacedTensor], files: Sequence[Path]) -> dict[str, tuple[Array, str]]:
    loaded = [(path, read_arrays(path)) for path in files]
    archives = [(path, arrays) for path, arrays in loaded if isinstance(arrays, dict)]
    if archives:
        if len(loaded) > 1:
            raise UsageError(f"{archives[0][0]}: a .npz file holds all inputs; give it alone, or one .npy per input")
        path, arrays = archives[0]
        return _from_archive(tensors, arrays, path)
    if len(loaded) != len(tensors):
        listed = "\n".join(f"  {describe_input(tensor)}" for tensor in tensors)
        raise UsageError(f"the model has {len(tensors)} input(s), given are {len(loaded)} file(s):\n{listed}")
    return {
        tensor.name: (fit_input(array, tensor, str(path)), str(path))
        for tensor, (path, array) in zip(tensors, loaded, strict=True)
        if not isinstance(array, dict)
    }


def _from_archive(
    tensors: Sequence[PlacedTensor], arrays: dict[str, Array], path: Path
) -> dict[str, tuple[Array, str]]:
    if len(tensors) == 1 and len(arrays) == 1:
        arrays = {tensors[0].name: next(iter(arrays.values()))}
    wanted = [tensor.name for tensor in tensors]
    if set(arrays) != set(wanted):
        held = ", ".join(sorted(arrays)) or "nothing"
        raise UsageError(f"{path} holds {held}; the model's inputs are {', '.join(wanted)}")
    return {
        tensor.name: (fit_input(arrays[tensor.name], tensor, f"{path}, {tensor.name}"), str(path)) for tensor in tensors
    }
