"""One small model of every kind of state."""

from __future__ import annotations

from functools import cache

from tests.streaming.lstm_models import keyword_lstm
from tests.streaming.svdf_models import keyword_svdf
from tests.streaming.variable_models import accumulator, ring_buffer


@cache
def streaming_models() -> dict[str, bytes]:
    """By name."""
    return {
        "ring_buffer": ring_buffer(),
        "keyword_lstm": keyword_lstm(),
        "keyword_svdf": keyword_svdf(),
        "accumulator": accumulator(("read", "show read", "add", "assign", "show")),
    }
