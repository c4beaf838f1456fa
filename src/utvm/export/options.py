"""What the user chooses about an exported library, checked against the program."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Literal

from utvm.codegen.program import Program
from utvm.errors import UsageError

ArenaKind = Literal["caller", "static"]
ARENAS: tuple[ArenaKind, ...] = ("caller", "static")
CONSTANTS = "constants"
"""Beside the names of RAM regions, what can be given a section of its own."""

# Short enough to leave room for the rest of a readable symbol.
_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,23}")
_SECTION = re.compile(r"[A-Za-z0-9_.$]+")
_TAKEN = frozenset({"utvm", "main", "int", "str", "mem", "std", "arm"})


@dataclass(frozen=True)
class LibraryOptions:
    """How the library is made.

    `prefix` begins every global symbol, macro and file name. With `arena` "caller" the application gives memory for
    activations when it sets a model up, and may share it; with "static" the library has its own. `sections` gives
    linker sections to `constants`, and to the static arena of a RAM region by the region's name.
    """

    prefix: str
    arena: ArenaKind = "caller"
    sections: Mapping[str, str] = field(default_factory=dict)

    @property
    def macro(self) -> str:
        """The prefix as macros have it."""
        return self.prefix.upper()


def library_options(
    program: Program, prefix: str | None = None, arena: ArenaKind = "caller", sections: Sequence[str] = ()
) -> LibraryOptions:
    """Checked options; the prefix comes from the model's file name if None, `sections` are NAME=.section.

    Raises UsageError.
    """
    chosen = default_prefix(program.model) if prefix is None else prefix
    if not _PREFIX.fullmatch(chosen) or chosen.lower() in _TAKEN or "__" in chosen or chosen.endswith("_"):
        raise UsageError(
            f"prefix {chosen!r}: give a C identifier of at most 24 letters, digits and single underscores that begins "
            f"with a letter and is none of {', '.join(sorted(_TAKEN))}"
        )
    return LibraryOptions(chosen, arena, _sections(program, arena, sections))


def default_prefix(model: str) -> str:
    """A prefix that resembles a model's file name."""
    stem = re.sub(r"\W+", "_", PurePath(model).stem, flags=re.ASCII).lower()
    stem = re.sub(r"_+", "_", stem).strip("_")[:24].rstrip("_")
    return stem if stem[:1].isalpha() and stem not in _TAKEN else f"model_{stem}"[:24].rstrip("_")


def _sections(program: Program, arena: ArenaKind, texts: Sequence[str]) -> dict[str, str]:
    places = [*program.arenas, CONSTANTS]
    sections: dict[str, str] = {}
    for text in texts:
        place, equals, section = text.partition("=")
        if not equals or place not in places or not _SECTION.fullmatch(section):
            raise UsageError(f"--section {text}: give NAME=.section with NAME one of {', '.join(places)}")
        if place in sections:
            raise UsageError(f"--section {text}: {place} has a section already, {sections[place]}")
        if place != CONSTANTS and arena == "caller":
            raise UsageError(
                f"--section {text}: the arena is the caller's, who places it; add --arena static for one in the library"
            )
        sections[place] = section
    return sections
