"""Write an export to a folder, and write it again over what the user has not touched."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from utvm.errors import ExportError

MANIFEST = ".utvm-export.json"
"""Lists the files of the last export with their SHA-256, so that a later one knows what is the user's."""


def write_export(files: Mapping[str, str | bytes], folder: Path, force: bool = False) -> None:
    """Write files, by path relative to `folder`, which must be new, empty or hold an earlier export.

    Files of the earlier export that are not written again are removed; other files are left alone. Raises ExportError
    naming files that were changed since and would be lost, or that were never ours, unless `force`.
    """
    contents = {name: text.encode() if isinstance(text, str) else text for name, text in files.items()}
    try:
        before = _manifest(folder)
        if not force:
            _check_untouched(folder, before, contents)
        for name in sorted(set(before) - set(contents)):
            (folder / name).unlink(missing_ok=True)
        for name, content in contents.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            staging = path.with_name(f".{path.name}.part")
            staging.write_bytes(content)
            staging.replace(path)
        record = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(contents.items())}
        (folder / MANIFEST).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise ExportError(f"{folder}: cannot be written: {error.strerror or error}") from error


def _manifest(folder: Path) -> dict[str, str]:
    path = folder / MANIFEST
    if not path.is_file():
        if folder.is_dir() and any(folder.iterdir()):
            raise ExportError(f"{folder}: holds other files than an export; give a new folder or empty this one")
        return {}
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ExportError(f"{path}: is damaged ({error}); give a new folder") from error
    if not isinstance(loaded, dict) or not all(_is_entry(folder, name, value) for name, value in loaded.items()):
        raise ExportError(f"{path}: is damaged; give a new folder")
    return loaded


def _is_entry(folder: Path, name: str, digest: object) -> bool:
    """A path that stays inside the folder, and a hash."""
    return isinstance(digest, str) and (folder / name).resolve().is_relative_to(folder.resolve())


def _check_untouched(folder: Path, before: Mapping[str, str], after: Mapping[str, bytes]) -> None:
    lost = []
    for name in sorted(set(before) | set(after)):
        path = folder / name
        if not path.is_file():
            continue
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        is_same = name in after and hashlib.sha256(after[name]).hexdigest() == digest
        if digest != before.get(name) and not is_same:
            lost.append(name)
    if lost:
        raise ExportError(
            f"{folder}: {', '.join(lost)} changed since the last export; "
            "keep a copy and use --force, or give a new folder"
        )
