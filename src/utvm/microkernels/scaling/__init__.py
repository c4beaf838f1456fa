"""Requantization in 32-bit products, exact over the accumulators that a channel can have."""

from utvm.microkernels.scaling.split_product import SplitScale, split_scale
from utvm.microkernels.scaling.steps import Steps, steps_of
from utvm.microkernels.scaling.table import ScaleKind

__all__ = ["ScaleKind", "SplitScale", "Steps", "split_scale", "steps_of"]
