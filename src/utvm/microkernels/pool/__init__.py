"""Average and maximum of a window, over words of four channels."""

from utvm.microkernels.pool.window import MOST_TAPS, PoolWindow, pool_unit

__all__ = ["MOST_TAPS", "PoolWindow", "pool_unit"]
