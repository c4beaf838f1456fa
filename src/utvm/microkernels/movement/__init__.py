"""Bytes from one place to another."""

from utvm.microkernels.movement.copy import copy_bytes

__all__ = ["copy_bytes"]
