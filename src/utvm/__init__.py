"""µTVM: neural networks on bare-metal microcontrollers. `utvm.Session` is loaded when it is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from utvm.session.session import Session as Session

__all__ = ["Session"]


def __getattr__(name: str) -> object:
    """Import heavy parts when they are used, not with the package."""
    if name == "Session":
        from utvm.session.session import Session

        return Session
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
