"""The page: self-contained, complete without its script, and alive with it, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import click.testing
import pytest

from tests.cli.fakes import FakeBoards
from tests.litert.builder import ModelBuilder
from tests.report.chromium import Browser
from utvm.boards import load_board
from utvm.cli.app import cli
from utvm.compiler import compile_model, load_model
from utvm.demo import load_digits
from utvm.errors import UsageError
from utvm.report.compile import compile_report
from utvm.report.html import page_text, write_page
from utvm.report.html.graph import BOX_HEIGHT, program_graph
from utvm.report.html.memory_map import region_maps

BOARD = load_board("stm32f746-disco")
CAPACITY = {region.name: region.size_bytes for region in BOARD.regions}
VOID = {"meta", "line", "rect"}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits, with a run measured on a board that answers at once."""
    path = tmp_path_factory.mktemp("page") / "digits.html"
    boards = FakeBoards(load_model(load_digits().model_path))
    arguments = ["compile", str(load_digits().model_path), "-b", BOARD.name, "--html", str(path)]
    result = click.testing.CliRunner().invoke(cli, arguments, obj=boards.services)
    assert result.exit_code == 0, result.stderr
    return path


class Balanced(HTMLParser):
    """Knows whether every element that was opened was closed, in order; collects the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        assert tag in VOID

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_one_file_that_refers_to_no_other(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"""(?:src|href)=|url\(|@import|https?://""", text) == []
    assert Balanced(text).open == []


def test_the_essentials_are_there_without_a_script(page: Path) -> None:
    program = compile_model(load_model(load_digits().model_path), BOARD)
    text = " ".join(Balanced(page.read_text(encoding="utf-8")).words)
    for call in program.calls:
        assert call.layer in text and call.operator in text
    for tensor in program.tensors:
        assert tensor.name in text
    assert f"{program.macs:,}" in text and f"{sum(program.arenas.values()):,}" in text


def test_not_measured_and_not_built() -> None:
    program = compile_model(load_model(load_digits().model_path), BOARD)
    text = page_text(compile_report(program, BOARD))
    assert Balanced(text).open == []
    assert "Not measured: the bars show multiply-accumulates." in text


def test_blocks_are_where_the_plan_says(page: Path) -> None:
    del page
    program = compile_model(load_model(load_digits().model_path), BOARD)
    for region in region_maps(program, CAPACITY):
        for block in region.blocks:
            assert -1 <= block.first <= block.last < region.columns - 1
            assert block.y >= -1e-6 and block.y + block.height <= 320 + 1e-6
            assert block.x + block.width <= region.width + 1e-6
        for index, one in enumerate(region.blocks):
            for other in region.blocks[index + 1 :]:
                in_time = one.first <= other.last and other.first <= one.last
                in_space = one.y < other.y + other.height - 1e-6 and other.y < one.y + one.height - 1e-6
                assert not (in_time and in_space), (one.name, other.name)


def test_the_graph_connects_every_call() -> None:
    program = compile_model(load_model(load_digits().model_path), BOARD)
    graph = program_graph(program)
    assert len(graph.nodes) == len(program.inputs) + len(program.calls) + len(program.outputs)
    tensors = [argument for call in program.calls for argument in call.arguments if argument.kind == "tensor"]
    assert len(graph.edges) == len(tensors) - len(program.calls) + len(program.outputs)
    assert sum(edge.skips for edge in graph.edges) == 1  # the residual connection
    assert graph.nodes[-1].y + BOX_HEIGHT <= graph.height


def test_names_cannot_break_the_page(tmp_path: Path) -> None:
    builder = ModelBuilder()
    name = "</script><script>alert('x')</script>\"<b>&"
    x = builder.input(name, (1, 4), scale=0.5, zero_point=0)
    y = builder.tensor("y", (1, 4), scale=0.5, zero_point=0)
    builder.operator("RELU", [x], [y])
    builder.output(y)
    path = tmp_path / "bad.tflite"
    path.write_bytes(builder.finish())
    text = page_text(compile_report(compile_model(load_model(path), BOARD), BOARD))
    assert "alert('x')" not in text
    assert name in " ".join(Balanced(text).words)


def test_a_page_that_cannot_be_written_is_a_usage_error(tmp_path: Path) -> None:
    program = compile_model(load_model(load_digits().model_path), BOARD)
    with pytest.raises(UsageError, match="cannot be written"):
        write_page(compile_report(program, BOARD), tmp_path / "nowhere" / "page.html")


@pytest.fixture
def browser() -> Iterator[Browser]:
    with Browser() as opened:
        yield opened


@pytest.mark.chromium
def test_it_loads_without_errors_and_answers_the_pointer(page: Path, browser: Browser) -> None:
    browser.open(page)
    assert browser.evaluate("document.getElementById('tip').hidden") is True
    browser.point_at(".block.output rect")
    tip = browser.evaluate("document.getElementById('tip').hidden ? '' : document.getElementById('tip').textContent")
    assert "StatefulPartitionedCall_1:0" in tip and "10 bytes" in tip
    browser.point_at("tr.layer", 3)
    marked = browser.evaluate(
        "Array.from(document.querySelectorAll('.block.on'), b => b.dataset.detail.split('\\n')[0])"
    )
    program = compile_model(load_model(load_digits().model_path), BOARD)
    assert {name for name in program.calls[3].outputs} <= set(marked)
    assert browser.evaluate("document.querySelectorAll('.block.off').length") > 0
    browser.point_at("h1")
    assert browser.evaluate("document.querySelectorAll('.block.on, .block.off').length") == 0
    assert browser.evaluate("document.getElementById('tip').hidden") is True
    assert browser.problems == []
    assert {url for url in browser.requests if not url.startswith("data:")} == {page.as_uri()}


@pytest.mark.chromium
def test_the_keyboard_reaches_the_details(page: Path, browser: Browser) -> None:
    browser.open(page)
    browser.evaluate("document.querySelector('.block').focus()")
    assert browser.evaluate("document.getElementById('tip').hidden") is False
    browser.call("Input.dispatchKeyEvent", type="keyDown", key="Escape")
    assert browser.evaluate("document.getElementById('tip').hidden") is True


@pytest.mark.chromium
def test_dark_and_light(page: Path, browser: Browser) -> None:
    shots, papers = [], []
    for scheme in ("light", "dark"):
        browser.prefer(scheme)
        browser.open(page)
        papers.append(browser.evaluate("getComputedStyle(document.body).backgroundColor"))
        shots.append(browser.screenshot())
    assert papers == ["rgb(255, 255, 255)", "rgb(20, 23, 27)"]
    assert shots[0] != shots[1]
    assert all(shot.startswith(b"\x89PNG") for shot in shots)


@pytest.mark.chromium
@pytest.mark.parametrize("width", [360, 1200])
def test_nothing_hangs_over_the_edge(page: Path, width: int) -> None:
    with Browser(width=width) as browser:
        browser.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
        browser.open(page)
        assert browser.evaluate("document.documentElement.scrollWidth") <= width
