"""Winograd's F(2x2, 3x3) in exact integers, also for larger windows cut into blocks: 16 products instead of 36."""

from utvm.microkernels.conv_winograd.patches import PatchWalk, transform_cycles, transform_unit
from utvm.microkernels.conv_winograd.products import ProductWalk, product_cycles, product_unit
from utvm.microkernels.conv_winograd.results import ResultWalk, result_cycles, result_unit
from utvm.microkernels.conv_winograd.weights import transformed_weights, winograd_records
from utvm.microkernels.conv_winograd.windows import FREQUENCIES, LARGEST_WINDOW, SMALLEST_WINDOW, Window

__all__ = [
    "FREQUENCIES",
    "LARGEST_WINDOW",
    "SMALLEST_WINDOW",
    "PatchWalk",
    "ProductWalk",
    "ResultWalk",
    "Window",
    "product_cycles",
    "product_unit",
    "result_cycles",
    "result_unit",
    "transform_cycles",
    "transform_unit",
    "transformed_weights",
    "winograd_records",
]
