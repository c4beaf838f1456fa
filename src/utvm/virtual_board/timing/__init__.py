"""Timing models: which one a virtual board counts cycles with, by which rules, and with which memories."""

from utvm.virtual_board.timing.choice import TimingChoice, parse_timing
from utvm.virtual_board.timing.model import Timing, attach_timing
from utvm.virtual_board.timing.rules import Rule, model_for_core, models, rules

__all__ = [
    "Rule",
    "Timing",
    "TimingChoice",
    "attach_timing",
    "model_for_core",
    "models",
    "parse_timing",
    "rules",
]
