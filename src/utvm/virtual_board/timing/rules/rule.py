"""One rule of a timing model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """A number the model reads. A switch is 0 or 1; everything else is in cycles unless `meaning` says otherwise.

    `doubt` are other values that the sources leave possible; a range of results comes from trying them.
    """

    name: str
    default: int
    meaning: str
    source: str
    switch: bool = False
    doubt: tuple[int, ...] = ()
    highest: int = 200


def switch(name: str, on: bool, meaning: str, source: str, *, doubtful: bool = False) -> Rule:
    """A rule that is on or off."""
    return Rule(name, int(on), meaning, source, switch=True, doubt=(int(not on),) if doubtful else (), highest=1)
