"""LSTM layers whose gates are dot products of packed weights."""

from __future__ import annotations

import numpy as np

from utvm.model.operator_types import Requantization, UnidirectionalLSTM
from utvm.model.tensor import Array
from utvm.operators.kernel import CKernel, KernelArgument
from utvm.operators.unidirectional_lstm import GATES
from utvm.schedules.schedule import Schedule
from utvm.schedules.state_dot import SumsPlan, sums_refusal
from utvm.schedules.template import Site, Template

_CYCLES_PER_CELL = 500.0
_INT16 = "INT16_MIN, INT16_MAX"


class UnidirectionalLSTMDot(Template):
    """Constant weights whose sums stay below 2**23."""

    name = "lstm_dot"

    def refusal(self, site: Site) -> str:
        """Other operators, sums out of range, cores without DSP."""
        if not isinstance(site.operator, UnidirectionalLSTM):
            return f"{type(site.operator).__name__} is not UnidirectionalLSTM"
        if any(tensor.data is None for tensor in site.inputs[3:]):
            return "weights and biases are not constants"
        return sums_refusal(site.core, *_matrix(site, 0)) or sums_refusal(site.core, *_matrix(site, 1))

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """Modelled cycles of the dot products, and a rate per cell."""
        del schedule
        steps = site.inputs[0].shape[0] * site.inputs[0].shape[1]
        return steps * (sum(plan.cycles() for plan in _plans(site)) + _CYCLES_PER_CELL * site.inputs[2].shape[1])

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """Step by step: the sums of all gates over the input and over the last output, then cell by cell."""
        del schedule
        operator = site.operator
        assert isinstance(operator, UnidirectionalLSTM)
        sequence, (batch, cells) = site.inputs[0], site.inputs[2].shape
        steps, depth = sequence.shape[0 if operator.time_major else 1], sequence.shape[2]
        plans = _plans(site)
        constants = {}
        for name, plan, matrix in zip(("input", "recurrent"), plans, (_matrix(site, 0), _matrix(site, 1)), strict=True):
            constants.update(plan.constants(name, *matrix))
        at = f"step * {batch} + n" if operator.time_major else f"n * {steps} + step"
        rows = len(operator.gates) * cells
        copied = max((plan.padded_depth for plan in plans if plan.copies), default=0)
        body = [
            f"for (int32_t n = 0; n < {batch}; ++n) {{",
            f"    int8_t *const last = output_state + n * {cells};",
            f"    int16_t *const cell = cell_state + n * {cells};",
            f"    for (int32_t step = 0; step < {steps}; ++step) {{",
            f"        const int8_t *const now = input + ({at}) * {depth};",
            f"        int8_t *const out = output + ({at}) * {cells};",
            *(f"        {line}" for line in plans[0].lines("input", "now", "sums", "x")),
            *(f"        {line}" for line in plans[1].lines("recurrent", "last", f"sums + {rows}", "x")),
            f"        for (int32_t u = 0; u < {cells}; ++u) {{",
            *(f"            {line}" for line in _cell_lines(operator, cells, rows)),
            "        }",
            "    }",
            "}",
        ]
        scratch = [("sums", "int32_t", 8 * rows), *([("x", "int8_t", copied)] if copied else [])]
        return CKernel(
            stem="lstm_dot",
            body="\n".join(body),
            types=(
                "const int8_t",
                "int8_t",
                "int16_t",
                "int8_t",
                *("const int32_t" for _ in constants),
                *(c_type for _, c_type, _ in scratch),
            ),
            arguments=(
                KernelArgument("input", "tensor", sequence.name),
                KernelArgument("output_state", "tensor", site.outputs[1].name, written=True),
                KernelArgument("cell_state", "tensor", site.outputs[2].name, written=True),
                KernelArgument("output", "tensor", site.outputs[0].name, written=True),
                *(KernelArgument(name, "constant", data=data) for name, data in constants.items()),
                *(KernelArgument(name, "scratch", size_bytes=size) for name, _, size in scratch),
            ),
            comments=(f"{steps} step(s) of {batch} x {depth}, {cells} cells, {len(operator.gates)} gates",),
            units=tuple({unit.name: unit for plan in plans for unit in plan.units()}.values()),
        )


def _cell_lines(operator: UnidirectionalLSTM, cells: int, rows: int) -> list[str]:
    """C from the sums of cell u to its state and output."""
    found = []
    for index, (name, gate) in enumerate(zip(GATES, operator.gates, strict=False)):
        over_input = _scaled(f"sums[{index * cells} + u]", gate.input)
        over_output = _scaled(f"sums[{rows + index * cells} + u]", gate.recurrent)
        total = f"utvm_clamp({name}_part + {name}_more, {_INT16})"
        opened = f"utvm_tanh_q15({total}, 3)" if name == "cell" else f"utvm_logistic_q15({total})"
        found += [
            f"const int32_t {name}_part = utvm_clamp({over_input}, {_INT16});",
            f"const int32_t {name}_more = utvm_clamp({over_output}, -65536, 65536);",
            f"const int32_t {name}_gate = {opened};",
        ]
    if len(operator.gates) < len(GATES):
        found.append("const int32_t input_gate = INT16_MAX - forget_gate;")
    limits = f"{-operator.cell_clip}, {operator.cell_clip}" if operator.cell_clip else _INT16
    zero_point = operator.hidden_zero_point
    bounds = f"{-128 - zero_point}, {127 - zero_point}"
    return [
        *found,
        "const int32_t kept = utvm_rounding_shift_right(forget_gate * cell[u], 15);",
        f"const int32_t added = utvm_rounding_shift_right(input_gate * cell_gate, {15 + operator.cell_bits});",
        f"const int32_t value = utvm_clamp(added + kept, {limits});",
        "cell[u] = (int16_t)value;",
        f"const int32_t hidden = output_gate * utvm_tanh_q15(value, {operator.cell_bits});",
        f"out[u] = (int8_t)(utvm_clamp({_scaled('hidden', operator.hidden)}, {bounds}) + {zero_point});",
        "last[u] = out[u]; /* whose old value no sum needs any more */",
    ]


def _scaled(value: str, requantization: Requantization) -> str:
    return f"utvm_requantize({value}, {requantization.multipliers[0]}, {requantization.shifts[0]})"


def _matrix(site: Site, which: int) -> tuple[Array, Array]:
    """Weights [gates * cells, depth] and biases of all gates over the input (0) or the last output (1)."""
    parts = [(site.inputs[index + which].data, site.inputs[index + 2 + which].data) for index in _gate_inputs(site)]
    return (
        np.concatenate([weights for weights, _ in parts if weights is not None]),
        np.concatenate([bias for _, bias in parts if bias is not None]).astype(np.int64),
    )


def _gate_inputs(site: Site) -> range:
    return range(3, len(site.inputs), 4)


def _plans(site: Site) -> tuple[SumsPlan, SumsPlan]:
    cells, depth = site.inputs[3].shape
    rows = cells * len(_gate_inputs(site))
    return SumsPlan.of(site.core, rows, depth), SumsPlan.of(site.core, rows, cells)
