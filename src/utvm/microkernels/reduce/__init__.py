"""Sums of int8 tensors over pixels."""

from utvm.microkernels.reduce.channel_sums import MOST_PIXELS, channel_sums_unit

__all__ = ["MOST_PIXELS", "channel_sums_unit"]
