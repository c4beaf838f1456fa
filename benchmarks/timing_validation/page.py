"""docs/timing.md, from results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.timing_validation.coremark import CoreMarkResult
from benchmarks.timing_validation.functions import FunctionResult
from benchmarks.timing_validation.memory import SOURCE as MEMORY_SOURCE
from benchmarks.timing_validation.memory import StreamingResult
from benchmarks.timing_validation.micro import MicroResult
from benchmarks.timing_validation.speed import MACS, SpeedResult
from benchmarks.timing_validation.sweep import SweepResult
from utvm.virtual_board.timing import rules
from utvm.virtual_board.timing.rules import ONE_CYCLE, Rule, models

_INTRODUCTION = """# Timing: how the virtual board counts cycles, and how well

This page is written by `python -m benchmarks.timing_validation --write docs/timing.md` with the checkouts it asks for;
do not edit it. Every figure called modelled comes from the virtual board, every other from hardware, by the source
beside it.

```
utvm virtual-board stm32f746-disco --timing cortex-m7,mac-load-pairing=off --memory board
```
`--timing` names a model (by default that of the board's core) and changes rules; `one-cycle` counts instructions and is
what cores without a model get. `--memory board` adds the wait states and caches of the board file; `zero-wait`, the
default, leaves them out. Counts are integers and the same in every run, process and host.

A model is evaluated in C per basic block and state of the core: when each register is ready, what may still be paired,
how old the flags are. Blocks met again in the same state cost a comparison, so loops are counted exactly and cheaply.
"""


@dataclass(frozen=True)
class Results:
    """Everything the page shows."""

    micro: Sequence[MicroResult]
    functions: Sequence[FunctionResult]
    sweeps: dict[str, tuple[SweepResult, ...]]
    streaming: Sequence[StreamingResult]
    coremark: Sequence[CoreMarkResult]
    speed: Sequence[SpeedResult]


def page(results: Results) -> str:
    """The page as Markdown."""
    parts = [
        _INTRODUCTION,
        _summary(results),
        _functions(results),
        _streaming(results),
        _coremark(results),
        _speed(results),
    ]
    parts.append(Path(__file__).with_name("known_limits.md").read_text(encoding="utf-8"))
    parts += [_micro(results), _sweeps(results), _rules()]
    return "\n".join(parts)


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; cells may not contain bars."""
    lines = [" | ".join(header), " | ".join("---" for _ in header)]
    lines += [" | ".join(str(cell) for cell in row) for row in rows]
    return "".join(f"| {line} |\n" for line in lines)


def percent(error: float) -> str:
    """A signed percentage."""
    return f"{error:+.1%}".replace("%", " %")


def mean_and_maximum(results: Sequence[FunctionResult] | Sequence[StreamingResult]) -> tuple[float, float]:
    """Mean and maximum absolute error."""
    errors = [abs(result.error) for result in results]
    return sum(errors) / len(errors), max(errors)


def _of_model(results: Results, model: str) -> list[FunctionResult]:
    return [result for result in results.functions if result.function.model == model]


def _summary(results: Results) -> str:
    rows = []
    for model in models():
        functions = _of_model(results, model)
        micro = [result for result in results.micro if result.micro.model == model]
        right = sum(abs(result.modelled_cycles - result.micro.cycles) < 1e-9 for result in micro)
        if not micro:
            continue
        errors = (
            [f"{value:.2%}".replace("%", " %") for value in mean_and_maximum(functions)] if functions else ["none"] * 2
        )
        rows.append((model, len(functions), *errors, f"{right} of {len(micro)}"))
    header = ("model", "whole functions", "mean error", "largest error", "micro-benchmarks met exactly")
    return f"## Summary\n\n{table(header, rows)}"


def _functions(results: Results) -> str:
    parts = ["## Whole functions against hardware\n"]
    for model in models():
        rows = [
            (
                result.function.name,
                f"{result.function.cycles:,}"
                + (f" - {result.function.overhead_cycles}" if result.function.overhead_cycles else ""),
                f"{result.modelled_cycles:,}",
                percent(result.error),
                result.function.source,
            )
            for result in _of_model(results, model)
        ]
        if rows:
            header = ("function", "published cycles", "modelled", "error", "source")
            parts.append(f"### {model}\n\n{table(header, rows)}")
    parts.append("What is subtracted is the measuring loop's overhead, or the call, as the authors describe it.\n")
    return "\n".join(parts)


def _streaming(results: Results) -> str:
    rows = [
        (
            result.cost.board,
            result.cost.unit,
            f"{result.cost.cycles:,}",
            f"{result.modelled_cycles:,.2f}",
            percent(result.error),
        )
        for result in results.streaming
    ]
    header = ("board", "of what", "derived from hardware", "modelled", "error")
    return (
        f"## Memories: weights in flash instead of RAM\n\n{table(header, rows)}\n"
        f"Extra cycles; source: {MEMORY_SOURCE}. The board files' figures were chosen with these in view, so this\n"
        "checks that caches and hooks add up, not that they predict.\n"
    )


def _coremark(results: Results) -> str:
    rows = [
        (result.model, result.optimization, f"{result.zero_wait:.2f}", f"{result.board:.2f}", result.published)
        for result in results.coremark
    ]
    header = ("model", "flags", "zero wait", "with the board's memories", "published, other compilers")
    return (
        f"## CoreMark per megahertz\n\n{table(header, rows)}\n"
        "Branchy compiled code. Compiler and flags differ from the published runs, so this shows no more than that\n"
        "the models are not far off there. ST publishes 2.23 for the STM32G0, 0.91 of Arm's zero-wait figure.\n"
    )


def _speed(results: Results) -> str:
    base = results.speed[0].seconds
    rows = [
        (
            result.timing,
            result.memory_timing,
            f"{result.seconds:.3f}",
            f"{result.seconds / base:.1f}",
            f"{result.cycles:,}",
        )
        for result in results.speed
    ]
    header = ("timing", "memory", "seconds of processor time", "times the untimed", "cycles")
    return (
        f"## Speed of the emulation\n\nA naive int8 convolution of {MACS / 1e6:.2f} million MACs, on the machine that "
        f"made this page.\n\n{table(header, rows)}"
    )


def _micro(results: Results) -> str:
    parts = [
        "## Micro-benchmarks against cited figures\n\n"
        "Cycles per copy or per turn, from the difference of two lengths.\n"
    ]
    for model in models():
        rows = [
            (
                result.micro.name,
                f"`{result.micro.body}`",
                f"{result.micro.cycles:g}",
                f"{result.modelled_cycles:g}",
                " ".join(result.micro.rules) or "-",
                result.micro.source.partition(",")[0].partition(" (")[0],
            )
            for result in results.micro
            if result.micro.model == model
        ]
        if rows:
            header = ("what", "code", "cited", "modelled", "rules", "source")
            parts.append(f"### {model}\n\n{table(header, rows)}")
    return "\n".join(parts)


def _sweeps(results: Results) -> str:
    parts = [
        "## Doubtful rules as ranges\n\nErrors of the whole functions with one rule at another value that the sources "
        "leave possible. A value\nthat changes nothing here is not listed: these functions do not test it.\n"
    ]
    for model, sweep in results.sweeps.items():
        rows = [
            (
                item.change or "as they are",
                f"{item.mean:.1%}".replace("%", " %"),
                f"{percent(min(item.errors))} to {percent(max(item.errors))}",
            )
            for item in sweep
        ]
        parts.append(f"### {model}\n\n{table(('rules', 'mean error', 'range'), rows)}")
    return "\n".join(parts)


def _rules() -> str:
    parts = ["## The rules\n"]
    for model in models():
        if model != ONE_CYCLE:
            rows = [
                (rule.name, _value(rule, rule.default), _doubt(rule), rule.meaning, rule.source)
                for rule in rules(model)
            ]
            parts.append(f"### {model}\n\n{table(('rule', 'value', 'doubt', 'meaning', 'source'), rows)}")
    return "\n".join(parts)


def _value(rule: Rule, value: int) -> str:
    return ("off", "on")[value] if rule.switch else str(value)


def _doubt(rule: Rule) -> str:
    return ", ".join(_value(rule, value) for value in rule.doubt) or "-"
