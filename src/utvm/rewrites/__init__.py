"""Graph rewrites, one per file, in the order in which they run."""

from utvm.rewrites.pipeline import PIPELINE, rewrite

__all__ = ["PIPELINE", "rewrite"]
