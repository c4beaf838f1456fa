"""Running a model on LiteRT's reference kernels, the truth for int8 networks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter, OpResolverType


class ReferenceRefusedError(Exception):
    """LiteRT does not accept the model or its inputs; the message is LiteRT's own."""


def run_reference(model: bytes, inputs: Sequence[npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
    """Run a .tflite model once on LiteRT's BUILTIN_REF kernels; nothing is resized.

    `inputs` are in the model's order and have its shapes and dtypes; so have the returned outputs. Raises
    ReferenceRefusedError where LiteRT refuses the model, an operator's version, or an input.
    """
    return run_sequence(model, [inputs])[0]


def run_sequence(
    model: bytes, steps: Sequence[Sequence[npt.NDArray[Any]]], reset_before: Collection[int] = ()
) -> list[list[npt.NDArray[Any]]]:
    """Run a model once per step, keeping its state; before the steps `reset_before` variable tensors are reset."""
    try:
        interpreter = Interpreter(
            model_content=model, num_threads=1, experimental_op_resolver_type=OpResolverType.BUILTIN_REF
        )
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise ReferenceRefusedError(f"LiteRT refuses the model: {error}") from error
    details = interpreter.get_input_details()
    answers = []
    for step, inputs in enumerate(steps):
        if len(inputs) != len(details):
            raise ReferenceRefusedError(f"the model has {len(details)} inputs, got {len(inputs)}")
        try:
            if step in reset_before:
                interpreter.reset_all_variables()
            for detail, array in zip(details, inputs, strict=True):
                interpreter.set_tensor(detail["index"], np.asarray(array, order="C"))
            interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise ReferenceRefusedError(f"LiteRT refuses to run the model: {error}") from error
        answers.append(
            [np.array(interpreter.get_tensor(detail["index"])) for detail in interpreter.get_output_details()]
        )
    return answers
