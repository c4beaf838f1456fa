"""Convolution tiles: a few pixels by a pair of channels, on int16 strips with packed int8 weights."""

from utvm.microkernels.conv.common_shift import common_records, common_scaling, common_shift
from utvm.microkernels.conv.packing import (
    ChannelRanges,
    channel_ranges,
    pack_pairs,
    pack_wide,
    pairable,
    with_records,
)
from utvm.microkernels.conv.records import Rounding, records, records_refusal, rounding_of, settled_channels
from utvm.microkernels.conv.tile import ConvTile
from utvm.microkernels.conv.tile_code import tile_cycles, tile_unit

__all__ = [
    "ChannelRanges",
    "ConvTile",
    "Rounding",
    "channel_ranges",
    "common_records",
    "common_scaling",
    "common_shift",
    "pack_pairs",
    "pack_wide",
    "pairable",
    "records",
    "records_refusal",
    "rounding_of",
    "settled_channels",
    "tile_cycles",
    "tile_unit",
    "with_records",
]
