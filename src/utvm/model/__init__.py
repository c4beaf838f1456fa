"""The model graph that every importer produces: tensors, operators, fixed-point arithmetic, checks."""

from utvm.model.graph import Model, check_structure
from utvm.model.quantization import Quantization
from utvm.model.state import State
from utvm.model.tensor import Array, Tensor, constant

__all__ = ["Array", "Model", "Quantization", "State", "Tensor", "check_structure", "constant"]
