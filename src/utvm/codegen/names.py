"""C identifiers from the names in a model."""

from __future__ import annotations

import re

_LONGEST = 40


class Identifiers:
    """Hands out C identifiers, each once; the same names in the same order give the same identifiers."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def fresh(self, text: str) -> str:
        """An unused identifier that resembles `text`.

        Of the paths that converters leave as names ("model/conv/Relu;model/conv/BiasAdd"), the last part says most.
        """
        last = re.split(r"[;/]", text.rstrip(";/"))[-1]
        stem = re.sub(r"\W+", "_", last, flags=re.ASCII).strip("_").lower()[:_LONGEST].rstrip("_")
        if not stem or stem[0].isdigit():
            stem = f"t_{stem}".rstrip("_")
        name, number = stem, 1
        while name in self._used:
            number += 1
            name = f"{stem}_{number}"
        self._used.add(name)
        return name
