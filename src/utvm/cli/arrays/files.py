"""Read .npy and .npz files, which may be anything at all."""

from __future__ import annotations

import struct
import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

from utvm.errors import UsageError
from utvm.model.tensor import Array

# What numpy lets through from a damaged header, and zipfile from a damaged archive (RuntimeError: "encrypted").
_DAMAGED_HEADER = (EOFError, MemoryError, OverflowError, SyntaxError, TypeError, ValueError, tokenize.TokenError)
_DAMAGED_ARCHIVE = (KeyError, NotImplementedError, RuntimeError, struct.error, zipfile.BadZipFile, zlib.error)
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def read_arrays(path: Path) -> Array | dict[str, Array]:
    """The array of a .npy file, or the arrays by name of a .npz file. Raises UsageError; never unpickles."""
    try:
        # Mapped, so that a header that promises more than the file holds fails before memory is taken.
        loaded = np.load(path, mmap_mode="r", allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return np.array(loaded)
        with loaded:
            if any(entry.compress_type not in _COMPRESSIONS for entry in loaded.zip.infolist()):
                raise UsageError(f"{path}: is compressed in a way that numpy does not write")
            return {name: loaded[name] for name in loaded.files}
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (*_DAMAGED_HEADER, *_DAMAGED_ARCHIVE) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if "pickle" in reason or "Python objects" in reason:
            reason = "it holds Python objects, or is another kind of file"
        raise UsageError(f"{path}: not a readable .npy or .npz file of numbers: {reason}") from error
