"""Several schedules of one operator as one program: a call for each, all on the same inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from utvm.boards import Board
from utvm.codegen.assemble import Target, assemble
from utvm.codegen.budget import check_constants
from utvm.codegen.program import Program
from utvm.compiler import provenance
from utvm.model import Array, Model
from utvm.model.tensor import Tensor
from utvm.operators import rule_of
from utvm.schedules import Schedule, Site
from utvm.tuning.tasks import Place

_MOST_IN_A_BATCH = 16


@dataclass(frozen=True, eq=False)
class Experiment:
    """An operator with random inputs and its reference's outputs on them."""

    place: Place
    seed: int = 0

    @property
    def site(self) -> Site:
        """The operator and its core."""
        return self.place.site

    @cached_property
    def inputs(self) -> dict[str, Array]:
        """Values by name of what the operator reads and is not constant."""
        generator = np.random.default_rng(self.seed)
        return {tensor.name: _random(tensor, generator) for tensor in self.site.inputs if tensor.data is None}

    @cached_property
    def truth(self) -> tuple[Array, ...]:
        """The outputs."""
        values = [self.inputs[tensor.name] if tensor.data is None else tensor.data for tensor in self.site.inputs]
        return tuple(rule_of(self.site.operator).reference(self.site.operator, tuple(values)))

    def program(self, board: Board, schedules: Sequence[Schedule]) -> Program:
        """The operator with each of the schedules, its calls in their order, of which each may run by itself.

        Raises ScheduleError or CodegenError, OutOfMemoryError where they do not fit the board.
        """
        operator = self.site.operator
        operators = tuple(
            replace(
                operator,
                name=_layer(index),
                outputs=tuple(self.output_name(index, place) for place in range(len(operator.outputs))),
                in_place=None,  # the next schedule needs the inputs too
            )
            for index in range(len(schedules))
        )
        outputs = [
            replace(tensor, name=self.output_name(index, place))
            for index in range(len(schedules))
            for place, tensor in enumerate(self.site.outputs)
        ]
        tensors = {tensor.name: tensor for tensor in (*self.site.inputs, *outputs)}
        # Outputs share memory; inputs, as outputs of the model, are kept: each schedule reads them.
        model = Model(operator.name, tensors, operators, tuple(self.inputs), tuple(self.inputs))
        check_constants(model, board)
        target = Target(board.name, board.core, self.place.regions)
        chosen = {_layer(index): schedule for index, schedule in enumerate(schedules)}
        return assemble(model, target, provenance(model), chosen)

    @staticmethod
    def output_name(index: int, place: int) -> str:
        """Output `place` of schedule number `index`."""
        return f"output{place} of {_layer(index)}"


def batch_size(place: Place, board: Board) -> int:
    """How many schedules of an operator make a program that is likely to fit the board."""
    constants = sum(tensor.size_bytes for tensor in place.site.inputs if tensor.data is not None)
    # Packed weights may take several times the room of the operator's own, and many schedules share them.
    flash = board.region(board.placement.constants).size_bytes // (2 * max(constants, 1))
    return max(min(_MOST_IN_A_BATCH, flash), 1)


def _layer(index: int) -> str:
    return f"schedule{index}"


def _random(tensor: Tensor, generator: np.random.Generator) -> Array:
    if tensor.dtype == "float32":
        return generator.uniform(-1.0, 1.0, tensor.shape).astype(np.float32)
    if tensor.dtype == "bool":
        return generator.integers(0, 2, tensor.shape).astype(np.bool_)
    limits = np.iinfo(tensor.dtype)
    values = generator.integers(limits.min, limits.max, tensor.shape, dtype=tensor.dtype, endpoint=True)
    if tensor.quantization is not None and tensor.quantization.zero_point == limits.min:
        # As behind a ReLU: half of it is zero, which some schedules make use of.
        values = np.where(generator.random(tensor.shape) < 0.5, limits.min, values).astype(tensor.dtype)
    return values
