"""Whole published functions on the models."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benchmarks.timing_validation.harness import Bench, Code, board_for, build
from benchmarks.timing_validation.published import MEMORY_FUNCTIONS, PublishedFunction
from utvm.errors import UsageError

WARM_CALLS = 3


@dataclass(frozen=True)
class FunctionResult:
    """Cycles of a warm call on the model beside the published ones."""

    function: PublishedFunction
    modelled_cycles: int

    @property
    def error(self) -> float:
        """Relative to the published figure, without what that contains beyond the function."""
        expected = self.function.cycles - self.function.overhead_cycles
        return self.modelled_cycles / expected - 1


def run_function(
    function: PublishedFunction, checkouts: Mapping[str, Path], timing: str | None = None
) -> FunctionResult:
    """Call a function until its branches are predicted, and take the last call."""
    code = _code(function, checkouts[function.checkout])
    bench = Bench(code, board_for(function.model), timing or function.model)
    seed = bytes((7 * i + 3) & 0x1F for i in range(0x3000))
    cycles = 0
    for _ in range(WARM_CALLS):
        bench.memory.write(0x2000_0FF0, seed)
        cycles = bench.call(function.entry, function.registers, function.stacked)
    return FunctionResult(function, cycles)


def available(functions: Sequence[PublishedFunction], checkouts: Mapping[str, Path]) -> list[PublishedFunction]:
    """Those whose repository's checkout was given."""
    return [function for function in functions if function.checkout in checkouts]


@cache
def _code(function: PublishedFunction, checkout: Path) -> Code:
    sources = [(Path(file).name, _source(checkout, function.commit, file)) for file in function.files]
    sources = [(name.removesuffix(".s") + ".S" if name.endswith(".s") else name, text) for name, text in sources]
    headers = [(Path(file).name, at_commit(checkout, function.commit, file)) for file in function.headers]
    return build(sources, board_for(function.model), flags=function.flags, headers=headers, gcc_first=True)


def _source(checkout: Path, commit: str, file: str) -> bytes:
    if file == MEMORY_FUNCTIONS:
        return (Path(__file__).parent / file).read_bytes()
    return at_commit(checkout, commit, file)


def at_commit(checkout: Path, commit: str, file: str) -> bytes:
    """A file of a checkout, bare or not, as it was at a commit; UsageError if it is not there."""
    command = ["git", "-C", str(checkout), "show", f"{commit}:{file}"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise UsageError(f"{checkout}: no {file} at {commit}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
