"""Test harness: small .tflite models built on the fly and run on LiteRT's reference kernels."""

from .builder import ModelBuilder, TensorHandle
from .reference import ReferenceRefusedError, run_reference
from .versions import INT8_VERSIONS

__all__ = ["INT8_VERSIONS", "ModelBuilder", "ReferenceRefusedError", "TensorHandle", "run_reference"]
