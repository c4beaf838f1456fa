"""The manifest of a library: one small TOML file, `utvm-library.toml`, in the library's folder or anywhere else."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from utvm.errors import LibraryError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MANIFEST = "utvm-library.toml"
READY_MADE = "utvm:"
"""Begins the name of templates that come with µTVM, in place of the path of a Python file."""

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,23}$")]
_Text = Annotated[str, StringConstraints(min_length=1)]


class Manifest(BaseModel):
    """What a library is made of. Paths are relative to `root`, which is relative to the manifest.

    `templates` is a Python file beside the manifest, or `utvm:` and a name. `sources` and `licences` may have
    wildcards. `headers` are included where kernels are. `cores` restricts it to some; none means any.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: _Name
    templates: _Text
    version: str = ""
    root: _Text = "."
    sources: tuple[_Text, ...] = ()
    include_dirs: tuple[_Text, ...] = ()
    headers: tuple[_Text, ...] = ()
    flags: tuple[_Text, ...] = ()
    licences: tuple[_Text, ...] = ()
    cores: tuple[_Text, ...] = ()


def read_manifest(path: Path) -> Manifest:
    """Read a manifest; LibraryError naming the file and the key that is wrong."""
    try:
        return Manifest.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise LibraryError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LibraryError(f"{path}: not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise LibraryError(
            f"{path}: {where}: {first['msg']} (docs/bring-your-own-kernels.md lists the keys)"
        ) from error


def expanded(folder: Path, patterns: tuple[str, ...], key: str, manifest: Path) -> list[Path]:
    """The files that paths with wildcards name; LibraryError for a pattern that names none."""
    found: dict[Path, None] = {}
    for pattern in patterns:
        if Path(pattern).is_absolute():
            raise LibraryError(f"{manifest}: {key}: {pattern!r} is not relative to root; set root to where they are")
        matching = sorted(path for path in folder.glob(pattern) if path.is_file())
        if not matching:
            raise LibraryError(f"{manifest}: {key}: there is no file {pattern!r} in {folder}")
        found.update(dict.fromkeys(matching))
    return list(found)
