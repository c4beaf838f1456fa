"""Dot products of a vector and four rows of int8 weights at a time, for cores with Thumb instructions only."""

from utvm.microkernels.weight_words.dot import dot_rows
from utvm.microkernels.weight_words.stream import LARGEST_DEPTH, ROWS, TAPS, Stream, stream_of

__all__ = ["LARGEST_DEPTH", "ROWS", "TAPS", "Stream", "dot_rows", "stream_of"]
