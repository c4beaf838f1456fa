"""Winograd's F(2x2, 3x3) in exact integers: four outputs of a channel from sixteen products instead of thirty-six."""

from utvm.microkernels.conv_winograd.patches import PatchWalk, transform_unit
from utvm.microkernels.conv_winograd.products import product_cycles, product_unit
from utvm.microkernels.conv_winograd.results import ResultWalk, result_cycles, result_unit
from utvm.microkernels.conv_winograd.weights import FREQUENCIES, transformed_weights, winograd_records

__all__ = [
    "FREQUENCIES",
    "PatchWalk",
    "ResultWalk",
    "product_cycles",
    "product_unit",
    "result_cycles",
    "result_unit",
    "transform_unit",
    "transformed_weights",
    "winograd_records",
]
