"""Every micro-benchmark of the validation meets the figure it cites, and every switchable figure can move."""

from __future__ import annotations

import pytest

from benchmarks.timing_validation import micro
from utvm.virtual_board.timing import rules


@pytest.mark.parametrize("table", [micro.M7, micro.M4, micro.M33, micro.M0PLUS], ids=lambda table: table[0].model)
def test_cited_figures_are_met(table: tuple[micro.MicroBenchmark, ...]) -> None:
    missed = {
        result.micro.name: (result.micro.cycles, result.modelled_cycles)
        for result in micro.run_micro(table)
        if result.modelled_cycles != pytest.approx(result.micro.cycles)
    }
    assert not missed, "cited, modelled"


def test_benchmarks_name_rules_that_exist() -> None:
    for benchmark in micro.BENCHMARKS:
        assert set(benchmark.rules) <= {rule.name for rule in rules(benchmark.model)}, benchmark.name


@pytest.mark.parametrize("name", ["mac-result", "load-result", "early-alu", "unaligned-load", "shifter-pairing"])
def test_a_figure_follows_its_rule(name: str) -> None:
    benchmarks = [item for item in micro.M7 if name in item.rules]
    rule = next(item for item in rules("cortex-m7") if item.name == name)
    other = 1 - rule.default if rule.switch else rule.default + 1
    results = micro.run_micro(benchmarks, f"cortex-m7,{name}={other}")
    assert any(result.modelled_cycles != pytest.approx(result.micro.cycles) for result in results)
