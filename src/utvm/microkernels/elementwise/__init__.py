"""Sums and products of two int8 tensors, each as one form of the stored bytes."""

from utvm.microkernels.elementwise.linear import BYTES, LinearForm, linear_form, linear_unit
from utvm.microkernels.elementwise.product import ProductForm, product_form, product_unit

__all__ = ["BYTES", "LinearForm", "ProductForm", "linear_form", "linear_unit", "product_form", "product_unit"]
