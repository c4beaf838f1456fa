"""Long short-term memory. LiteRT source: lstm_eval's LstmStepInteger8x8_16."""

from __future__ import annotations

import numpy as np

from utvm.model.fixed_point import INT32_MAX, Int64Array, requantize, rounding_shift_right
from utvm.model.gemmlowp_int16 import INT16_MAX, INT16_MIN, logistic_int16, tanh_int16
from utvm.model.operator_types import UnidirectionalLSTM
from utvm.model.tensor import Array, Tensor
from utvm.operators.checks import require_int8, require_rank, require_requantization
from utvm.operators.kernel import Kernel
from utvm.operators.kernel_builder import Expression, KernelBuilder
from utvm.operators.rule import OperatorRule, TensorType, require

GATES = ("forget", "cell", "output", "input")
# A sum beyond it saturates whatever is added: int32 holds both.
_BEYOND_INT16 = 1 << 16


class UnidirectionalLSTMRule(OperatorRule[UnidirectionalLSTM]):
    """int8 sequence and output, int16 cell state."""

    def infer(self, operator: UnidirectionalLSTM, inputs: tuple[Tensor, ...]) -> tuple[TensorType, ...]:
        count = len(operator.gates)
        require(count in (3, 4), operator, f"has {count} gates, not 3 or 4")
        require(len(inputs) == 3 + 4 * count, operator, f"takes {3 + 4 * count} inputs, not {len(inputs)}")
        require(len(operator.outputs) == 3, operator, f"has 3 outputs, not {len(operator.outputs)}")
        dtypes = ("int8", "int8", "int16", *("int8", "int8", "int32", "int32") * count)
        for tensor, dtype in zip(inputs, dtypes, strict=True):
            require(tensor.dtype == dtype, operator, f"{tensor} must be {dtype}")
        sequence, output_state, cell_state = inputs[:3]
        require_rank(operator, sequence, 3)
        require_rank(operator, cell_state, 2)
        batch, cells = cell_state.shape
        require(
            batch == sequence.shape[1 if operator.time_major else 0],
            operator,
            f"cell state {cell_state} is not that of the batch of {sequence}",
        )
        require(output_state.shape == cell_state.shape, operator, f"{output_state} is not shaped like {cell_state}")
        depth = sequence.shape[2]
        wanted = ((cells, depth), (cells, cells), (cells,), (cells,))
        for index, tensor in enumerate(inputs[3:]):
            shape = wanted[index % 4]
            require(tensor.shape == shape, operator, f"{tensor} of gate {GATES[index // 4]} should have {list(shape)}")
        for index, gate in enumerate(operator.gates):
            require_requantization(operator, gate.input)
            require_requantization(operator, gate.recurrent)
            for bias, taps in ((inputs[5 + 4 * index], depth), (inputs[6 + 4 * index], cells)):
                _require_sum(operator, bias, taps)
        require_requantization(operator, operator.hidden)
        require_int8(operator, "zero point", operator.hidden_zero_point)
        require(
            0 <= operator.cell_bits <= 6, operator, f"a cell state of {operator.cell_bits} integer bits, not 0 to 6"
        )
        require(0 <= operator.cell_clip <= INT16_MAX, operator, f"cell clip {operator.cell_clip} exceeds 16 bits")
        return (
            TensorType((*sequence.shape[:2], cells), "int8"),
            TensorType(output_state.shape, "int8"),
            TensorType(cell_state.shape, "int16"),
        )

    def reference(self, operator: UnidirectionalLSTM, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        sequence = inputs[0] if operator.time_major else np.swapaxes(inputs[0], 0, 1)
        output, cell = inputs[1].astype(np.int64), inputs[2].astype(np.int64)
        steps = []
        for step in sequence.astype(np.int64):
            output, cell = _step(operator, step, output, cell, inputs[3:])
            steps.append(output)
        result = np.stack(steps, axis=0 if operator.time_major else 1)
        return result.astype(np.int8), output.astype(np.int8), cell.astype(np.int16)

    def macs(self, operator: UnidirectionalLSTM, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> int:
        del outputs
        steps_and_batch = inputs[0].shape[0] * inputs[0].shape[1]
        return steps_and_batch * len(operator.gates) * (inputs[3].element_count + inputs[4].element_count)

    def kernel(self, operator: UnidirectionalLSTM, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Kernel:
        sequence = inputs[0]
        batch, cells = inputs[2].shape
        steps = sequence.shape[0 if operator.time_major else 1]
        with KernelBuilder("lstm", operator) as k:
            x = k.input("input", sequence)
            last = k.state("output_state", inputs[1], outputs[1])
            cell = k.state("cell_state", inputs[2], outputs[2])
            parameters = [
                [k.input(f"{name}_{GATES[index]}", inputs[3 + 4 * index + at]) for at, name in enumerate(_PARAMETERS)]
                for index in range(len(operator.gates))
            ]
            out = k.output("output", outputs[0])
            # Every gate of a step reads the whole last output, so that the next one goes to the output first.
            with k.loops(n=batch, step=steps) as (n, step):
                at = (step, n) if operator.time_major else (n, step)
                with k.loop("u", 0, cells) as u:
                    opened: dict[str, Expression] = {}
                    for name, gate, (w, r, b, c) in zip(GATES, operator.gates, parameters, strict=False):
                        acc = k.local(f"{name}_acc", b[u])
                        with k.loop("i", 0, sequence.shape[2]) as i:
                            element = (*at, i)
                            acc.add(k.wide(x[element]) * k.wide(w[u, i]))
                        part = k.local(f"{name}_part", k.requantization("", gate.input).scale(acc.value))
                        part.set(k.call("utvm_clamp", part.value, INT16_MIN, INT16_MAX))
                        acc.set(c[u])
                        with k.loop("i", 0, cells) as i:
                            acc.add(k.wide(last[n, i]) * k.wide(r[u, i]))
                        acc.set(k.requantization("", gate.recurrent).scale(acc.value))
                        acc.set(k.call("utvm_clamp", acc.value, -_BEYOND_INT16, _BEYOND_INT16))
                        part.set(k.call("utvm_clamp", part.value + acc.value, INT16_MIN, INT16_MAX))
                        function = ("utvm_tanh_q15", 3) if name == "cell" else ("utvm_logistic_q15",)
                        part.set(k.call(function[0], part.value, *function[1:]))
                        opened[name] = part.value
                    taken = opened.get("input", INT16_MAX - opened["forget"])
                    kept = k.call("utvm_rounding_shift_right", opened["forget"] * k.wide(cell[n, u]), 15)
                    shift = 15 + operator.cell_bits
                    value = k.local("value", k.call("utvm_rounding_shift_right", taken * opened["cell"], shift))
                    value.set(k.call("utvm_clamp", value.value + kept, *_cell_range(operator)))
                    k.store(cell, [n, u], k.cast("int16", value.value))
                    hidden = k.local(
                        "hidden", opened["output"] * k.call("utvm_tanh_q15", value.value, operator.cell_bits)
                    )
                    zero_point = operator.hidden_zero_point
                    result = k.requantization("", operator.hidden).finish(hidden.value, zero_point, (-128, 127))
                    k.store(out, [*at, u], result)
                with k.loop("u", 0, cells) as u:
                    element = (*at, u)
                    k.store(last, [n, u], out[element])
        return k.finish()


_PARAMETERS = ("weights", "recurrent_weights", "bias", "recurrent_bias")


def _require_sum(operator: UnidirectionalLSTM, bias: Tensor, taps: int) -> None:
    largest = 0 if bias.data is None else int(np.abs(bias.data.astype(np.int64)).max())
    reach = largest + taps * 128 * 128
    require(reach <= INT32_MAX, operator, f"its sums can reach {reach}, which an int32 accumulator does not hold")


def _cell_range(operator: UnidirectionalLSTM) -> tuple[int, int]:
    clip = operator.cell_clip
    return (-clip, clip) if clip else (INT16_MIN, INT16_MAX)


def _step(
    operator: UnidirectionalLSTM, step: Int64Array, output: Int64Array, cell: Int64Array, gates: tuple[Array, ...]
) -> tuple[Int64Array, Int64Array]:
    """The next output and cell state, [N, C] each."""
    opened: dict[str, Int64Array] = {}
    for index, (name, gate) in enumerate(zip(GATES, operator.gates, strict=False)):
        weights, recurrent, bias, recurrent_bias = (
            value.astype(np.int64) for value in gates[4 * index : 4 * index + 4]
        )
        part = _int16(requantize(step @ weights.T + bias, gate.input))
        part = _int16(part + requantize(output @ recurrent.T + recurrent_bias, gate.recurrent))
        opened[name] = tanh_int16(part, 3) if name == "cell" else logistic_int16(part)
    taken = opened.get("input", INT16_MAX - opened["forget"])
    kept = rounding_shift_right(opened["forget"] * cell, 15)
    added = rounding_shift_right(taken * opened["cell"], 15 + operator.cell_bits)
    cell = np.clip(kept + added, *_cell_range(operator))
    hidden = requantize(opened["output"] * tanh_int16(cell, operator.cell_bits), operator.hidden)
    return np.clip(hidden + operator.hidden_zero_point, -128, 127), cell


def _int16(x: Int64Array) -> Int64Array:
    return np.asarray(np.clip(x, INT16_MIN, INT16_MAX), dtype=np.int64)
