"""Comparing runs in a row with LiteRT's reference kernels, bit for bit: the numpy reference, and the C kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.kernels.host import run_many_sequences
from tests.litert import ReferenceRefusedError, run_sequence
from utvm.importers.tflite import import_tflite
from utvm.model import Model
from utvm.operators import ReferenceSequence, check_model
from utvm.rewrites import rewrite

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Fed:
    """A .tflite model and what it is fed, input by input, run by run."""

    model: bytes
    steps: tuple[tuple[Array, ...], ...]
    label: str = ""


@dataclass(frozen=True)
class AgreedSequence:
    """A sequence whose numpy reference equals LiteRT: the imported model, its inputs, LiteRT's outputs of every run."""

    model: Model
    steps: tuple[dict[str, Array], ...]
    outputs: tuple[dict[str, Array], ...]
    label: str


def compare_sequence(case: Fed, reset_before: Sequence[int] = ()) -> AgreedSequence | None:
    """Assert that the numpy references of the model and of the rewritten one give LiteRT's outputs in every run.

    None where LiteRT refuses the model.
    """
    try:
        answers = run_sequence(case.model, case.steps, reset_before)
    except ReferenceRefusedError:
        return None
    model = import_tflite(case.model, case.label or "case")
    rewritten = rewrite(model)
    check_model(rewritten)
    steps = tuple(dict(zip(model.inputs, inputs, strict=True)) for inputs in case.steps)
    outputs = tuple(dict(zip(model.outputs, answer, strict=True)) for answer in answers)
    sequences = ReferenceSequence(model), ReferenceSequence(rewritten)
    for step, (inputs, wanted) in enumerate(zip(steps, outputs, strict=True)):
        for sequence in sequences:
            if step in reset_before:
                sequence.reset()
            assert_equal(sequence.run(inputs), wanted, f"numpy reference, {case.label}, run {step}")
    return AgreedSequence(model, steps, outputs, case.label)


def compare_sequences(cases: Sequence[Fed], at_least: int, kernels: int = 16) -> list[AgreedSequence]:
    """Compare every sequence that LiteRT accepts, which are `at_least` so many, `kernels` of them in C too."""
    agreed = [found for case in cases if (found := compare_sequence(case)) is not None]
    assert len(agreed) >= at_least, f"LiteRT accepted only {len(agreed)} cases"
    compare_kernels(agreed[:: max(1, len(agreed) // kernels)])
    return agreed


def compare_kernels(agreed: Sequence[AgreedSequence], flags: Sequence[str] = ("-O1",)) -> None:
    """Assert that the C kernels give LiteRT's outputs in every run; all models are compiled together."""
    length = min(len(case.steps) for case in agreed)
    results = run_many_sequences([(case.model, case.steps[:length]) for case in agreed], flags)
    for case, outputs in zip(agreed, results, strict=True):
        for step, got in enumerate(outputs):
            assert_equal(got, case.outputs[step], f"C kernel, {case.label}, run {step}")


def assert_equal(got: dict[str, Array], wanted: dict[str, Array], what: str) -> None:
    for name, want in wanted.items():
        have = got[name]
        assert (have.shape, have.dtype) == (want.shape, want.dtype), f"{what}, output {name}"
        np.testing.assert_array_equal(have, want, err_msg=f"{what}, output {name}")
