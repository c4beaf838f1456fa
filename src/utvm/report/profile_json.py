"""A profile as a JSON object; docs/cli.md describes the keys."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from utvm.report.json import run_json
from utvm.report.profile import FunctionReport, ProfileReport, cycles_per_mac

Json = dict[str, Any]


def profile_json(report: ProfileReport) -> Json:
    """`utvm profile --json`: what `run` says, shares of layers, and functions (null without --hot)."""
    run = report.run
    layers = [
        {
            **asdict(layer),
            "cycles_per_mac": cycles_per_mac(layer),
            "share": layer.cycles / run.cycles if run.cycles else None,
        }
        for layer in run.layers
    ]
    functions = None if report.functions is None else [_function(function, report) for function in report.functions]
    counted = None if functions is None else report.counted_cycles
    return {**run_json(run), "layers": layers, "counted_cycles": counted, "functions": functions}


def _function(function: FunctionReport, report: ProfileReport) -> Json:
    return {
        "name": function.name,
        "addr": function.addr,
        "layers": list(function.layers),
        "cycles": function.cycles,
        "share": function.cycles / report.counted_cycles if report.counted_cycles else None,
        "instructions": function.instructions,
        "details": dict(function.details),
        "mix": dict(function.mix),
        "blocks": [
            {
                "addr": block.addr,
                "offset": block.offset,
                "runs": block.runs,
                "cycles": block.cycles,
                "instructions": block.instructions,
                "details": dict(block.details),
                "code": [{"addr": instruction.addr, "text": instruction.text} for instruction in block.code],
            }
            for block in function.blocks
        ],
    }
