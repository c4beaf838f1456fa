"""From C sources to objects that can be linked as a module: compiled, their functions known, task entries made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import MappingProxyType

from utvm.errors import UsageError
from utvm.session.memory import Hole
from utvm.session.objects import KINDS, ObjectFile, read_object
from utvm.session.placed_script import placed_script
from utvm.session.signatures import Signature, read_signatures
from utvm.session.target import Target
from utvm.session.wrappers import SUFFIX, can_wrap, wrapper_source
from utvm.toolchain import CompileJob, Compiler

Source = str | Path
"""C text, or the path of a C or assembly file. A string with a semicolon, brace or line break is C text."""

_ANYWHERE_ADDR, _ANYWHERE_BYTES = 0x4000_0000, 1 << 28
_C_TEXT = frozenset(";{\n")


@dataclass(frozen=True)
class Entry:
    """A function that can be called: the symbol of its task entry point, and its signature if that is known.

    `is_generated` says that the entry point is ours, and leaves its argument array alone.
    """

    symbol: str
    signature: Signature | None
    is_generated: bool = False


@dataclass(frozen=True)
class Built:
    """What a module is linked from. `uncallable` are functions whose arguments no task can pass."""

    objects: tuple[ObjectFile, ...]
    entries: Mapping[str, Entry]
    uncallable: Mapping[str, Signature]

    @property
    def roots(self) -> list[str]:
        """Functions to keep in the module."""
        functions = [name for item in self.objects for name in item.functions]
        return sorted({*functions, *(entry.symbol for entry in self.entries.values())})


class ModuleBuilder:
    """Compiles for one board. `build_dir` gets a folder per module."""

    def __init__(self, compiler: Compiler, target: Target, build_dir: Path) -> None:
        self._compiler, self._target, self._build_dir = compiler, target, build_dir
        self._count = 0

    def build(
        self,
        name: str,
        sources: Sequence[Source],
        include_dirs: Iterable[Path] = (),
        flags: Sequence[str] = (),
        signatures: Mapping[str, str] | None = None,
    ) -> Built:
        """Compile the sources of one module. `signatures` are C prototypes of functions that have no debugging
        information, such as those in assembly. Raises ToolchainError with the compiler's messages."""
        folder = self._folder()
        paths = [
            _as_file(source, folder / f"{name}{f'_{index}' if index else ''}.c") for index, source in enumerate(sources)
        ]
        objects = self._compile(paths, folder, tuple(include_dirs), tuple(flags))
        known = self._signatures(objects, folder)
        for function, prototype in (signatures or {}).items():
            known[function] = self._declared(function, prototype, folder, tuple(include_dirs))
        functions = list(dict.fromkeys(function for item in objects for function in item.functions))
        plain = [known[function] for function in functions if function in known and not known[function].is_task]
        wrapped = [signature for signature in plain if can_wrap(signature)]
        if wrapped:
            text = wrapper_source(wrapped, self._target.word_bytes)
            objects += self._compile([_as_file(text, folder / f"{name}_tasks.c")], folder, (), ("-fno-builtin", "-w"))
        entries = {signature.name: Entry(f"{signature.name}{SUFFIX}", signature, True) for signature in wrapped}
        uncallable = {signature.name: signature for signature in plain if not can_wrap(signature)}
        for function in functions:
            if function not in entries and function not in uncallable:
                entries[function] = Entry(function, known.get(function))
        return Built(tuple(objects), entries, uncallable)

    def compile(
        self,
        sources: Sequence[Path],
        include_dirs: Sequence[Path],
        flags: Sequence[str],
        other_flags: Mapping[str, Sequence[str]],
    ) -> tuple[ObjectFile, ...]:
        """Compile sources that bring their own task entry points; `other_flags` are those of some, by file name."""
        return tuple(self._compile(sources, self._folder(), tuple(include_dirs), tuple(flags), other_flags))

    def _folder(self) -> Path:
        self._count += 1
        folder = self._build_dir / f"build{self._count}"
        folder.mkdir(parents=True)
        return folder

    def _compile(
        self,
        paths: Sequence[Path],
        folder: Path,
        include_dirs: tuple[Path, ...],
        flags: tuple[str, ...],
        other_flags: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> list[ObjectFile]:
        with resources.as_file(resources.files("utvm") / "runtime" / "include") as runtime:
            jobs = [
                CompileJob(
                    path,
                    folder / f"{index}_{path.stem}.o",
                    (*include_dirs, runtime),
                    (*self._target.compile_flags, *other_flags.get(path.name, flags)),
                )
                for index, path in enumerate(paths)
            ]
            return [read_object(path) for path in self._compiler.compile_all(jobs)]

    def _signatures(self, objects: Sequence[ObjectFile], folder: Path) -> dict[str, Signature]:
        known: dict[str, Signature] = {}
        for item in objects:
            found = read_signatures(item.path)
            if found is None:
                found = read_signatures(self._linked_anywhere(item, folder))
            known |= found or {}
        return known

    def _linked_anywhere(self, item: ObjectFile, folder: Path) -> Path:
        """The object linked for its debugging information only, all that it lacks at some address."""
        holes = dict.fromkeys(KINDS, Hole(_ANYWHERE_ADDR, _ANYWHERE_BYTES, "anywhere"))
        script = folder / f"{item.path.stem}.ld"
        symbols = dict.fromkeys(sorted(item.undefined), _ANYWHERE_ADDR)
        script.write_text(placed_script(holes, symbols, item.functions), encoding="utf-8")
        output = folder / f"{item.path.stem}.elf"
        return self._compiler.link([item.path], output, script, extra_flags=self._target.link_flags)

    def _declared(self, function: str, prototype: str, folder: Path, include_dirs: tuple[Path, ...]) -> Signature:
        """A prototype's signature: of a function with that prototype, compiled and never linked."""
        body = f"#include <stdint.h>\n{prototype.strip().rstrip(';')} {{ for (;;) {{ }} }}\n"
        probe = _as_file(body, folder / f"{function}_signature.c")
        found = self._signatures(self._compile([probe], folder, include_dirs, ("-w",)), folder)
        if function not in found:
            raise UsageError(f"the prototype {prototype!r} does not declare {function}")
        return found[function]


def _as_file(source: Source, path: Path) -> Path:
    if isinstance(source, Path) or not _C_TEXT & set(source):
        return Path(source)
    path.write_text(source, encoding="utf-8")
    return path
