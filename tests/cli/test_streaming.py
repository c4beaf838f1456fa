"""`utvm run`, `evaluate` and `export` of models with state."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Invoke, only_json
from tests.cli.fakes import FakeBoards
from tests.models import random_inputs
from tests.streaming.models import streaming_models
from utvm.compiler import load_model
from utvm.demo import load_digits
from utvm.model import Model
from utvm.operators import ReferenceSequence

BOARD = "stm32f746-disco"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("streaming") / "keywords.tflite"
    path.write_bytes(streaming_models()["keyword_lstm"])
    return path


@pytest.fixture(scope="module")
def model(path: Path) -> Model:
    return load_model(path)


@pytest.fixture
def frames(model: Model, tmp_path: Path) -> Path:
    file = tmp_path / "frames.npy"
    np.save(file, np.concatenate([run["features"] for run in random_inputs(model, 6)]))
    return file


def words(model: Model, frames: Path, reset_every: int | None) -> list[list[list[int]]]:
    sequence, answers = ReferenceSequence(model), []
    for index, frame in enumerate(np.load(frames)):
        if reset_every and index % reset_every == 0:
            sequence.reset()
        answers.append(sequence.run({"features": frame[np.newaxis]})["words"].tolist())
    return answers


@pytest.mark.parametrize("reset_every", [None, 1, 4])
def test_runs_are_steps_of_a_sequence(
    utvm: Invoke, path: Path, model: Model, frames: Path, reset_every: int | None
) -> None:
    """On the host's arena, with real kernels, checked step by step."""
    options = [] if reset_every is None else ["--reset-every", reset_every]
    arguments = ["run", path, "-b", "host", "-i", frames, "--kernels", "portable", "--check", "--json", *options]
    document = only_json(utvm(*arguments))
    assert document["mismatches"] == 0
    assert document["check"]["runs"] == 6
    assert (document["keeps_state"], document["reset_every"]) == (True, reset_every)
    assert document["outputs"][0]["quantized"] == words(model, frames, reset_every)
    assert sum(document["ram_bytes"]["state"].values()) == 24 + 40


def test_the_text_says_so(utvm: Invoke, path: Path, model: Model, frames: Path) -> None:
    services = FakeBoards(model).services
    done = utvm("run", path, "-b", BOARD, "-i", frames, services=services)
    assert "6 runs in a row" in done.stdout
    done = utvm("run", path, "-b", BOARD, "-i", frames, "--reset-every", "2", services=services)
    assert "6 runs, the state reset every 2" in done.stdout


def test_reset_every_needs_state(utvm: Invoke) -> None:
    digits = load_digits().model_path
    done = utvm("run", digits, "-b", BOARD, "--reset-every", "1", services=FakeBoards(load_model(digits)).services)
    assert done.exit_code == 2
    assert "keeps nothing from run to run; leave it out" in done.stderr


def test_evaluate_takes_sequences(utvm: Invoke, path: Path, model: Model, tmp_path: Path) -> None:
    """Three sequences of four steps: the answer of each is that of its last step, begun anew."""
    sequences = np.random.default_rng(2).integers(-128, 128, (3, 4, 1, 1, 16), dtype=np.int8)
    last = []
    for steps in sequences:
        sequence = ReferenceSequence(model)
        answers = [sequence.run({"features": step})["words"] for step in steps]
        last.append(int(answers[-1].argmax()))
    data = tmp_path / "data.npz"
    for shape in ((3, 4, 1, 1, 16), (3, 4, 16)):
        np.savez(data, inputs=sequences.reshape(shape), labels=np.array(last))
        document = only_json(
            utvm("evaluate", path, "-b", BOARD, "--data", data, "--json", services=FakeBoards(model).services)
        )
        assert (document["images"], document["correct"], document["runs"]) == (3, 3, 12)
        assert document["predictions"] == last
        assert document["mismatches"] == 0
    limited = only_json(
        utvm("evaluate", path, "-b", BOARD, "--data", data, "--limit", "2", "--json",
             services=FakeBoards(model).services)
    )  # fmt: skip
    assert (limited["images"], limited["runs"]) == (2, 8)


def test_evaluate_takes_single_steps(utvm: Invoke, path: Path, model: Model, tmp_path: Path) -> None:
    inputs = np.random.default_rng(3).integers(-128, 128, (5, 16), dtype=np.int8)
    first = [int(ReferenceSequence(model).run({"features": x.reshape(1, 1, 16)})["words"].argmax()) for x in inputs]
    np.savez(tmp_path / "data.npz", inputs=inputs, labels=np.array(first))
    document = only_json(
        utvm("evaluate", path, "-b", BOARD, "--data", tmp_path / "data.npz", "--json",
             services=FakeBoards(model).services)
    )  # fmt: skip
    assert (document["images"], document["correct"], document["reset_every"]) == (5, 5, 1)


def test_sequences_and_labels_must_agree(utvm: Invoke, path: Path, model: Model, tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", inputs=np.zeros((3, 4, 16), np.int8), labels=np.zeros(12, np.int64))
    done = utvm("evaluate", path, "-b", BOARD, "--data", tmp_path / "data.npz", services=FakeBoards(model).services)
    assert done.exit_code == 2
    assert "labels is int64[12], for 3 inputs" in done.stderr


def test_export_and_compile_say_how_large_the_state_is(utvm: Invoke, path: Path, tmp_path: Path) -> None:
    done = utvm("export", path, "-b", BOARD, "-f", "c", "-o", tmp_path / "lib")
    assert "64 bytes of state" in done.stdout
    document = only_json(utvm("export", path, "-b", BOARD, "-f", "c", "-o", tmp_path / "other", "--json"))
    assert document["state_bytes"] == 64
    document = only_json(utvm("compile", path, "-b", BOARD, "--no-build", "--json"))
    assert document["ram_bytes"]["state"] == {"dtcm": 64}
    done = utvm("compile", path, "-b", BOARD, "--no-build")
    assert "state cell_state int16[1x20], kept from run to run" in done.stdout
