"""Where the cycles of a run went: layers, functions, basic blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from utvm.report.disassembly import KINDS, Instruction, disassemble, instruction_mix
from utvm.report.run import LayerReport, RunReport

if TYPE_CHECKING:
    from utvm.codegen.program import Program
    from utvm.session.profile import Profile
    from utvm.toolchain import Elf
    from utvm.transports import BlockProfile

UNKNOWN_FUNCTION = "(no symbol)"


@dataclass(frozen=True)
class BlockReport:
    """One basic block: how often it ran, for how many cycles in all, and its code.

    `details` is what the timing model knows besides: issue slots lost by cause, stall cycles, mispredictions.
    """

    addr: int
    offset: int
    runs: int
    instructions: int
    cycles: int
    details: Mapping[str, int]
    code: tuple[Instruction, ...]


@dataclass(frozen=True)
class FunctionReport:
    """One function's blocks, hottest first, and their sums. `layers` are those whose kernel it is.

    `mix` counts executed instructions by kind.
    """

    name: str
    addr: int
    layers: tuple[str, ...]
    instructions: int
    cycles: int
    details: Mapping[str, int]
    mix: Mapping[str, int]
    blocks: tuple[BlockReport, ...]


@dataclass(frozen=True, eq=False)
class ProfileReport:
    """A run; with blocks also its functions, hottest first, whose cycles add up to `counted_cycles`.

    Those are a few more than the run's: between the layers the runtime works too.
    """

    run: RunReport
    functions: tuple[FunctionReport, ...] | None

    @property
    def counted_cycles(self) -> int:
        """Cycles of all blocks."""
        return sum(function.cycles for function in self.functions or ())


def profile_report(run: RunReport, program: Program, hottest: tuple[Elf, Profile] | None) -> ProfileReport:
    """The report of one run, with its blocks by function if they were counted in an image."""
    if hottest is None:
        return ProfileReport(run, None)
    elf, profile = hottest
    by_function: dict[tuple[str, int], list[BlockProfile]] = {}
    finder = _FunctionFinder(elf)
    for block in profile.blocks:
        by_function.setdefault(finder.find(block.addr), []).append(block)
    functions = [_function(*key, blocks, profile, program) for key, blocks in by_function.items()]
    return ProfileReport(run, tuple(sorted(functions, key=lambda function: (-function.cycles, function.addr))))


def cycles_per_mac(layer: LayerReport) -> float | None:
    """None for a layer that multiplies nothing."""
    return layer.cycles / layer.macs if layer.macs else None


def _function(
    name: str, addr: int, blocks: Sequence[BlockProfile], profile: Profile, program: Program
) -> FunctionReport:
    reports = [
        BlockReport(
            addr=block.addr,
            offset=block.addr - addr,
            runs=block.runs,
            instructions=block.instructions,
            cycles=block.cycles,
            details=block.details,
            code=disassemble(profile.code_of(block), block.addr),
        )
        for block in blocks
    ]
    mix = dict.fromkeys(KINDS, 0)
    for report in reports:
        for kind, number in instruction_mix(report.code).items():
            mix[kind] += number * report.runs
    return FunctionReport(
        name=name,
        addr=addr,
        layers=tuple(call.layer for call in program.calls if call.kernel == name),
        instructions=sum(block.instructions for block in blocks),
        cycles=sum(block.cycles for block in blocks),
        details={
            key: sum(block.details.get(key, 0) for block in blocks)
            for key in dict.fromkeys(key for block in blocks for key in block.details)
        },
        mix=mix,
        blocks=tuple(sorted(reports, key=lambda block: (-block.cycles, block.addr))),
    )


class _FunctionFinder:
    """The function an address belongs to: that with a size around it, else the label before it."""

    def __init__(self, elf: Elf) -> None:
        self._symbols = sorted(elf.symbols.values(), key=lambda symbol: (symbol.addr, symbol.size_bytes))

    def find(self, addr: int) -> tuple[str, int]:
        """Name and address of the function."""
        label: tuple[str, int] = (UNKNOWN_FUNCTION, addr)
        around: tuple[str, int] | None = None
        for symbol in self._symbols:
            if symbol.addr > addr:
                break
            if addr < symbol.addr + symbol.size_bytes:
                around = symbol.name, symbol.addr
            elif not symbol.size_bytes:
                label = symbol.name, symbol.addr
        return around or label
