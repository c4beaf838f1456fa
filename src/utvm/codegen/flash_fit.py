"""Which schedule each call gets where flash is short: the fewest cycles in all that the bytes allow."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from utvm.codegen.flash_size import Pieces, flash_pieces, total_bytes
from utvm.errors import OutOfMemoryError
from utvm.operators.kernel import AnyKernel
from utvm.schedules import Schedule, Site, scheduled_kernel

# So many combinations are all tried; of more, the one that a descent finds.
_MOST_COMBINATIONS = 4096
# Of so many options pairs are exchanged too.
_MOST_IN_PAIRS = 100


@dataclass(frozen=True, eq=False)
class Choice:
    """A schedule of a call, its kernel, the cycles it takes or is thought to take, and what it keeps in flash."""

    schedule: Schedule
    kernel: AnyKernel
    cycles: float
    pieces: Pieces


def choice_of(site: Site, schedule: Schedule, cycles: float) -> Choice:
    """Raises ScheduleError for an illegal schedule."""
    kernel = scheduled_kernel(site, schedule)
    return Choice(schedule, kernel, cycles, flash_pieces(site, kernel))


def fit_flash(calls: Sequence[Sequence[Choice]], flash_bytes: int, model: str) -> list[Choice]:
    """One option per call: those of the fewest cycles, of all combinations that fit or as far as single exchanges lead.

    `flash_bytes` is what kernels and constants may take. Raises OutOfMemoryError naming the smallest size there is.
    """
    fastest = [min(options, key=lambda option: option.cycles) for options in calls]
    if _bytes(fastest) <= flash_bytes:
        return fastest
    if math.prod(len(options) for options in calls) <= _MOST_COMBINATIONS:
        combinations = [list(combination) for combination in itertools.product(*calls)]
        fitting = [combination for combination in combinations if _bytes(combination) <= flash_bytes]
        if fitting:
            return min(fitting, key=_cycles)
        raise _does_not_fit(min(combinations, key=_bytes), flash_bytes, model)
    chosen = _descend(calls, fastest, flash_bytes, model)
    while (better := _upgrade(calls, chosen, flash_bytes)) is not None:
        chosen = better
    return chosen


def _descend(
    calls: Sequence[Sequence[Choice]], fastest: Sequence[Choice], flash_bytes: int, model: str
) -> list[Choice]:
    """Exchange what loses the fewest cycles per byte saved, until all fits."""
    chosen, size = list(fastest), _bytes(fastest)
    while size > flash_bytes:
        exchanges = []
        for index, options in enumerate(calls):
            for option in options:
                saved = size - _bytes([*chosen[:index], option, *chosen[index + 1 :]])
                if saved > 0:
                    # No more than what is missing counts: a small exchange may do where a large one costs more.
                    price = (option.cycles - chosen[index].cycles) / min(saved, size - flash_bytes)
                    exchanges.append((price, index, saved, option))
        if not exchanges:  # what several share goes with the last of them only
            chosen = [min(options, key=lambda option: sum(option.pieces.values())) for options in calls]
            if _bytes(chosen) > flash_bytes:
                raise _does_not_fit(chosen, flash_bytes, model)
            return chosen
        _, index, saved, option = min(exchanges, key=lambda exchange: exchange[:3])
        chosen[index], size = option, size - saved
    return chosen


def _upgrade(calls: Sequence[Sequence[Choice]], chosen: Sequence[Choice], flash_bytes: int) -> list[Choice] | None:
    """The exchange of one option, or of two at once, that saves the most cycles and still fits."""
    best: list[Choice] | None = None
    singles = [(index, option) for index, options in enumerate(calls) for option in options if option != chosen[index]]
    pairs = itertools.combinations(singles, 2) if len(singles) <= _MOST_IN_PAIRS else ()
    for exchanges in itertools.chain(((one,) for one in singles), pairs):
        changed = list(chosen)
        for index, option in exchanges:
            changed[index] = option
        if _cycles(changed) < _cycles(best or chosen) and _bytes(changed) <= flash_bytes:
            best = changed
    return best


def _bytes(options: Sequence[Choice]) -> int:
    return total_bytes(option.pieces for option in options)


def _cycles(options: Sequence[Choice]) -> float:
    return sum(option.cycles for option in options)


def _does_not_fit(smallest: Sequence[Choice], flash_bytes: int, model: str) -> OutOfMemoryError:
    needed = _bytes(smallest)
    return OutOfMemoryError(
        f"{model}: the smallest kernels and their constants need {needed:,} bytes of flash, {flash_bytes:,} are there "
        f"for them: short by {needed - flash_bytes:,}. Try a larger --max-flash, or a board with more flash."
    )
