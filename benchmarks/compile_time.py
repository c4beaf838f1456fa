"""How long compiling takes, without the C compiler and after imports, and how long `utvm --help` takes.

python benchmarks/compile_time.py [--models DIR] [--board stm32f746-disco]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

MODELS = {
    "ad": "ad01_int8.tflite",
    "ic": "pretrainedResnet_quant.tflite",
    "kws": "kws_ref_model.tflite",
    "vww": "vww_96_int8.tflite",
}

_CHILD = """
import sys, time
import tvm
from pathlib import Path
from utvm.boards import load_board
from utvm.codegen.model_source import source_files
from utvm.compiler import compile_model, load_model
begin = time.perf_counter()
model = load_model(Path(sys.argv[1]))
imported = time.perf_counter()
source_files(compile_model(model, load_board(sys.argv[2])))
print(imported - begin, time.perf_counter() - imported)
"""


def median_of_runs(command: list[str], runs: int = 5) -> list[float]:
    """Medians of the numbers a command prints, over several processes."""
    outputs = [subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(runs)]
    rows = [[float(text) for text in output.split()] for output in outputs]
    return [statistics.median(column) for column in zip(*rows, strict=True)]


def help_seconds(runs: int = 7) -> float:
    """Median wall time of `utvm --help`, process start included."""
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-m", "utvm", "--help"], check=True, capture_output=True)
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def main() -> None:
    """Print one line per model and one for the help."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=os.environ.get("UTVM_MODELS"))
    parser.add_argument("--board", default="stm32f746-disco")
    arguments = parser.parse_args()
    if arguments.models is None:
        parser.error("give --models or set UTVM_MODELS (docs/models.md)")
    print(f"medians of 5 processes, Python {sys.version.split()[0]}, board {arguments.board}; seconds")
    print(f"{'model':6} {'import':>8} {'compile':>8} {'both':>8}")
    for name, file in MODELS.items():
        command = [sys.executable, "-c", _CHILD, str(Path(arguments.models) / file), arguments.board]
        load, compile_ = median_of_runs(command)
        print(f"{name:6} {load:8.3f} {compile_:8.3f} {load + compile_:8.3f}")
    print(f"utvm --help: {help_seconds():.3f}")


if __name__ == "__main__":
    main()
