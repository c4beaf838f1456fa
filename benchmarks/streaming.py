"""Modelled cycles of layers that keep state, with portable kernels and with those chosen by default.

    python -m benchmarks.streaming [--board stm32f746-disco ...]

Random weights; every run is compared with the reference, over several runs in a row.
"""

from __future__ import annotations

import argparse

import numpy as np

from tests.models import random_inputs
from tests.streaming import lstm_models, svdf_models
from utvm.boards import load_board
from utvm.compiler import compile_model, compile_portable
from utvm.importers.tflite import import_tflite
from utvm.operators import ReferenceSequence
from utvm.session.standalone import StandaloneSession

MODELS = {
    "SVDF, 64 units of rank 2 over 10 runs, 40 inputs": svdf_models.svdf_model(svdf_models.Layer(64, 2, 10), 1, 40),
    "LSTM, 64 cells, 40 inputs, 1 step": lstm_models.lstm_model(lstm_models.Layer(64), 1, 1, 40),
    "keyword spotter, SVDF": svdf_models.keyword_svdf(),
    "keyword spotter, LSTM": lstm_models.keyword_lstm(),
}
RUNS = 4


def main() -> None:
    """Print a table per board."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--board", action="append")
    for name in parser.parse_args().board or ["stm32f746-disco"]:
        board = load_board(name)
        print(f"\n{board.title}: cycles of a run (modelled), bytes\n")
        print(
            "| model | MACs | portable | default | mismatches | state | arena, default |\n|---|---|---|---|---|---|---|"
        )
        for title, data in MODELS.items():
            model = import_tflite(data, title)
            cycles, mismatches = [], 0
            for program in (compile_portable(model, board), compile_model(model, board)):
                sequence = ReferenceSequence(model)
                with StandaloneSession(program, board) as session:
                    for inputs in random_inputs(model, RUNS):
                        run, expected = session.run(inputs), sequence.run(inputs)
                        mismatches += sum(int(np.sum(run.outputs[key] != value)) for key, value in expected.items())
                cycles.append(run.cycles)
            print(
                f"| {title} | {program.macs:,} | {cycles[0]:,} | {cycles[1]:,} | {mismatches} |"
                f" {program.state_bytes:,} | {program.arena_bytes:,} |"
            )


if __name__ == "__main__":
    main()
