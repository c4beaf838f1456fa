"""Reports as JSON objects; docs/cli.md describes the keys."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from utvm.boards import Board
from utvm.codegen.program import CallArgument, PlacedTensor, Program
from utvm.report.check import CheckReport
from utvm.report.compile import CompileReport
from utvm.report.demo import DemoReport
from utvm.report.doctor import DoctorReport
from utvm.report.outputs import OutputReport
from utvm.report.run import BoardSummary, RunReport, ToolchainSummary
from utvm.report.sizes import SizeReport

SMALL_ELEMENTS = 1024
"""Outputs with at most as many elements in all runs are written out."""

Json = dict[str, Any]


def run_json(report: RunReport) -> Json:
    """`utvm run --json`. Without a check, `mismatches`, `max_abs_diff` and `check` are null."""
    check = report.check
    return {
        **_origin(report.model, dict(report.provenance), report.board, report.toolchain),
        "via": report.via,
        "inputs": report.input_source,
        "runs": report.runs,
        "keeps_state": report.keeps_state,
        "reset_every": report.reset_every,
        "cycles": report.cycles,
        "cycles_min": report.fewest_cycles,
        "cycles_max": report.most_cycles,
        "cycles_kind": report.cycles_kind,
        "clock_hz": report.board.clock_hz,
        "time_us": report.time_us,
        "macs": report.macs,
        "layers": [asdict(layer) for layer in report.layers],
        **sizes_json(report.sizes),
        "mismatches": None if check is None else check.mismatches,
        "max_abs_diff": None if check is None else check.max_abs_diff,
        "check": None if check is None else check_json(check),
        "outputs": [_output(output) for output in report.outputs],
    }


def compile_json(report: CompileReport) -> Json:
    """`utvm compile --json`."""
    program = report.program
    return {
        **_origin(program.model, dict(program.provenance), report.board, report.toolchain),
        "saved_to": report.saved_to,
        "macs": program.macs,
        "cycles": None if report.run is None else report.run.cycles,
        "layers": [] if report.run is None else [asdict(layer) for layer in report.run.layers],
        "kernel_bytes": None if report.code is None else dict(report.code.kernel_bytes),
        "rest_bytes": None if report.code is None else report.code.rest_bytes,
        **sizes_json(report.sizes),
        "inputs": [_tensor(program.tensor(name)) for name in program.inputs],
        "outputs": [_tensor(program.tensor(name)) for name in program.outputs],
        "memory_plan": [
            {**_tensor(tensor), "region": tensor.region, "offset": tensor.offset, "bytes": tensor.size_bytes,
             "first_call": tensor.first, "last_call": tensor.last}
            for tensor in program.tensors
        ],
        "calls": _calls(program),
        "kernels": [
            {"name": kernel.name, "prototype": kernel.prototype,
             "calls": [index for index, call in enumerate(program.calls) if call.kernel == kernel.name]}
            for kernel in program.kernels
        ],
        "constants": [
            {"symbol": constant.symbol, "owner": constant.owner, "role": constant.role,
             "dtype": constant.data.dtype.name, "shape": list(constant.data.shape), "bytes": constant.size_bytes}
            for constant in program.constants
        ],
        "provenance": dict(program.provenance),
    }  # fmt: skip


def demo_json(report: DemoReport) -> Json:
    """`utvm demo --json`: what a run says, and the digits."""
    return {
        **run_json(report.run),
        "mismatches": report.agreement.mismatches,
        "max_abs_diff": report.agreement.max_abs_diff,
        "check": check_json(report.agreement),
        "images": len(report.labels),
        "correct": report.correct,
        "accuracy": report.accuracy,
        "labels": report.labels.tolist(),
        "predictions": report.predictions.tolist(),
    }


def boards_json(boards: list[Board]) -> Json:
    """`utvm boards --json`: every board's file."""
    return {"boards": [board.model_dump(mode="json") for board in boards]}


def doctor_json(report: DoctorReport) -> Json:
    """`utvm doctor --json`."""
    return {
        "works": report.works,
        "problems": list(report.problems),
        "utvm": report.utvm,
        "python": report.python,
        "platform": report.platform,
        "packages": [{**asdict(package), "fits": package.fits} for package in report.packages],
        "tools": [{**asdict(tool), "found": tool.found} for tool in report.tools],
    }


def sizes_json(sizes: SizeReport) -> Json:
    """`ram_bytes` and `flash_bytes`; null where only a C compiler or a run knows."""
    return {
        "ram_bytes": {
            "arena": dict(sizes.arena_bytes),
            "state": dict(sizes.state_bytes),
            "runtime": sizes.runtime_bytes,
            "stack_reserved": sizes.stack_reserved_bytes,
            "stack_high_water": sizes.stack_used_bytes,
            "total": sizes.ram_bytes,
        },
        "flash_bytes": {
            "text": sizes.text_bytes,
            "constants": sizes.constants_bytes,
            "data": sizes.initial_data_bytes,
            "total": sizes.flash_bytes,
        },
    }


def check_json(check: CheckReport) -> Json:
    """A comparison with a reference; `first` is the first element that differs."""
    return asdict(check)


def _origin(model: str, provenance: dict[str, str], board: BoardSummary, toolchain: ToolchainSummary | None) -> Json:
    return {
        "model": model,
        "model_sha256": provenance.get("model_sha256"),
        "utvm": provenance.get("utvm"),
        "board": asdict(board),
        "toolchain": None if toolchain is None else asdict(toolchain),
    }


def _output(output: OutputReport) -> Json:
    small = output.stored.size <= SMALL_ELEMENTS
    return {
        **_tensor(output.tensor),
        "top_class": [output.top_class(run) for run in range(len(output.stored))],
        "quantized": _finite(output.stored.tolist()) if small else None,
        "dequantized": _finite(output.reals.tolist()) if small else None,
    }


def _tensor(tensor: PlacedTensor) -> Json:
    quantization = tensor.quantization
    return {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "dtype": tensor.dtype,
        "quantization": None if quantization is None else asdict(quantization),
    }


def _calls(program: Program) -> list[Json]:
    return [
        {
            "layer": call.layer,
            "operator": call.operator,
            "kernel": call.kernel,
            "schedule": call.schedule,
            "macs": call.macs,
            "scratch_bytes": call.scratch_bytes,
            "arguments": [_argument(argument) for argument in call.arguments],
            "outputs": list(call.outputs),
        }
        for call in program.calls
    ]


def _argument(argument: CallArgument) -> Json:
    if argument.kind == "scratch":
        place = {"region": argument.region, "offset": argument.offset}
        return {"parameter": argument.parameter, "kind": argument.kind, **place}
    return {"parameter": argument.parameter, "kind": argument.kind, "name": argument.name}


def _finite(values: Any) -> Any:
    """JSON has no infinities and no NaN: they become null."""
    if isinstance(values, list):
        return [_finite(value) for value in values]
    return values if not isinstance(values, float) or math.isfinite(values) else None
