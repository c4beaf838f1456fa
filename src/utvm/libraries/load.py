"""A library from a path: a folder with a manifest, the manifest itself, or one Python file with templates."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
import traceback
from pathlib import Path
from types import ModuleType

from utvm.errors import LibraryError
from utvm.libraries import ready_made
from utvm.libraries.library import Library
from utvm.libraries.manifest import MANIFEST, READY_MADE, Manifest, expanded, read_manifest
from utvm.libraries.sources import Sources
from utvm.schedules.template import Template


def load_library(path: Path) -> Library:
    """Load a library; its Python runs. Raises LibraryError saying which file or key is wrong."""
    if not path.exists():
        raise LibraryError(f"--library {path}: there is no such file or folder")
    if path.suffix == ".py":
        name = path.stem.replace("_", "-").lower()
        return _loaded(path, _manifest_of_python(path, name), path.parent)
    manifest = path / MANIFEST if path.is_dir() else path
    if not manifest.is_file():
        raise LibraryError(f"--library {path}: the folder has no {MANIFEST} (docs/bring-your-own-kernels.md)")
    return _loaded(manifest, read_manifest(manifest), manifest.parent)


def _manifest_of_python(path: Path, name: str) -> Manifest:
    try:
        return Manifest(name=name, templates=path.name)
    except ValueError as error:
        raise LibraryError(f"--library {path}: name the file in lower-case letters, digits and underscores") from error


def _loaded(path: Path, manifest: Manifest, folder: Path) -> Library:
    if manifest.name.startswith("utvm"):
        raise LibraryError(f"{path}: name: {manifest.name!r} begins like our own files; call it otherwise")
    root = (folder / manifest.root).resolve()
    if not root.is_dir():
        raise LibraryError(f"{path}: root: there is no folder {root}")
    include_dirs = [(root / name).resolve() for name in manifest.include_dirs]
    for directory in include_dirs:
        if not directory.is_dir():
            raise LibraryError(f"{path}: include_dirs: there is no folder {directory}")
    sources = [file.resolve() for file in expanded(root, manifest.sources, "sources", path)]
    for file in sources:
        if file.suffix not in (".c", ".S"):
            raise LibraryError(f"{path}: sources: {file.name} is neither C (.c) nor preprocessed assembly (.S)")
    identifier = manifest.name.replace("-", "_")
    templates, python = _templates(path, manifest, folder)
    library = Library(
        path,
        manifest,
        templates,
        Sources(manifest.name, identifier, root, sources, include_dirs),
        expanded(root, manifest.licences, "licences", path),
        python,
    )
    library.code(())  # headers that are missing are told now
    return library


def _templates(path: Path, manifest: Manifest, folder: Path) -> tuple[tuple[Template, ...], bytes]:
    if manifest.templates.startswith(READY_MADE):
        name = manifest.templates.removeprefix(READY_MADE)
        try:
            module = importlib.import_module(f"{ready_made.__name__}.{name}")
        except ModuleNotFoundError as error:
            there = ", ".join(sorted(found.name for found in pkgutil.iter_modules(ready_made.__path__)))
            raise LibraryError(f"{path}: templates: utvm has none named {name!r}; it has {there}") from error
        source = Path(str(module.__file__))
        files = sorted(Path(str(ready_made.__file__)).parent.rglob("*.py"))
        python = b"".join(file.read_bytes() for file in files)
    else:
        source = folder / manifest.templates
        if not source.is_file():
            raise LibraryError(f"{path}: templates: there is no file {source}")
        module, python = _run(source, manifest.name), source.read_bytes()
    templates = getattr(module, "TEMPLATES", None)
    if not isinstance(templates, (tuple, list)) or not all(isinstance(item, Template) for item in templates):
        raise LibraryError(f"{source}: wants TEMPLATES = (...), its instances of utvm.schedules.Template subclasses")
    names = [template.name for template in templates]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None or not names:
        what = f"two templates are named {twice}" if twice is not None else "TEMPLATES is empty"
        raise LibraryError(f"{source}: {what}")
    return tuple(templates), python


def _run(source: Path, name: str) -> ModuleType:
    """The user's Python as a module, loaded anew each time."""
    title = f"utvm_library_{name.replace('-', '_')}"
    spec = importlib.util.spec_from_file_location(title, source)
    if spec is None or spec.loader is None:
        raise LibraryError(f"{source}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[title] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(source)]
        where = f"{source}:{lines[-1]}" if lines else str(source)
        raise LibraryError(f"{where}: {type(error).__name__}: {error}") from error
    return module
