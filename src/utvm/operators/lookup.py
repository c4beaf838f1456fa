"""Elementwise functions of a byte as a table of its 256 values."""

from __future__ import annotations

import numpy as np

from utvm.model.operator_types import Lookup
from utvm.model.tensor import Array, Tensor
from utvm.operators.checks import sole_input
from utvm.operators.kernel import Kernel
from utvm.operators.kernel_builder import KernelBuilder
from utvm.operators.rule import OperatorRule, TensorType, inputs_like_output, require

TABLE_SIZE = 256


class LookupRule(OperatorRule[Lookup]):
    """int8 or uint8 in and out, any shape."""

    def infer(self, operator: Lookup, inputs: tuple[Tensor, ...]) -> tuple[TensorType, ...]:
        source = sole_input(operator, inputs, "int8", "uint8")
        require(operator.output_dtype in ("int8", "uint8"), operator, f"cannot give {operator.output_dtype}")
        require(len(operator.table) == TABLE_SIZE, operator, f"the table has {len(operator.table)} entries, not 256")
        limits = np.iinfo(operator.output_dtype)
        require(
            limits.min <= min(operator.table) and max(operator.table) <= limits.max,
            operator,
            f"the table has entries that are not {operator.output_dtype}",
        )
        return (TensorType(source.shape, operator.output_dtype),)

    def reference(self, operator: Lookup, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        return (_table(operator)[inputs[0].view(np.uint8)],)

    def kernel(self, operator: Lookup, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Kernel:
        count = inputs[0].element_count
        with KernelBuilder(operator.function, operator) as k:
            x = k.input("input", inputs[0], (count,))
            table = k.constant("table", _table(operator))
            out = k.output("output", outputs[0], (count,))
            with k.loop("i", 0, count) as i:
                k.store(out, [i], table[k.wide(k.cast("uint8", x[i]))])
        return k.finish()

    def in_place_inputs(
        self, operator: Lookup, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]
    ) -> tuple[int, ...]:
        del operator
        return inputs_like_output(inputs, outputs)


def _table(operator: Lookup) -> Array:
    return np.array(operator.table, dtype=operator.output_dtype)
