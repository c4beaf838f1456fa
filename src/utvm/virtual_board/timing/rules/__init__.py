"""The rule tables, one module per core. Each rule says what it means and who measured or stated it."""

from __future__ import annotations

from utvm.errors import UsageError
from utvm.virtual_board.timing.rules import cortex_m0plus, cortex_m4, cortex_m7, cortex_m33
from utvm.virtual_board.timing.rules.rule import Rule

__all__ = ["ONE_CYCLE", "Rule", "model_for_core", "models", "rules"]

ONE_CYCLE = "one-cycle"

_TABLES: dict[str, tuple[Rule, ...]] = {
    "cortex-m7": cortex_m7.RULES,
    "cortex-m4": cortex_m4.RULES,
    "cortex-m3": cortex_m4.RULES_M3,
    "cortex-m33": cortex_m33.RULES,
    "cortex-m0plus": cortex_m0plus.RULES,
    ONE_CYCLE: (),
}


def models() -> tuple[str, ...]:
    """The names of all timing models."""
    return tuple(_TABLES)


def model_for_core(core: str) -> str:
    """The timing model of a core: its own, or `one-cycle`, which counts instructions."""
    return core if core in _TABLES else ONE_CYCLE


def rules(model: str) -> tuple[Rule, ...]:
    """A timing model's rules in the order its native part reads them; UsageError if there is no such model."""
    if model not in _TABLES:
        raise UsageError(f"no timing model is named {model!r}; there are {', '.join(_TABLES)}")
    return _TABLES[model]
