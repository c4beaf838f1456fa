"""The templates for CMSIS-NN: what they refuse and reserve, and with the library at hand, its answers.

The latter need UTVM_CMSIS_NN to name a manifest or its folder; they are deselected where it names nothing.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.models import FILES, benchmark_model, random_inputs
from tests.schedules.conv2d_cases import CORNERS, Convolution, random_convolution
from tests.schedules.scheduled import Scheduled, assert_equal_on, site_of
from tests.schedules.test_depthwise import CORNERS as DEPTHWISE_CORNERS
from tests.schedules.test_fully_connected import CORNERS as DENSE_CORNERS
from tests.schedules.test_fully_connected import Layer
from utvm.boards import load_board
from utvm.compiler import compile_model
from utvm.libraries import Library, load_library, use_libraries
from utvm.libraries.ready_made.cmsis_nn import TEMPLATES
from utvm.libraries.ready_made.cmsis_nn.convolution import Convolve
from utvm.libraries.ready_made.cmsis_nn.fully_connected import FullyConnected, _differing_steps, _halves_up
from utvm.libraries.served import ServedTemplate
from utvm.model import Model, operator_types
from utvm.model.fixed_point import multiply_double_rounding, multiply_single_rounding
from utvm.model.operator_types import Padding, Requantization
from utvm.operators import run_reference
from utvm.operators.kernel import CKernel
from utvm.schedules import Schedule, Template, candidates
from utvm.session.standalone import Prefer, StandaloneSession

BOARDS = [
    pytest.param("stm32f746-disco", "gcc", marks=pytest.mark.arm_gcc),
    ("stm32f746-disco", "zig"),
    ("nucleo-l4r5zi", "zig"),
    ("nucleo-g0b1re", "zig"),
]


def scratch_bytes(model: Model, board: str = "stm32f746-disco") -> int:
    template: Template = next(template for template in TEMPLATES if not template.refusal(site_of(model, board)))
    kernel = template.kernel(site_of(model, board), Schedule(template.name))
    assert isinstance(kernel, CKernel)
    return sum(argument.size_bytes for argument in kernel.arguments if argument.role == "scratch")


def test_scratch_is_what_the_library_asks_for() -> None:
    assert scratch_bytes(Convolution((1, 6, 6, 3), 4, (3, 3)).model()) == 4 * 28
    assert scratch_bytes(Convolution((1, 6, 6, 8), 4, (1, 1)).model()) == 0
    assert scratch_bytes(Convolution((1, 6, 6, 8), 4, (1, 1), padding=Padding(1, 1, 1, 1)).model()) == 4 * 8
    assert scratch_bytes(DEPTHWISE_CORNERS["one pixel"].model()) == 0


def test_refusals_say_why() -> None:
    single = Convolution((1, 6, 6, 4), 4, (3, 3)).model()
    (operator,) = single.operators
    assert isinstance(operator, operator_types.Conv2D)
    once = operator_types.Requantization(operator.requantization.multipliers, operator.requantization.shifts, "single")
    site = site_of(single)
    assert not Convolve().refusal(site) and "not fully connected" in FullyConnected().refusal(site)
    late = replace(operator, padding=Padding(bottom=1))
    pixel = site_of(Convolution((1, 6, 6, 4), 4, (1, 1)).model())
    assert "at the end only" in Convolve().refusal(replace(pixel, operator=late))
    assert "rounds single" in Convolve().refusal(replace(site, operator=replace(operator, requantization=once)))
    helium = replace(site, core=load_board("qemu-mps3-an547").core)
    assert "MVE" in Convolve().refusal(helium)


@pytest.mark.parametrize("rounds_once", [False, True])
def test_layers_that_would_differ_are_found(rounds_once: bool) -> None:
    """Against every accumulator of small layers."""
    rng = np.random.default_rng(3)
    found = []
    for _ in range(60):
        most = int(rng.choice([1, 5]))
        weights = rng.integers(-most, most + 1, (1, 3)).astype(np.int8)
        bits = int(rng.choice([0, 20, 28]))  # halves need trailing zeros
        multiplier = int(rng.integers(1 << 30, 1 << 31)) >> bits << bits
        requantization = Requantization((multiplier,), (-int(rng.integers(1, 10)),), "single")
        operator = operator_types.FullyConnected(
            name="f", inputs=("x", "w", "b"), outputs=("y",), input_zero_point=0, weights_zero_point=0,
            requantization=requantization, output_zero_point=int(rng.integers(-9, 9)), clamp=(-128, 127),
        )  # fmt: skip
        bias = rng.integers(-60 * most, 60 * most, 1).astype(np.int32)
        reach = 128 * int(np.abs(weights.astype(int)).sum())
        sums = np.arange(bias[0] - reach, bias[0] + reach, dtype=np.int64)
        shift = np.array(requantization.shifts)
        library = (_halves_up if rounds_once else multiply_double_rounding)(sums, np.array(multiplier), shift)
        truth = multiply_single_rounding(sums, multiplier, shift)
        low, high = -128 - operator.output_zero_point, 127 - operator.output_zero_point
        differs = bool(np.any(np.clip(library, low, high) != np.clip(truth, low, high)))
        # Weights of one sign reach all accumulators between the ends only as far as sums of products do.
        claimed = _differing_steps(operator, weights, bias, rounds_once) > 0
        assert claimed or not differs
        found.append(differs)
    assert any(found) and not all(found)


def library() -> Library:
    return load_library(Path(os.environ["UTVM_CMSIS_NN"]))


def served(models: dict[str, Model], board: str) -> list[Scheduled]:
    """Those models of one operator that the library serves, with inputs."""
    found = []
    for name, model in models.items():
        schedules = [schedule for schedule in candidates(site_of(model, board)) if "/" in schedule.template]
        inputs = random_inputs(model, 1)[0]
        found += [Scheduled(model, inputs, schedule, name) for schedule in schedules]
    return found


@pytest.mark.cmsis_nn
@pytest.mark.parametrize(("board", "prefer"), BOARDS)
def test_operators(board: str, prefer: Prefer) -> None:
    models = {name: case.model() for name, case in CORNERS.items() if name != "tiny scale"}
    models |= {f"random {seed}": random_convolution(seed).model() for seed in range(24)}
    models |= {f"depthwise {name}": case.model() for name, case in DEPTHWISE_CORNERS.items()}
    models |= {f"dense {name}": case.model() for name, case in DENSE_CORNERS.items()}
    models |= {f"dense by {bits}": Layer(2, 40, 9, halvings=bits).model() for bits in (4, 7)}
    with use_libraries([library()]):
        cases = served(models, board)
        assert len({case.schedule.template for case in cases}) == 3 and len(cases) > 50
        assert_equal_on(board, cases, prefer)


@pytest.mark.cmsis_nn
@pytest.mark.models
@pytest.mark.parametrize("name", FILES)
def test_benchmark_models(models_dir: Path, name: str) -> None:
    board = load_board("stm32f746-disco")
    model = benchmark_model(models_dir, name)
    with use_libraries([library()], [library().name]):
        program = compile_model(model, board)
    served_by = [call.schedule.partition("(")[0] for call in program.calls]
    assert name == "ad" or served_by.count(ServedTemplate(library(), Convolve()).name) >= 5
    with StandaloneSession(program, board) as session:
        for inputs in random_inputs(model, 2):
            outputs = session.run(inputs).outputs
            for output, expected in run_reference(model, inputs).items():
                np.testing.assert_array_equal(outputs[output], expected)
