"""The rewrites in order, with a check of the graph after each."""

from __future__ import annotations

from collections.abc import Callable

from utvm.errors import ModelError
from utvm.model.graph import Model
from utvm.operators import check_model
from utvm.rewrites.drop_unused import drop_unused
from utvm.rewrites.fold_constants import fold_constants
from utvm.rewrites.fold_input_zero_point import fold_input_zero_point
from utvm.rewrites.fuse_activation import fuse_activation
from utvm.rewrites.fuse_pad import fuse_pad
from utvm.rewrites.mark_in_place import mark_in_place
from utvm.rewrites.merge_chains import merge_chains
from utvm.rewrites.place_states import place_states
from utvm.rewrites.remove_dead_channels import remove_dead_channels
from utvm.rewrites.remove_no_ops import remove_no_ops
from utvm.rewrites.transpose_to_reshape import transpose_to_reshape

Rewrite = Callable[[Model], Model]

# Run twice: merged operators may turn out to do nothing, and without them others meet.
TIDY: tuple[Rewrite, ...] = (transpose_to_reshape, remove_no_ops, merge_chains)

PIPELINE: tuple[Rewrite, ...] = (
    drop_unused,
    fold_constants,
    *TIDY,
    *TIDY,
    fuse_pad,
    fuse_activation,
    remove_dead_channels,
    fold_input_zero_point,
    place_states,
    mark_in_place,
)


def rewrite(model: Model) -> Model:
    """The model after every rewrite; its outputs are the same bytes."""
    for step in PIPELINE:
        model = step(model)
        try:
            check_model(model)
        except ModelError as error:
            raise ModelError(f"after rewrite {step.__name__}: {error}") from error
    return model
