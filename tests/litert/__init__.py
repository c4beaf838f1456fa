"""Test harness: small .tflite models built on the fly and run on LiteRT's reference kernels."""

from .builder import GraphBuilder, ModelBuilder, TensorHandle
from .reference import ReferenceRefusedError, run_reference, run_sequence
from .versions import INT8_VERSIONS

__all__ = [
    "INT8_VERSIONS",
    "GraphBuilder",
    "ModelBuilder",
    "ReferenceRefusedError",
    "TensorHandle",
    "run_reference",
    "run_sequence",
]
