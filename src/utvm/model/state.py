"""Values that outlive a run of the model."""

from __future__ import annotations

from dataclasses import dataclass

from utvm.model.tensor import Array


@dataclass(frozen=True, eq=False)
class State:
    """A value carried from run to run.

    `tensor` names the tensor that holds it when a run begins, `update` the one that holds it for the next run: another
    of the same shape and dtype, or the same where the run changes nothing. `initial` is its value after a reset.
    """

    tensor: str
    update: str
    initial: Array
