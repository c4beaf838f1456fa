"""Write outputs to a .npy or .npz file: whole or not at all."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from utvm.errors import UsageError
from utvm.model.tensor import Array


def check_output_path(path: Path, output_names: Sequence[str]) -> None:
    """Raise UsageError, before anything runs, if the outputs cannot go there."""
    if path.suffix not in (".npy", ".npz"):
        raise UsageError(f"{path}: outputs are written as .npy or .npz")
    if path.suffix == ".npy" and len(output_names) > 1:
        raise UsageError(
            f"{path}: the model has {len(output_names)} outputs ({', '.join(output_names)}), which need a .npz file"
        )
    if not path.parent.is_dir():
        raise UsageError(f"{path}: there is no folder {path.parent}")
    if path.is_dir():
        raise UsageError(f"{path}: is a folder")


def write_outputs(path: Path, runs: Sequence[Mapping[str, Array]]) -> None:
    """Write the outputs of all runs; the file appears complete.

    One run keeps the tensor's shape; N runs are stacked along a leading extent N, which takes the place of a leading 1.
    """
    arrays = {name: stack_runs([run[name] for run in runs]) for name in runs[0]}
    staging = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            with staging.open("wb") as stream:
                if path.suffix == ".npz":
                    _write_archive(stream, arrays)
                else:
                    np.save(stream, next(iter(arrays.values())), allow_pickle=False)
            staging.replace(path)
        finally:
            staging.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror or error}") from error


def stack_runs(values: Sequence[Array]) -> Array:
    """The values of one output in all runs as one array."""
    if len(values) == 1:
        return values[0]
    first = values[0]
    return np.concatenate(values) if first.ndim and first.shape[0] == 1 else np.stack(values)


def _write_archive(stream: IO[bytes], arrays: Mapping[str, Array]) -> None:
    """What np.savez writes, which cannot: it takes names as keywords, so that no tensor may be called "file"."""
    with zipfile.ZipFile(stream, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.ascontiguousarray(array), allow_pickle=False)
