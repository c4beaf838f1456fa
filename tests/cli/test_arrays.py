"""Array files: shapes that fit, quantization like LiteRT's, damaged files, whole files or none."""

from __future__ import annotations

import random
import zipfile
from pathlib import Path

import numpy as np
import pytest

from utvm.cli.arrays.files import read_arrays
from utvm.cli.arrays.fit import fit_input, quantize
from utvm.cli.arrays.outputs import write_outputs
from utvm.codegen.program import PlacedTensor
from utvm.errors import UsageError
from utvm.model import Quantization
from utvm.model.operator_types import Quantize
from utvm.operators import rule_of


def _tensor(shape: tuple[int, ...], dtype: str = "int8", quantized: bool = True) -> PlacedTensor:
    quantization = Quantization((0.5,), (3,)) if quantized else None
    return PlacedTensor("x", "x", shape, dtype, quantization, "dtcm", 0, -1, 0)


@pytest.mark.parametrize(
    ("given", "wanted", "runs"),
    [
        ((1, 8, 8, 1), (1, 8, 8, 1), 1),
        ((8, 8, 1), (1, 8, 8, 1), 1),
        ((1, 1, 8, 8, 1), (1, 8, 8, 1), 1),
        ((5, 8, 8, 1), (1, 8, 8, 1), 5),
        ((5, 1, 8, 8, 1), (1, 8, 8, 1), 5),
        ((4, 8), (4, 8), 1),
        ((3, 4, 8), (4, 8), 3),
        ((10,), (1, 10), 1),
        ((7, 10), (10,), 7),
        ((10, 10), (1, 10), 10),
        ((), (1, 1), 1),
        ((6,), (1, 1), 6),
    ],
)
def test_shapes_that_fit(given: tuple[int, ...], wanted: tuple[int, ...], runs: int) -> None:
    array = np.arange(int(np.prod(given)), dtype=np.int64).astype(np.int8).reshape(given)
    fitted = fit_input(array, _tensor(wanted), "x.npy")
    assert fitted.shape == (runs, *wanted)
    assert fitted.dtype == np.int8
    assert fitted.tobytes() == array.tobytes()


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ((8, 8), (1, 8, 8, 1)),
        ((96, 96), (1, 96, 96, 3)),
        ((8, 8, 1, 1), (1, 8, 8, 1)),
        ((2, 2, 10), (1, 10)),
        ((), (2,)),
    ],
)
def test_shapes_that_do_not_fit(given: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=r"x\.npy holds int8.*input x takes int8"):
        fit_input(np.zeros(given, np.int8), _tensor(wanted), "x.npy")


def test_quantize_is_the_operators_reference() -> None:
    generator = np.random.default_rng(3)
    halves = np.arange(-300, 300, dtype=np.float32) * np.float32(0.25)
    others = generator.normal(0, 60, 2000).astype(np.float32)
    reals = np.concatenate([halves, others, np.array([np.inf, -np.inf, -0.0], np.float32)])
    for scale, zero_point in ((0.5, 3), (0.003921568859368563, -128), (1.7, 127)):
        scale = float(np.float32(scale))
        operator = Quantize(
            name="q", inputs=("x",), outputs=("y",), scale=scale, zero_point=zero_point, output_dtype="int8"
        )
        (expected,) = rule_of(operator).reference(operator, (reals,))
        np.testing.assert_array_equal(quantize(reals, scale, zero_point, "int8"), expected)


def test_reals_for_an_input_of_reals() -> None:
    fitted = fit_input(np.array([1.5, 2.5]), _tensor((1, 2), "float32", quantized=False), "x.npy")
    assert fitted.dtype == np.float32
    assert fitted.tolist() == [[[1.5, 2.5]]]


def test_reals_for_integers_without_a_scale() -> None:
    with pytest.raises(UsageError, match="takes int32"):
        fit_input(np.array([1.5, 2.5], np.float32), _tensor((1, 2), "int32", quantized=False), "x.npy")


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_damaged_files(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    whole = np.arange(64, dtype=np.int8)
    if suffix == ".npy":
        np.save(path, whole)
    else:
        np.savez_compressed(path, x=whole)
    good = path.read_bytes()
    generator = random.Random(11)
    refused = 0
    for _ in range(300):
        data = bytearray(good)
        for _ in range(generator.randint(1, 4)):
            data[generator.randrange(min(len(data), 200))] = generator.randrange(256)
        path.write_bytes(data[: generator.choice([len(data), generator.randrange(len(data))])])
        try:
            read_arrays(path)
        except UsageError as error:
            refused += 1
            assert str(path) in str(error)
    assert refused > 100


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UsageError, match="it holds Python objects, or is another kind of file"):
        read_arrays(path)
    path.write_text("1, 2, 3", encoding="utf-8")
    with pytest.raises(UsageError, match=r"not a readable \.npy or \.npz file"):
        read_arrays(path)


def test_a_header_that_promises_too_much(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.zeros(4, np.int8))
    path.write_bytes(path.read_bytes().replace(b"(4,), }      ", b"(400000000000,), }"))
    with pytest.raises(UsageError):
        read_arrays(path)


def test_outputs_appear_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "y.npy"
    target.write_bytes(b"old")
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        write_outputs(target, [{"y": np.array([object()])}])
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["y.npy"]
    write_outputs(target, [{"y": np.zeros((4,), np.int8)}, {"y": np.ones((4,), np.int8)}])
    assert np.load(target).tolist() == [[0] * 4, [1] * 4]


def test_outputs_may_have_any_name(tmp_path: Path) -> None:
    target = tmp_path / "y.npz"
    names = ("file", "StatefulPartitionedCall_1:0", "a/b")
    write_outputs(target, [{name: np.full((1, 2), index, np.int8) for index, name in enumerate(names)}])
    with np.load(target, allow_pickle=False) as archive:
        assert {name: archive[name].tolist() for name in archive.files} == {
            name: [[index] * 2] for index, name in enumerate(names)
        }
    with zipfile.ZipFile(target) as archive_file:
        assert archive_file.testzip() is None
