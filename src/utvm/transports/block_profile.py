"""What a virtual board says of the basic blocks that ran."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from utvm.errors import TransportError

FIXED_COLUMNS = ["addr", "size", "runs", "instructions", "cycles"]


@dataclass(frozen=True)
class BlockProfile:
    """One basic block as it was translated; blocks may overlap, where one is jumped into. All cycles add up.

    `details` is what the timing model knows besides, such as `lost-pairing` (issue slots) or `fetch-stalls` (cycles).
    """

    addr: int
    size_bytes: int
    runs: int
    instructions: int
    cycles: int
    details: Mapping[str, int] = field(default_factory=dict)


def parse_profile(text: str) -> tuple[BlockProfile, ...]:
    """The lines of `monitor profile dump`. Raises TransportError if they are something else."""
    heading, *lines = text.splitlines() or [""]
    names = heading.split()
    if names[: len(FIXED_COLUMNS)] != FIXED_COLUMNS:
        raise TransportError(f"the board answered {heading!r} instead of a profile")
    blocks = []
    for line in lines:
        try:
            addr, size_bytes, runs, instructions, cycles, *rest = (int(word, 0) for word in line.split())
            details = dict(zip(names[len(FIXED_COLUMNS) :], rest, strict=True))
            blocks.append(BlockProfile(addr, size_bytes, runs, instructions, cycles, details))
        except ValueError as error:
            raise TransportError(f"the board's profile has a line {line!r} that is none") from error
    return tuple(blocks)
