"""Every template for vectors (MVE) against the reference, byte for byte, on a Cortex-M55: QEMU's mps3-an547."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import pytest

from tests.schedules import (
    test_add,
    test_depthwise,
    test_fully_connected,
    test_lookup,
    test_mean,
    test_overlap,
    test_pool,
)
from tests.schedules.conv2d_cases import CORNERS, UNPADDED, Convolution, extreme_bytes, random_convolution
from tests.schedules.scheduled import Scheduled, assert_equal_on, program_of, site_of
from tests.schedules.test_depthwise import Depthwise
from tests.schedules.test_fully_connected import Layer
from utvm.boards import load_board
from utvm.errors import DeviceFault
from utvm.model import Array, Model
from utvm.model.fixed_point import quantize_multiplier
from utvm.model.operator_types import Mul, Padding, Requantization
from utvm.model.tensor import Tensor
from utvm.schedules import Schedule, candidates, default_schedule
from utvm.schedules.conv2d_mve import Conv2DVectors
from utvm.schedules.depthwise_mve import DepthwiseVectors
from utvm.schedules.elementwise_mve import AddVectors, MulVectors
from utvm.schedules.fully_connected_mve import FullyConnectedVectors
from utvm.schedules.lookup_mve import LookupVectors
from utvm.schedules.mean_mve import MeanVectors
from utvm.schedules.pool_mve import PoolVectors
from utvm.schedules.template import Template
from utvm.session.standalone import Prefer, StandaloneSession

TOOLCHAINS = [
    pytest.param("gcc", marks=[pytest.mark.arm_gcc, pytest.mark.qemu]),
    pytest.param("zig", marks=pytest.mark.qemu),
]
M55 = "qemu-mps3-an547"
MANY = 4
SIMPLE = ("conv2d_mve", {"gather": False, "rows": 30})
SAME = Padding(1, 1, 1, 1)

CONVOLUTIONS = {
    **CORNERS,
    "one output": Convolution((1, 5, 6, 16), 1, (1, 1)),
    "two outputs of a partial vector": Convolution((1, 5, 5, 20), 2, (1, 1), zero_points=(4, -9)),
    "three outputs, padded": Convolution((1, 5, 5, 7), 3, (3, 3), padding=SAME, zero_points=(4, -9)),
    "outputs that fill no group": Convolution((1, 5, 5, 32), 11, (1, 1), zero_points=(-128, -128)),
    "a loop over rows of the window": Convolution((1, 5, 5, 64), 5, (3, 3), padding=SAME, zero_points=(1, -128)),
    "a loop over vectors": Convolution((1, 3, 3, 345), 4, (1, 1), zero_points=(-7, 8)),
    "a loop over vectors, whole": Convolution((1, 3, 3, 384), 4, (1, 1)),
    "dilated both ways": Convolution((1, 9, 11, 3), 5, (3, 3), padding=SAME, dilation=(2, 3), zero_points=(9, 0)),
    "dilated rows of the window": Convolution((1, 9, 7, 16), 4, (3, 2), dilation=(3, 1)),
    "one row": Convolution((1, 1, 17, 6), 4, (1, 3), zero_points=(0, 127)),
    "padding wider than the window": Convolution((1, 3, 3, 16), 4, (2, 2), padding=Padding(2, 3, 4, 5)),
    "scales above one": Convolution((1, 4, 5, 5), 8, (1, 1), scale=60.0),
    "scales far above one": Convolution((1, 4, 5, 5), 8, (1, 1), scale=20_000.0, zero_points=(3, -5)),
    "scales around one half": Convolution((1, 4, 5, 5), 12, (2, 2), scale=25.0, zero_points=(3, 5)),
    "scales around one half, from the zero point on": Convolution(
        (1, 4, 5, 5), 12, (2, 2), scale=25.0, zero_points=(3, -7), clamp=(-7, 90)
    ),
    "two images, rows in groups": Convolution((2, 11, 5, 5), 4, (3, 3), padding=SAME, clamp=(-20, 30)),
}

DEPTHWISE = {
    **test_depthwise.CORNERS,
    "eight channels and four": Depthwise((1, 6, 6, 12), zero_points=(3, -9)),
    "one and a half times eight channels, two outputs each": Depthwise((1, 6, 6, 12), multiplier=2),
    "5x5": Depthwise((1, 9, 8, 8), window=(5, 5), padding=Padding(2, 2, 2, 2), zero_points=(7, 1)),
    "7x2": Depthwise((1, 9, 8, 9), window=(7, 2), padding=UNPADDED, zero_points=(7, 1)),
    "4x4, stride 3": Depthwise((1, 13, 14, 8), window=(4, 4), strides=(3, 3), padding=UNPADDED),
    "two images, several bands": Depthwise((2, 10, 11, 16), zero_points=(-3, -128), clamp=(-128, 55)),
}

LAYERS = {
    **test_fully_connected.CORNERS,
    "a long loop": Layer(1, 700, 9, zero_points=(3, 4)),
    "a long whole loop": Layer(2, 640, 32),
    "sums of more than 23 bits": Layer(1, 3000, 8, bias_reach=1 << 22),
    "three outputs": Layer(1, 37, 3, zero_points=(3, 4)),
}


class Case(Protocol):
    """A shape and a quantization."""

    def model(self) -> Model: ...

    def input(self) -> Array: ...


def scheduled(template: Template, name: str, case: Case, prefer: Prefer) -> Iterator[Scheduled]:
    """The case under some of the template's schedules; for the second toolchain under the first."""
    model = case.model()
    site = site_of(model, M55)
    reason = template.refusal(site)
    if "no window fits" in reason:
        return
    assert reason == "", name
    legal = [schedule for schedule in candidates(site) if schedule.template == template.name]
    for schedule in legal[:: -(-len(legal) // MANY)] if prefer == "gcc" else legal[:1]:
        yield Scheduled(model, {"x": case.input()}, schedule, name)


def assert_equal_in_parts(cases: Sequence[Scheduled], prefer: Prefer) -> None:
    """Several programs: planning the memory of hundreds of tensors takes longer than starting QEMU again."""
    for begin in range(0, len(cases), 50):
        assert_equal_on(M55, cases[begin : begin + 50], prefer)


@pytest.mark.parametrize("prefer", TOOLCHAINS)
def test_convolutions(prefer: Prefer) -> None:
    cases = {**CONVOLUTIONS, **{f"random {seed}": random_convolution(seed) for seed in range(10)}}
    found = [item for name, case in cases.items() for item in scheduled(Conv2DVectors(), name, case, prefer)]
    assert_equal_in_parts(found, prefer)


@pytest.mark.parametrize("prefer", TOOLCHAINS)
def test_depthwise_convolutions(prefer: Prefer) -> None:
    cases = {**DEPTHWISE, **{f"random {seed}": test_depthwise.random_case(seed) for seed in range(10)}}
    found = [item for name, case in cases.items() for item in scheduled(DepthwiseVectors(), name, case, prefer)]
    assert_equal_in_parts(found, prefer)


@pytest.mark.parametrize("prefer", TOOLCHAINS)
def test_fully_connected_layers(prefer: Prefer) -> None:
    cases = {**LAYERS, **{f"random {seed}": test_fully_connected.random_case(seed) for seed in range(20)}}
    possible = {name: case for name, case in cases.items() if _of_31_bits(case)}
    assert len(cases) - len(possible) <= 2
    assert_equal_on(
        M55,
        [item for name, case in possible.items() for item in scheduled(FullyConnectedVectors(), name, case, prefer)],
        prefer,
    )


def _of_31_bits(case: Layer) -> bool:
    """Whether no scale needs a multiplier of more."""
    return "wide" not in FullyConnectedVectors().refusal(site_of(case.model(), M55))


def test_answers_over_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outputs lie over inputs as far as each schedule says that they may."""
    monkeypatch.setattr("utvm.codegen.assemble.plan_memory", test_overlap.stacked_plans)
    monkeypatch.setattr(test_overlap, "ARENA", "sram")
    found: list[Scheduled] = []
    for name, model, image in _with_images():
        legal = [schedule for schedule in candidates(site_of(model, M55)) if schedule.template.endswith("_mve")]
        found += [Scheduled(model, {"x": image}, schedule, name) for schedule in legal[:: max(1, len(legal) // 3)]]
    shared = 0
    for begin in range(0, len(found), 50):
        cases = found[begin : begin + 50]
        program = program_of(cases, M55)
        shared += sum(test_overlap.shared_bytes(program, call) > 0 for call in range(len(cases)))
        assert_equal_on(M55, cases, "zig")
    assert shared > len(found) // 2


def _with_images() -> Iterator[tuple[str, Model, Array]]:
    for name, case in {**CONVOLUTIONS, **test_overlap.MORE}.items():
        yield name, case.model(), case.input()
    for name, depthwise in DEPTHWISE.items():
        yield name, depthwise.model(), depthwise.input()
    for name, pool in test_pool.CORNERS.items():
        yield name, pool.model("max"), pool.input(0)


def product(shape: tuple[int, ...], real: float, zero_points: tuple[int, int, int], clamp: tuple[int, int]) -> Model:
    """A Mul alone."""
    multiplier, shift = quantize_multiplier(real)
    operator = Mul(
        name="product",
        inputs=("a", "b"),
        outputs=("y",),
        input_zero_points=zero_points[:2],
        requantization=Requantization((multiplier,), (shift,)),
        output_zero_point=zero_points[2],
        clamp=clamp,
    )
    tensors = {name: Tensor(name, shape, "int8") for name in ("a", "b", "y")}
    return Model("product", tensors, (operator,), ("a", "b"), ("y",))


def broadcast(first: tuple[int, ...], second: tuple[int, ...]) -> Model:
    """A product of two shapes."""
    model = product(tuple(map(max, first, second)), 0.006, (-5, 90, 3), (-128, 127))
    return replace(model, tensors={**model.tensors, "a": Tensor("a", first, "int8"), "b": Tensor("b", second, "int8")})


PRODUCTS = {
    "one element": product((1,), 0.004, (0, 0, 0), (-128, 127)),
    "seven": product((7,), 0.02, (-128, 127, -128), (-128, 127)),
    "eight": product((2, 4), 0.01, (3, -4, 5), (-128, 127)),
    "eleven, to one side": product((11,), 0.01, (3, -4, 5), (5, 77)),
    "many": product((1, 9, 7, 13), 0.006, (-5, 9, -100), (-128, 127)),
    "scaled up": product((1, 5, 21), 3.7, (-5, 9, 1), (-90, 127)),
    "one row and many": broadcast((1, 5, 13), (1, 1, 13)),
    "one element and many": broadcast((1, 1, 1), (3, 5, 13)),
    "a column": broadcast((3, 5, 13), (3, 5, 1)),
    "not shifted": product((1, 5, 21), 0.7, (-5, 9, 1), (-128, 127)),
}


@pytest.mark.parametrize("prefer", TOOLCHAINS)
def test_elementwise_and_pools(prefer: Prefer) -> None:
    cases: list[Scheduled] = []
    for name, total in test_add.CORNERS.items():
        site = site_of(total.model(), M55)
        if not AddVectors().refusal(site):
            cases.append(Scheduled(total.model(), total.inputs(), Schedule(AddVectors.name), name))
    assert len(cases) >= len(test_add.CORNERS) - 2
    for index, (name, model) in enumerate(PRODUCTS.items()):
        rng = np.random.default_rng([index, 61])
        assert MulVectors().refusal(site_of(model, M55)) == ""
        fed = {tensor: extreme_bytes(rng, model.tensors[tensor].shape) for tensor in model.inputs}
        cases.append(Scheduled(model, fed, Schedule(MulVectors.name), name))
    for index, (name, pool) in enumerate(_pools().items()):
        for kind in test_pool.KINDS:
            model = pool.model(kind)
            assert PoolVectors().refusal(site_of(model, M55)) == ""
            cases.append(Scheduled(model, {"x": pool.input(index)}, Schedule(PoolVectors.name), f"{kind} {name}"))
    for value in (-128, 127):
        pool = test_pool.CORNERS["as many pixels as sums hold"]
        flat = np.full(pool.image, value, dtype=np.int8)
        cases.append(Scheduled(pool.model("average"), {"x": flat}, Schedule(PoolVectors.name), f"all {value}"))
    cases += [replace(case, schedule=Schedule(LookupVectors.name)) for case in test_lookup.cases()]
    assert_equal_on(M55, cases, prefer)


MEANS = {
    **test_mean.CASES,
    "one channel": test_mean.Average((1, 5, 3, 1), zero_points=(3, -7)),
    "seventeen channels": test_mean.Average((2, 5, 3, 17), zero_points=(3, -7)),
    "thirty-two channels but one": test_mean.Average((1, 9, 9, 31), zero_points=(-128, 5), scale=0.7),
    "scaled up": test_mean.Average((1, 2, 1, 13), zero_points=(9, 5), scale=4.7),
}


@pytest.mark.parametrize("prefer", TOOLCHAINS)
def test_means(prefer: Prefer) -> None:
    found = [item for name, case in MEANS.items() for item in scheduled(MeanVectors(), name, case, prefer)]
    assert_equal_on(M55, found, prefer)


def _pools() -> dict[str, test_pool.Pool]:
    """Those of the other template, and other numbers of channels."""
    pools = {**test_pool.CORNERS, **{f"random {seed}": test_pool.random_pool(seed) for seed in range(8)}}
    few = test_pool.Pool((1, 6, 5, 1), (3, 2), (2, 1), Padding(1, 0, 1, 1))
    return {**pools, **{f"{count} channels": replace(few, image=(1, 6, 5, count)) for count in (1, 7, 33, 71, 100)}}


def _defaults() -> Sequence[tuple[str, Model]]:
    return [
        ("conv2d_mve", CONVOLUTIONS["a loop over rows of the window"].model()),
        ("depthwise_mve", DEPTHWISE["5x5"].model()),
        ("fully_connected_mve", LAYERS["a long loop"].model()),
        ("add_mve", next(iter(test_add.CORNERS.values())).model()),
        ("mul_mve", PRODUCTS["many"]),
        ("mean_mve", test_mean.Average((1, 7, 7, 16)).model()),
        ("lookup_mve", test_lookup.table_function(64, "int8", "int8")),
        ("pool_mve", test_pool.CORNERS["the whole image"].model("average")),
    ]


@pytest.mark.parametrize(("template", "model"), _defaults(), ids=[name for name, _ in _defaults()])
def test_are_the_defaults_of_a_core_with_vectors(template: str, model: Model) -> None:
    assert default_schedule(site_of(model, M55), 1 << 20).template == template


def test_a_fault_after_vector_code_is_explained() -> None:
    """The core has pushed its vector registers, too."""
    model = CONVOLUTIONS["one output"].model()
    case = Scheduled(model, {"x": CONVOLUTIONS["one output"].input()}, Schedule.of(*SIMPLE), "fault")
    program = program_of([case], M55)
    kernel = program.kernels[0]
    wild = kernel.definition.replace("return 0;", "*(volatile int32_t *)0xF0000000 = 1;\n    return 0;")
    assert wild != kernel.definition
    broken = replace(program, kernels=(replace(kernel, definition=wild),))
    with StandaloneSession(broken, load_board(M55)) as session:
        with pytest.raises(DeviceFault, match=kernel.name) as caught:
            session.run({"m0/x": case.inputs["x"]})
        assert "0xf0000000" in str(caught.value)


def test_refusals_say_why() -> None:
    conv, depthwise, dense = (
        CONVOLUTIONS["one output"].model(),
        DEPTHWISE["5x5"].model(),
        LAYERS["three outputs"].model(),
    )
    wide = replace(conv.operators[0], requantization=Requantization((1 << 30,), (0,), "single"))  # type: ignore[call-arg]
    huge = test_depthwise.Depthwise((1, 20, 20, 4), window=(9, 9), padding=UNPADDED).model()
    many = test_pool.Pool((1, 17, 16, 4), (17, 16)).model("average")
    seven = PRODUCTS["seven"]
    once = replace(seven.operators[0], requantization=Requantization((1 << 30,), (-3,), "single"))  # type: ignore[call-arg]
    refused: list[tuple[Template, Model, str, str]] = [
        (Conv2DVectors(), conv, "stm32f746-disco", "no MVE"),
        (Conv2DVectors(), dense, M55, "not a Conv2D"),
        (Conv2DVectors(), replace(conv, operators=(wide,)), M55, "rounds single"),
        (DepthwiseVectors(), depthwise, "stm32f746-disco", "no MVE"),
        (DepthwiseVectors(), huge, M55, "no window fits"),
        (FullyConnectedVectors(), dense, "stm32f746-disco", "no MVE"),
        (PoolVectors(), many, M55, "average of 272 pixels"),
        (MulVectors(), replace(seven, operators=(once,)), M55, "rounds single"),
        (AddVectors(), test_add.CORNERS["all pairs of bytes"].model(), "nucleo-g0b1re", "no MVE"),
    ]
    for template, model, board, reason in refused:
        assert reason in template.refusal(site_of(model, board)), reason
