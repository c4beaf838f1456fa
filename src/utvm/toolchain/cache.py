"""Compiled objects, kept between runs in the user's cache directory."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

_OBJECTS_PER_SHARD = 32


def cache_directory() -> Path:
    """$XDG_CACHE_HOME/utvm, or ~/.cache/utvm."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "utvm"


def content_key(*texts: str) -> str:
    """Hash of the texts in order; each is delimited, so that none runs into the next."""
    digest = hashlib.sha256()
    for text in texts:
        data = text.encode()
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


class ObjectCache:
    """Files by key. Safe with parallel processes: a file appears whole or not at all.

    Holds at most 32 files per leading byte of the key, the least recently used going first. A cache that cannot be
    written (read-only home, full disk) is the same as an empty one.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self.directory = directory if directory is not None else cache_directory() / "objects"

    def _path(self, key: str) -> Path:
        return self.directory / key[:2] / key[2:]

    def fetch(self, key: str, output: Path) -> bool:
        """Copy the file of that key to `output`; False if there is none."""
        path = self._path(key)
        try:
            _copy_whole(path, output)
        except OSError:
            return False
        with contextlib.suppress(OSError):
            os.utime(path)
        return True

    def store(self, key: str, source: Path) -> None:
        """Keep a copy of `source` under that key."""
        path = self._path(key)
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            _copy_whole(source, path)
            self._forget_oldest(path.parent)

    def _forget_oldest(self, shard: Path) -> None:
        by_age = sorted(shard.iterdir(), key=lambda path: path.stat().st_mtime)
        for path in by_age[:-_OBJECTS_PER_SHARD]:
            path.unlink(missing_ok=True)


def _copy_whole(source: Path, target: Path) -> None:
    """Copy by way of a temporary file beside the target and a rename."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".new-")
    os.close(handle)
    temporary = Path(name)
    try:
        shutil.copyfile(source, temporary)
        temporary.replace(target)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
