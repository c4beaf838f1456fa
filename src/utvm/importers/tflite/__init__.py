"""Import of int8 .tflite files."""

from utvm.importers.tflite.convert import import_tflite
from utvm.importers.tflite.reader import MAX_FILE_BYTES

__all__ = ["MAX_FILE_BYTES", "import_tflite"]
