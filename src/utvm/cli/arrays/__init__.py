"""Between the user's array files and a program's inputs and outputs."""

from utvm.cli.arrays.inputs import InputRuns, read_inputs
from utvm.cli.arrays.outputs import check_output_path, write_outputs

__all__ = ["InputRuns", "check_output_path", "read_inputs", "write_outputs"]
