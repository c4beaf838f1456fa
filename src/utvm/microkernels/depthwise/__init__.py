"""Depthwise convolution: each channel widened into an int16 plane of its own, and a window slid over planes."""

from utvm.microkernels.depthwise.packing import depthwise_records, record_words, window_size
from utvm.microkernels.depthwise.planes import (
    CHANNELS,
    PLANE_EDGES,
    PLANE_SINGLE,
    PlaneLayout,
    widen_planes,
    widen_refusal,
)
from utvm.microkernels.depthwise.window import TILE, PlaneWindow, window_cycles, window_unit

__all__ = [
    "CHANNELS",
    "PLANE_EDGES",
    "PLANE_SINGLE",
    "TILE",
    "PlaneLayout",
    "PlaneWindow",
    "depthwise_records",
    "record_words",
    "widen_planes",
    "widen_refusal",
    "window_cycles",
    "window_size",
    "window_unit",
]
