"""Matrix times vector: up to eight outputs at a time, packed int8 weights, an int8 vector."""

from utvm.microkernels.fully_connected.dot import MOST_CHANNELS, DotProducts, dot_cycles, dot_unit
from utvm.microkernels.fully_connected.packing import QUAD_ORDER, dot_biases, dot_scales, dot_weights, scales_refusal
from utvm.microkernels.fully_connected.pick import ENTRIES_A_ROUND, ENTRY_BYTES, most_list_bytes, pick_unit

__all__ = [
    "ENTRIES_A_ROUND",
    "ENTRY_BYTES",
    "MOST_CHANNELS",
    "QUAD_ORDER",
    "DotProducts",
    "dot_biases",
    "dot_cycles",
    "dot_scales",
    "dot_unit",
    "dot_weights",
    "most_list_bytes",
    "pick_unit",
    "scales_refusal",
]
