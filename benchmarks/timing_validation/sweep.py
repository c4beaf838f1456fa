"""Doubt as a range: every value that the sources leave possible for a rule, and what the functions say to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.timing_validation.functions import FunctionResult, run_function
from benchmarks.timing_validation.published import PublishedFunction
from utvm.virtual_board.timing import parse_timing, rules

LONGEST_CYCLES = 100_000  # longer functions say nothing that shorter ones do not


@dataclass(frozen=True)
class SweepResult:
    """The functions' errors with one rule changed; `change` is empty for the rules as they are."""

    change: str
    errors: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean absolute error."""
        return sum(abs(error) for error in self.errors) / len(self.errors)


def run_sweep(
    model: str, functions: Sequence[PublishedFunction], checkouts: Mapping[str, Path]
) -> tuple[SweepResult, ...]:
    """The rules as they are, then each doubtful value that changes a count."""
    short = [function for function in functions if function.cycles <= LONGEST_CYCLES]
    usual = _errors(short, checkouts, model)
    results = [SweepResult("", usual)]
    for rule in rules(model):
        for value in rule.doubt:
            choice = str(parse_timing(f"{model},{rule.name}={value}", model))
            errors = _errors(short, checkouts, choice)
            if errors != usual:
                results.append(SweepResult(choice.partition(",")[2], errors))
    return tuple(results)


def _errors(functions: Sequence[PublishedFunction], checkouts: Mapping[str, Path], timing: str) -> tuple[float, ...]:
    found: list[FunctionResult] = [run_function(function, checkouts, timing) for function in functions]
    return tuple(result.error for result in found)
