"""Variables over many runs, against LiteRT."""

from __future__ import annotations

import numpy as np
import pytest

from tests.kernels.host import SANITIZERS, compile_portable, run_program
from tests.litert import ModelBuilder
from tests.operators.data_cases import any_array
from tests.streaming.sequences import Array, Fed, assert_equal, compare_kernels, compare_sequence
from tests.streaming.variable_models import accumulator, handle, initialise, ring_buffer
from utvm.importers.tflite import import_tflite
from utvm.model.operator_types import Reshape
from utvm.rewrites import rewrite

ORDERS = [
    ("read", "add", "assign"),
    ("read", "add", "assign", "read", "add"),
    ("read", "add", "assign", "show read", "show"),
    ("read", "assign input", "add"),
    ("read", "show read", "add", "assign", "read", "show read", "add", "show"),
    ("read", "add", "assign", "add", "assign", "read", "add", "show"),
    ("assign input", "read", "add"),
    ("read", "add", "assign", "assign input", "show"),
    ("read", "add", "show", "add", "assign"),
]


def feed(model: bytes, runs: int = 12, seed: int = 0, label: str = "") -> Fed:
    imported = import_tflite(model, "feed")
    random = np.random.default_rng(seed)
    tensors = [imported.tensors[name] for name in imported.inputs]
    steps = tuple(tuple(any_array(random, tensor.shape, tensor.dtype) for tensor in tensors) for _ in range(runs))
    return Fed(model, steps, label)


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "float32", "bool"])
@pytest.mark.parametrize("read_out", [False, True])
def test_a_ring_buffer_of_every_dtype(dtype: str, read_out: bool) -> None:
    random = np.random.default_rng(1)
    for initial in (None, any_array(random, (5, 4), dtype)):
        agreed = compare_sequence(feed(ring_buffer(dtype=dtype, read_out=read_out, initial=initial), label=dtype))
        assert agreed is not None
        compare_kernels([agreed])


def test_every_order_of_reads_and_writes() -> None:
    agreed = [compare_sequence(feed(accumulator(order), label=" ".join(order))) for order in ORDERS]
    found = [case for case in agreed if case is not None]
    assert len(found) == len(ORDERS)
    compare_kernels(found, ("-O2", *SANITIZERS))
    for case in found:
        got = run_program(compile_portable(case.model), case.steps, ("-O2",))
        for step, outputs in enumerate(got):
            assert_equal(outputs, case.outputs[step], f"compiled, {case.label}, run {step}")


def test_a_sum_is_written_over_the_state_and_a_delayed_input_is_copied() -> None:
    in_place = rewrite(import_tflite(accumulator(), "m"))
    assert [(type(op).__name__, op.in_place) for op in in_place.operators] == [("Add", 0)]
    delayed = rewrite(import_tflite(accumulator(("read", "assign input", "add")), "m"))
    assert [type(op).__name__ for op in delayed.operators] == ["Add", "Reshape"]
    copy = delayed.operators[1]
    assert isinstance(copy, Reshape) and copy.copies


def test_several_variables_that_pass_values_on() -> None:
    """A delay line through two variables, which change places with each other in every run."""
    builder = ModelBuilder()
    first, second = (np.full((1, 4), value, np.int8) for value in (5, -7))
    initialise(builder, {"a": first, "b": second})
    x = builder.input("x", (1, 4), scale=0.1)
    a, b = handle(builder, "a"), handle(builder, "b")
    at, bt = (builder.tensor(name, (1, 4), scale=0.1) for name in ("at", "bt"))
    y = builder.tensor("y", (1, 4), scale=0.1)
    builder.operator("READ_VARIABLE", [a], [at])
    builder.operator("READ_VARIABLE", [b], [bt])
    builder.operator("ASSIGN_VARIABLE", [a, bt], [])
    builder.operator("ASSIGN_VARIABLE", [b, at], [])
    builder.operator("ADD", [x, at], [y])
    builder.output(y)
    builder.output(bt)
    agreed = compare_sequence(feed(builder.finish()))
    assert agreed is not None
    compare_kernels([agreed])
    got = run_program(compile_portable(agreed.model), agreed.steps, ("-O2", *SANITIZERS))
    for step, outputs in enumerate(got):
        assert_equal(outputs, agreed.outputs[step], f"run {step}")


def test_a_variable_that_nothing_assigns_to_is_a_constant() -> None:
    """Weights that TensorFlow left in a variable."""
    random = np.random.default_rng(3)
    weights = random.integers(-127, 128, (3, 4), dtype=np.int8)
    builder = ModelBuilder()
    initialise(builder, {"w": weights}, scale=0.02)
    x = builder.input("x", (1, 4), scale=0.1)
    w = builder.tensor("w", (3, 4), scale=0.02)
    builder.operator("READ_VARIABLE", [handle(builder, "w")], [w])
    y = builder.tensor("y", (1, 3), scale=0.2)
    builder.operator("FULLY_CONNECTED", [x, w, None], [y])
    builder.output(y)
    case = feed(builder.finish())
    agreed = compare_sequence(case)
    assert agreed is not None
    assert agreed.model.states == ()
    assert agreed.model.tensors["w"].is_constant
    compare_kernels([agreed])


def test_a_state_that_no_output_depends_on_is_dropped() -> None:
    model = import_tflite(accumulator(("show", "read", "add", "assign", "show")), "m")
    only_x = model.with_operators(model.operators)
    assert len(rewrite(only_x).states) == 1
    builder = ModelBuilder()
    initialise(builder, {"v": np.zeros((1, 4), np.int8)})
    x = builder.input("x", (1, 4), scale=0.1)
    v = builder.tensor("v", (1, 4), scale=0.1)
    s, y = (builder.tensor(name, (1, 4), scale=0.1) for name in ("s", "y"))
    variable = handle(builder, "v")
    builder.operator("READ_VARIABLE", [variable], [v])
    builder.operator("ADD", [x, v], [s])
    builder.operator("ASSIGN_VARIABLE", [variable, s], [])
    builder.operator("RELU", [x], [y])
    builder.output(y)
    counted = rewrite(import_tflite(builder.finish(), "m"))
    assert counted.states == ()
    assert [type(op).__name__ for op in counted.operators] == ["Lookup"]


def test_random_values_reach_the_outputs() -> None:
    """The comparisons above would be worth little if the state made no difference."""
    case = feed(ring_buffer(read_out=True))
    agreed = compare_sequence(case)
    assert agreed is not None
    rows: list[Array] = [outputs["before"][-1] for outputs in agreed.outputs]
    for before, step in zip(rows[1:], agreed.steps, strict=False):
        np.testing.assert_array_equal(before, step["x"][0])
