"""Per operator kind: shape rule, numpy reference, portable kernel."""

from utvm.operators.registry import ReferenceSequence, check_model, rule_of, run_reference
from utvm.operators.rule import OperatorRule, TensorType

__all__ = ["OperatorRule", "ReferenceSequence", "TensorType", "check_model", "rule_of", "run_reference"]
