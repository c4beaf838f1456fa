"""Windows beyond 3x3 as blocks of at most 3x3, summed in the frequency domain.

Along an axis, three taps have the four frequencies of F(2, 3). F(2, 2) and F(2, 1) are written with the same A': two
taps do without the third frequency, one tap without the middle two. So all blocks share one result transform, and a
5x5 window takes 7 x 7 products for the 100 of four outputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

FREQUENCIES = 16
"""Of a tile of 2x2 outputs, numbered row by row."""

AXIS_FREQUENCIES = {3: (0, 1, 2, 3), 2: (0, 1, 3), 1: (0, 3)}
"""By the taps of a block along an axis."""

SMALLEST_WINDOW, LARGEST_WINDOW = 3, 7


@dataclass(frozen=True)
class Block:
    """A part of the window: its first row and column, and its taps each way."""

    top: int
    left: int
    rows: int
    columns: int

    @property
    def frequencies(self) -> tuple[int, ...]:
        """Those it has products for."""
        return tuple(
            4 * row + column for row in AXIS_FREQUENCIES[self.rows] for column in AXIS_FREQUENCIES[self.columns]
        )


@dataclass(frozen=True)
class Run:
    """Consecutive places in `Window.order` of so many frequencies with as many blocks each; `begin` counts products."""

    begin: int
    first: int
    frequencies: int
    blocks: int


@dataclass(frozen=True)
class Window:
    """A window of rows x columns taps, 3 ... 7 each.

    Transformed weights and patches are stored by frequency in `order`, within a frequency by block, within a block by
    channel.
    """

    rows: int
    columns: int

    def __str__(self) -> str:
        return f"{self.rows}x{self.columns}"

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """Row by row."""
        rows, columns = _axis_blocks(self.rows), _axis_blocks(self.columns)
        return tuple(Block(top, left, height, width) for top, height in rows for left, width in columns)

    @cached_property
    def order(self) -> tuple[int, ...]:
        """The frequencies, those of most blocks first."""
        return tuple(sorted(range(FREQUENCIES), key=lambda frequency: -len(self.blocks_of(frequency))))

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """The order in parts with as many blocks."""
        found: list[Run] = []
        begin = first = 0
        for blocks, group in groupby(len(self.blocks_of(frequency)) for frequency in self.order):
            frequencies = len(list(group))
            found.append(Run(begin, first, frequencies, blocks))
            begin, first = begin + frequencies * blocks, first + frequencies
        return tuple(found)

    @property
    def products(self) -> int:
        """For a tile of 2x2 outputs, of one channel each way."""
        return sum(len(block.frequencies) for block in self.blocks)

    def blocks_of(self, frequency: int) -> tuple[Block, ...]:
        """Those that have products for the frequency."""
        return tuple(block for block in self.blocks if frequency in block.frequencies)

    def place(self, frequency: int, block: Block) -> int:
        """Where a product's operands are stored, in units of all channels."""
        before = self.order[: self.order.index(frequency)]
        return sum(len(self.blocks_of(each)) for each in before) + self.blocks_of(frequency).index(block)


def _axis_blocks(taps: int) -> list[tuple[int, int]]:
    """(first, taps) of threes and what is left; with a three, no frequency is without products."""
    return [(first, min(3, taps - first)) for first in range(0, taps, 3)]
