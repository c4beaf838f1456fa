"""The rewrites in order, with a check of the graph after each."""

from __future__ import annotations

from collections.abc import Callable

from utvm.errors import ModelError
from utvm.model.graph import Model
from utvm.operators import check_model

Rewrite = Callable[[Model], Model]

PIPELINE: tuple[Rewrite, ...] = ()


def rewrite(model: Model) -> Model:
    """The model after every rewrite; its outputs are the same bytes."""
    for step in PIPELINE:
        model = step(model)
        try:
            check_model(model)
        except ModelError as error:
            raise ModelError(f"after rewrite {step.__name__}: {error}") from error
    return model
