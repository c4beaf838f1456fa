"""Names in a .tflite file are anything; names in a model are unique, printable and short."""

from __future__ import annotations

import pytest

from tests.importers.damage import field, graph, put, relu_model
from tests.litert import ModelBuilder
from utvm.boards import load_board
from utvm.compiler import compile_model
from utvm.importers.tflite import import_tflite
from utvm.operators import check_model

ODD_NAMES = [
    "a b",
    "serving_default_x:0",
    "*/ int evil; /*",
    'quote"quote',
    "back\\",
    "line\nbreak",
    "\x1b[31mred\x07",
    "\u202eright to left",
    "\N{SNOWMAN}\N{GREEK SMALL LETTER MU}",
    "int",
    "9lives",
    "%s%n{0}",
    "??/",
    "x" * 5000,
    "/",
    "#",
]


def _chain(names: list[str]) -> bytes:
    """RELUs from tensor to tensor, under these names."""
    builder = ModelBuilder()
    first, *rest = names
    x = builder.input(first, (1, 8), scale=0.1)
    for name in rest:
        y = builder.tensor(name, (1, 8), scale=0.1)
        builder.operator("RELU", [x], [y])
        x = y
    builder.output(x)
    return builder.finish()


def _operand_names(names: list[str]) -> list[str]:
    model = import_tflite(_chain(names), "names.tflite")
    check_model(model)
    return [model.inputs[0], *(operator.outputs[0] for operator in model.operators)]


def test_duplicate_names_get_the_tensors_number() -> None:
    assert _operand_names(["t", "t", "t", "u"]) == ["t", "t#1", "t#2", "u"]


def test_duplicates_of_names_that_were_made_unique() -> None:
    assert _operand_names(["t", "t#2", "t", "t", "t#2_"]) == ["t", "t#2", "t#2_", "t#3", "t#2_#4"]


def test_empty_names() -> None:
    assert _operand_names(["", "", "x"]) == ["tensor_0", "tensor_1", "x"]


def test_an_empty_name_meets_its_replacement() -> None:
    assert _operand_names(["tensor_1", "", "x"]) == ["tensor_1", "tensor_1#1", "x"]


def test_missing_name() -> None:
    data = relu_model()
    tensor = graph(data).Tensors(0)
    position = field(tensor, 10)
    empty = put(data, position + int.from_bytes(data[position : position + 4], "little"), "I", 0)
    assert import_tflite(empty, "names.tflite").inputs == ("tensor_0",)


def test_names_that_are_not_utf_8() -> None:
    data = relu_model(name="abcd").replace(b"abcd", b"a\xff\xc3d")
    assert import_tflite(data, "names.tflite").inputs == ("a\ufffd\ufffdd",)


def test_names_that_differ_only_in_what_cannot_be_shown() -> None:
    assert _operand_names(["a\x01", "a\x02"]) == ["a\ufffd", "a\ufffd#1"]


def test_long_names_are_cut() -> None:
    (name, other) = _operand_names(["n" * 100_000, "n" * 100_000 + "m"])
    assert name == "n" * 512 + "..."
    assert other == name + "#1"


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_are_printable(name: str) -> None:
    (shown, _) = _operand_names([name, "y"])
    assert shown.isprintable()


def test_odd_names_become_identifiers() -> None:
    builder = ModelBuilder()
    for index, name in enumerate(ODD_NAMES):
        x = builder.input(name, (1, 8), scale=0.1)
        y = builder.tensor(f"y{index}", (1, 8), scale=0.1)
        builder.operator("RELU", [x], [y])
        builder.output(y)
    model = import_tflite(builder.finish(), "*/ names?.tflite")
    program = compile_model(model, load_board("stm32f746-disco"))
    symbols = [tensor.symbol for tensor in program.tensors]
    assert len(set(symbols)) == 2 * len(ODD_NAMES)
    for symbol in symbols:
        assert symbol.isidentifier()
        assert symbol.isascii()
