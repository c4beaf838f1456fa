"""Sums of two int8 tensors as one linear form of the stored bytes."""

from utvm.microkernels.elementwise.linear import LinearForm, linear_form, linear_unit

__all__ = ["LinearForm", "linear_form", "linear_unit"]
