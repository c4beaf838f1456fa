"""Literals and identifiers in generated C."""

from __future__ import annotations

import re

import numpy as np
import pytest

from utvm.codegen.c_text import CWriter, array_literal, float_literal, literal
from utvm.codegen.names import Identifiers


@pytest.mark.parametrize(
    ("value", "dtype", "text"),
    [
        (-5, "int8", "-5"),
        (-(1 << 31), "int32", "(-2147483647 - 1)"),
        ((1 << 31) - 1, "int32", "2147483647"),
        (-(1 << 63), "int64", "(-INT64_C(9223372036854775807) - 1)"),
        (7, "int64", "INT64_C(7)"),
        (1.0, "float32", "1.0f"),
    ],
)
def test_literals(value: float, dtype: str, text: str) -> None:
    assert literal(value, dtype) == text


def test_float_literals_read_back_exactly() -> None:
    generator = np.random.default_rng(0)
    values = generator.standard_normal(500).astype(np.float32) * np.float32(10.0) ** generator.integers(-30, 30, 500)
    for value in values.astype(np.float32):
        text = float_literal(float(value))
        assert re.fullmatch(r"-?\d+(\.\d+)?(e[-+]?\d+)?f", text)
        assert np.float32(text[:-1]) == value


def test_infinite_literal_is_refused() -> None:
    with pytest.raises(ValueError, match="no C literal"):
        float_literal(float("inf"))


def test_array_lines_hold_every_element_in_order() -> None:
    data = np.arange(-200, 200, dtype=np.int32).reshape(20, 20)
    lines = array_literal(data)
    assert all(len(line) <= 110 for line in lines)
    assert [int(item) for item in " ".join(lines).replace(",", " ").split()] == list(range(-200, 200))


def test_comments_cannot_be_closed_by_a_name() -> None:
    out = CWriter()
    out.comment(["a */ evil();"])
    assert out.text().count("*/") == 1


def test_identifiers_are_valid_unique_and_short() -> None:
    identifiers = Identifiers()
    names = ["a/b/Relu;a/b/BiasAdd", "a/b/BiasAdd", "", "é~!", "9lives", "x" * 300, "x" * 300, "int", ";;;", "a b"]
    made = [identifiers.fresh(name) for name in names]
    assert len(set(made)) == len(made)
    assert all(re.fullmatch(r"[a-z_][a-z0-9_]*", name) and len(name) < 50 for name in made)
    assert made[0] == "biasadd" and made[1] == "biasadd_2"
