"""What docs/session.md and docs/board-files.md show works as shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from utvm.boards import load_board
from utvm.session.session import Session

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


def test_the_session_page_begins_with_code_that_runs(capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(blocks("session.md", "python")[0], "session.md", "exec"), {})
    assert "0  2  4  6" in capsys.readouterr().out


def test_the_board_file_of_the_page_is_one(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("\n".join(blocks("board-files.md", "toml")), encoding="utf-8")
    board = load_board(str(path))
    assert (board.hosted.comms, board.hosted.server_port) == ("openocd", 6666)
    with Session(path, "virtual") as session:
        assert session.load("float f(void) { return 42; }")["f"]().result == 42.0
        assert session.sections.workspace_end_addr - session.sections.workspace.addr == 16384
