"""python -m benchmarks.timing_validation [--slothy DIR ...] [--write docs/timing.md]"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.timing_validation import memory, micro, published
from benchmarks.timing_validation.coremark import CoreMarkResult, run_coremark
from benchmarks.timing_validation.functions import FunctionResult, available, run_function
from benchmarks.timing_validation.page import Results, mean_and_maximum, page, percent
from benchmarks.timing_validation.speed import SpeedResult, run_speed
from benchmarks.timing_validation.sweep import SweepResult, run_sweep
from utvm.errors import UtvmError

FUNCTIONS = {
    "cortex-m7": published.M7_FUNCTIONS,
    "cortex-m4": published.M4_FUNCTIONS,
    "cortex-m0plus": published.M0PLUS_FUNCTIONS,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run what the checkouts allow and print it; write the page if asked to. Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.timing_validation",
        description="Compare the virtual board's timing models with published hardware figures.",
    )
    for name, url in published.CHECKOUTS.items():
        parser.add_argument(f"--{name}", type=Path, metavar="DIR", help=f"a checkout of {url} (a bare one will do)")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page; needs every checkout")
    arguments = vars(parser.parse_args(argv))
    given = {name: arguments[name.replace("-", "_")] for name in published.CHECKOUTS}
    checkouts = {name: path for name, path in given.items() if path is not None}
    if arguments["write"] and len(checkouts) < len(published.CHECKOUTS):
        parser.error(f"--write needs --{', --'.join(sorted(set(published.CHECKOUTS) - set(checkouts)))} too")
    try:
        results = run(checkouts, sweep=arguments["write"] is not None)
    except UtvmError as error:
        print(f"timing_validation: {error}", file=sys.stderr)
        return 1
    if arguments["write"]:
        arguments["write"].write_text(page(results), encoding="utf-8")
    return 0


def run(checkouts: Mapping[str, Path], *, sweep: bool) -> Results:
    """Every benchmark, printed as it goes."""
    cited = [result for part in (micro.M7, micro.M4, micro.M33, micro.M0PLUS) for result in micro.run_micro(part)]
    missed = [result for result in cited if abs(result.modelled_cycles - result.micro.cycles) > 1e-9]
    print(f"micro-benchmarks: {len(cited) - len(missed)} of {len(cited)} met exactly")
    for miss in missed:
        print(f"  {miss.micro.model} {miss.micro.name}: {miss.micro.cycles:g} cited, {miss.modelled_cycles:g} modelled")
    functions: list[FunctionResult] = []
    sweeps: dict[str, tuple[SweepResult, ...]] = {}
    for model, rows in FUNCTIONS.items():
        found = [run_function(function, checkouts) for function in available(rows, checkouts)]
        functions += found
        for result in found:
            function = result.function
            print(f"  {function.name:44} {function.cycles:>9,} {result.modelled_cycles:>9,} {percent(result.error)}")
        if found:
            mean, largest = mean_and_maximum(found)
            print(f"{model}: {len(found)} functions, mean error {mean:.2%}, largest {largest:.2%}")
        if sweep:
            sweeps[model] = run_sweep(model, rows, checkouts)
    streaming = [memory.run_streaming(cost) for cost in memory.COSTS]
    for streamed in streaming:
        print(f"{streamed.cost.board}: {streamed.cost.unit} {streamed.modelled_cycles:,.2f} {percent(streamed.error)}")
    coremark: list[CoreMarkResult] = run_coremark(checkouts["coremark"]) if "coremark" in checkouts else []
    for mark in coremark:
        print(f"CoreMark/MHz {mark.model} {mark.optimization}: {mark.zero_wait:.2f}, with waits {mark.board:.2f}")
    speed: list[SpeedResult] = run_speed()
    for measured in speed:
        print(f"naive convolution, {measured.timing}, {measured.memory_timing}: {measured.seconds:.3f} s")
    return Results(cited, functions, sweeps, streaming, coremark, speed)


if __name__ == "__main__":
    sys.exit(main())
