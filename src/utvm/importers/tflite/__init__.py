"""Import of int8 .tflite files."""

from utvm.importers.tflite.convert import import_tflite

__all__ = ["import_tflite"]
