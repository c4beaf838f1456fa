"""Convolutions whose weights are immediate operands of the code: two rows of outputs at a time, packed in words.

A word holds the inputs of two outputs, low + (high << 16), and one multiplication by a weight serves both. Partial sums
stay below 2**15; before a further weight could leave that, both halves are taken apart and added to sums of their own.
"""

from utvm.microkernels.weight_code.chunks import Chunk, Term, chunks_of, terms_of
from utvm.microkernels.weight_code.convolution import PairConvolution, Run, column_cycles, convolution_unit
from utvm.microkernels.weight_code.depthwise import (
    MOST_WIDTH,
    PairDepthwise,
    depthwise_column_cycles,
    depthwise_unit,
)
from utvm.microkernels.weight_code.scales import scale_words
from utvm.microkernels.weight_code.strip import strip_units

__all__ = [
    "MOST_WIDTH",
    "Chunk",
    "PairConvolution",
    "PairDepthwise",
    "Run",
    "Term",
    "chunks_of",
    "column_cycles",
    "convolution_unit",
    "depthwise_column_cycles",
    "depthwise_unit",
    "scale_words",
    "strip_units",
    "terms_of",
]
