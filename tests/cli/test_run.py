"""`utvm run` on a board that answers at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Invoke, only_json
from tests.cli.fakes import CYCLES_KIND, LAYER_CYCLES, STACK_BYTES, FakeBoards
from utvm.compiler import load_model
from utvm.model import Array
from utvm.operators import run_reference

BOARD = "stm32f746-disco"


def _one_off(outputs: dict[str, Array]) -> dict[str, Array]:
    spoiled = {name: value.copy() for name, value in outputs.items()}
    spoiled["y"][0, 2] += 1 if spoiled["y"][0, 2] < 127 else -1
    return spoiled


def test_json_has_what_the_design_promises(utvm: Invoke, dense: Path, dense_boards: FakeBoards) -> None:
    result = utvm("run", dense, "-b", BOARD, "--check", "--json", services=dense_boards.services)
    assert result.exit_code == 0, result.stderr
    document = only_json(result)
    calls = len(document["layers"])
    assert document["cycles"] == LAYER_CYCLES * calls + 1
    assert document["cycles_kind"] == CYCLES_KIND
    assert document["clock_hz"] == 216_000_000
    first = document["layers"][0]
    assert {"name", "operator", "macs", "cycles", "schedule", "kernel", "output_shape"} <= set(first)
    assert (first["operator"], first["macs"], first["cycles"]) == ("FullyConnected", 24, LAYER_CYCLES)
    assert document["ram_bytes"] == {
        "arena": {"dtcm": 320}, "state": {}, "runtime": 100, "stack_reserved": 2048, "stack_high_water": STACK_BYTES,
        "total": 2468,
    }  # fmt: skip
    assert document["flash_bytes"] == {"text": 5000, "constants": 700, "data": 8, "total": 5708}
    assert (document["mismatches"], document["max_abs_diff"]) == (0, 0.0)
    assert document["toolchain"] == {"kind": "gcc", "version": "fake gcc 1.0"}
    assert document["board"]["name"] == BOARD
    assert len(document["model_sha256"]) == 64
    assert document["utvm"]


def test_outputs_in_json(utvm: Invoke, dense: Path, dense_boards: FakeBoards, tmp_path: Path) -> None:
    x = np.array([[1, -2, 3, -4, 5, -6]], np.int8)
    np.save(tmp_path / "x.npy", x)
    result = utvm("run", dense, "-b", BOARD, "-i", tmp_path / "x.npy", "--json", services=dense_boards.services)
    (output,) = only_json(result)["outputs"]
    expected = run_reference(load_model(dense), {"x": x})["y"]
    assert (output["name"], output["dtype"], output["shape"]) == ("y", "int8", [1, 4])
    assert output["quantized"] == [expected.tolist()]
    assert output["dequantized"] == [(expected.astype(float) + 4).tolist()]


def test_without_check_nothing_is_claimed(utvm: Invoke, dense: Path, dense_boards: FakeBoards) -> None:
    result = utvm("run", dense, "-b", BOARD, "--json", services=dense_boards.services)
    document = only_json(result)
    assert document["mismatches"] is None and document["max_abs_diff"] is None
    assert "check" not in utvm("run", dense, "-b", BOARD, services=dense_boards.services).stdout


def test_text(utvm: Invoke, dense: Path, dense_boards: FakeBoards) -> None:
    result = utvm("run", dense, "-b", BOARD, "--random", "3", "--check", services=dense_boards.services)
    assert result.exit_code == 0, result.stderr
    text = result.stdout
    assert "dense.tflite on STM32F746G Discovery (stm32f746-disco, cortex-m7 at 216 MHz), virtual board" in text
    assert f"({CYCLES_KIND})" in text
    assert "median of 3 runs" in text
    assert "FullyConnected" in text and "int8[1x4]" in text
    assert f"stack, reserved ({STACK_BYTES} used)" in text
    assert "check: 0 mismatches of 12 elements in 3 runs" in text
    # Progress is for standard error.
    assert "fake stm32f746-disco" in result.stderr and "fake stm32f746-disco" not in text


def test_a_wrong_answer(utvm: Invoke, dense: Path) -> None:
    boards = FakeBoards(load_model(dense), spoil=_one_off)
    result = utvm("run", dense, "-b", BOARD, "--random", "2", "--check", "--json", services=boards.services)
    assert result.exit_code == 1
    document = only_json(result)
    assert (document["mismatches"], document["max_abs_diff"]) == (2, 1.0)
    first = document["check"]["first"]
    assert (first["output"], first["run"], first["index"]) == ("y", 0, [0, 2])
    assert abs(first["expected"] - first["got"]) == 1
    assert "differs from the reference" in result.stderr and "element [0, 2]" in result.stderr
    assert boards.closed == 1


def test_the_seed_decides_the_inputs(utvm: Invoke, dense: Path) -> None:
    def inputs_of(*arguments: object) -> list[bytes]:
        boards = FakeBoards(load_model(dense))
        assert utvm("run", dense, "-b", BOARD, *arguments, services=boards.services).exit_code == 0
        return [one["x"].tobytes() for one in boards.sessions[0].inputs]

    assert inputs_of("--random", 4) == inputs_of("--random", 4, "--seed", 0)
    assert inputs_of("--random", 4) != inputs_of("--random", 4, "--seed", 1)
    assert inputs_of() == inputs_of("--random", 1)
    assert len(set(inputs_of("--random", 4))) == 4


def test_a_batch_is_as_many_runs(utvm: Invoke, dense: Path, dense_boards: FakeBoards, tmp_path: Path) -> None:
    batch = np.arange(30, dtype=np.int8).reshape(5, 6)
    np.save(tmp_path / "x.npy", batch)
    output = tmp_path / "y.npy"
    result = utvm(
        "run", dense, "-b", BOARD, "-i", tmp_path / "x.npy", "-o", output, services=dense_boards.services
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    model = load_model(dense)
    expected = np.concatenate([run_reference(model, {"x": row[None]})["y"] for row in batch])
    written = np.load(output)
    np.testing.assert_array_equal(written, expected)
    assert written.dtype == np.int8
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.npy", "y.npy"]


def test_reals_are_quantized(utvm: Invoke, dense: Path, dense_boards: FakeBoards, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([0.25, -0.25, 0.2, 1e9, -1e9, 0.75], np.float32))
    result = utvm("run", dense, "-b", BOARD, "-i", tmp_path / "x.npy", services=dense_boards.services)
    assert result.exit_code == 0, result.stderr
    (given,) = dense_boards.sessions[0].inputs
    assert given["x"].tolist() == [[4, 2, 3, 127, -128, 5]]


def test_several_inputs_and_outputs(utvm: Invoke, two_by_two: Path, tmp_path: Path) -> None:
    model = load_model(two_by_two)
    left, right = np.array([[1, 2, 3, 4]], np.int8), np.array([[-1, 0, 7, -128]], np.int8)
    np.save(tmp_path / "left.npy", left)
    np.save(tmp_path / "right.npy", right)
    np.savez(tmp_path / "both.npz", right=right, left=left)
    expected = run_reference(model, {"left": left, "right": right})
    by_position = ["-i", tmp_path / "left.npy", "-i", tmp_path / "right.npy"]
    for arguments in (by_position, ["-i", tmp_path / "both.npz"]):
        output = tmp_path / "out.npz"
        boards = FakeBoards(model)
        result = utvm("run", two_by_two, "-b", BOARD, *arguments, "-o", output, services=boards.services)
        assert result.exit_code == 0, result.stderr
        with np.load(output) as written:
            assert set(written.files) == {"sum", "file"}
            for name, value in expected.items():
                np.testing.assert_array_equal(written[name], value)
        output.unlink()
    result = utvm("run", two_by_two, "-b", BOARD, "-o", tmp_path / "y.npy", services=FakeBoards(model).services)
    assert result.exit_code == 2
    assert "2 outputs (sum, file), which need a .npz file" in result.stderr


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((1, 7), np.int8), "holds int8[1x7], but input x takes int8[1x6]"),
        (np.zeros((1, 6), np.uint8), "holds uint8[1x6], but input x takes int8[1x6]"),
        (np.zeros((1, 6), np.int64), "or float32 to be quantized with scale 0.5 and zero point 3"),
        (np.zeros((0, 6), np.int8), "holds no inputs"),
        (np.full((1, 6), np.nan, np.float32), "holds NaN"),
    ],
)
def test_inputs_that_do_not_fit(
    utvm: Invoke, dense: Path, dense_boards: FakeBoards, tmp_path: Path, array: Array, message: str
) -> None:
    np.save(tmp_path / "x.npy", array)
    result = utvm("run", dense, "-b", BOARD, "-i", tmp_path / "x.npy", services=dense_boards.services)
    assert result.exit_code == 2
    assert message in result.stderr and "x.npy" in result.stderr
    assert dense_boards.sessions == []


def test_contradicting_arguments(utvm: Invoke, dense: Path, dense_boards: FakeBoards, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((1, 6), np.int8))
    x = tmp_path / "x.npy"
    for arguments, message in (
        (["-i", x, "--random", 2], "--input and --random exclude each other"),
        (["-i", x, "-i", x], "the model has 1 input(s), given are 2 file(s)"),
        (["-o", tmp_path / "y.txt"], "outputs are written as .npy or .npz"),
        (["-o", tmp_path / "no" / "y.npy"], "there is no folder"),
    ):
        result = utvm("run", dense, "-b", BOARD, *arguments, services=dense_boards.services)
        assert result.exit_code == 2
        assert message in result.stderr
    assert dense_boards.sessions == []


def test_times_of_stages(utvm: Invoke, dense: Path, dense_boards: FakeBoards) -> None:
    result = utvm("run", dense, "-b", BOARD, "--verbose", services=dense_boards.services)
    lines = result.stderr.splitlines()
    assert [line.rsplit(":", 1)[0] for line in lines] == [
        "utvm: Reading dense.tflite",
        "utvm: Compiling dense.tflite for stm32f746-disco",
        "utvm: Starting the fake stm32f746-disco",
        "utvm: Running on stm32f746-disco",
    ]
    assert all(line.endswith(" s") for line in lines)
