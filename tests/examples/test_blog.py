"""The benchmark of the post's figure: its network rounds down, its picture is a picture."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from benchmarks.blog.network import CAT, load_network
from benchmarks.blog.picture import svg
from benchmarks.blog.rows import Row
from utvm.operators import run_reference


@pytest.mark.models
def test_the_network_rounds_down_and_sees_a_cat(models_dir: Path) -> None:
    model, image = load_network(models_dir)
    values = run_reference(model, {"image": image})
    assert int(np.argmax(values["logits"][0])) == CAT
    weights, bias = model.tensors["conv0_weight"].data, model.tensors["conv0_bias"].data
    assert weights is not None and bias is not None
    window = np.pad(image[0].astype(np.int64), ((2, 2), (2, 2), (0, 0)))[4:9, 6:11]
    sums = np.tensordot(weights.astype(np.int64), window, 3) + bias + 256
    (first, *_) = model.operators
    scaled = (sums - 256) * (1 << 22) + (1 << 30) >> 31
    np.testing.assert_array_equal(scaled, sums >> 9)
    assert first.name == "conv0"


def test_the_picture_has_a_bar_per_figure() -> None:
    rows = [
        Row("F746", "untuned", 200.0, 293.9, ()),
        Row("F746", "tuned", 30.0, None, ()),
        Row("host", "x", 2.0, None, ()),
    ]
    root = ElementTree.fromstring(svg(rows))
    widths = [float(bar.get("width", "0")) for bar in root.iter("{http://www.w3.org/2000/svg}rect")]
    assert (
        len(widths) == 4 + 2
        and widths[1] == max(widths)
        and widths[0] == pytest.approx(widths[1] * 200 / 293.9, rel=0.01)
    )
    assert "30.0 ms" in "".join(root.itertext())
