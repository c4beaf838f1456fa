"""What every operator kind must say of itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from utvm.errors import ModelError
from utvm.model.operator_types import Operator
from utvm.model.tensor import Array, Tensor
from utvm.operators.overlap import Overlap

if TYPE_CHECKING:
    from utvm.operators.kernel import Kernel

OperatorT = TypeVar("OperatorT", bound=Operator)


@dataclass(frozen=True)
class TensorType:
    """Shape and dtype of a value."""

    shape: tuple[int, ...]
    dtype: str


class OperatorRule(ABC, Generic[OperatorT]):
    """Shape rule, numpy reference and portable kernel of one operator kind.

    The reference defines the truth: for int8 operators it equals LiteRT's BUILTIN_REF kernel bit for bit.
    """

    @abstractmethod
    def infer(self, operator: OperatorT, inputs: tuple[Tensor, ...]) -> tuple[TensorType, ...]:
        """Types of the outputs; raises ModelError when the inputs do not fit the operator."""

    @abstractmethod
    def reference(self, operator: OperatorT, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        """The outputs, computed by numpy."""

    @abstractmethod
    def kernel(self, operator: OperatorT, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Kernel:
        """The portable kernel as a TIR function; imports TVM."""

    def macs(self, operator: OperatorT, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> int:
        """Multiply-accumulates of one call; 0 for operators that have none worth counting."""
        del operator, inputs, outputs
        return 0

    def in_place_inputs(
        self, operator: OperatorT, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]
    ) -> tuple[int, ...]:
        """Indices of inputs whose memory the kernel may overwrite with the first output while it still reads them.

        None by default. An index is listed when the kernel reads each byte of that input for the last time before it
        writes the output's byte at the same offset, whatever the other inputs are.
        """
        del operator, inputs, outputs
        return ()

    def overlap(self, operator: OperatorT, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Overlap | None:
        """How far the portable kernel may write its first output over its first input; None, the default: nowhere."""
        del operator, inputs, outputs
        return None


def inputs_like_output(inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> tuple[int, ...]:
    """Inputs with the first output's shape and item size: those an elementwise kernel may overwrite."""
    output = outputs[0]
    return tuple(
        index
        for index, tensor in enumerate(inputs)
        if tensor.shape == output.shape and tensor.size_bytes == output.size_bytes
    )


def require(condition: bool, operator: Operator, message: str) -> None:
    """Raise ModelError naming the operator unless the condition holds."""
    if not condition:
        raise ModelError(f"{type(operator).__name__} {operator.name}: {message}")
