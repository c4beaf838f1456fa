"""Rewrites: the structure they leave, the bytes they must not change."""
