"""What a user grants a model beside what its board has."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bytes of all arenas together, and of the image in flash: code, constants and the runtime. None: all there is."""

    max_ram_bytes: int | None = None
    max_flash_bytes: int | None = None


NO_LIMITS = Limits()
