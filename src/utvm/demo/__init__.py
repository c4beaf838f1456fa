"""What `utvm demo` runs: a small network of our own and images that its training never saw."""

from utvm.demo.digits import Digits, load_digits

__all__ = ["Digits", "load_digits"]
