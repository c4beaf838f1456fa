"""What one run of one call of a program gave."""

from __future__ import annotations

from dataclasses import dataclass

from utvm.model.tensor import Array

# What outputs hold before a call that is run by itself: a kernel that leaves them alone must not find there what
# another one wrote.
POISON = b"\xa5"


@dataclass(frozen=True)
class CallRun:
    """Its outputs by name, and core cycles."""

    outputs: dict[str, Array]
    cycles: int
