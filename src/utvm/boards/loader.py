"""Find board files and read them."""

from __future__ import annotations

import sys
from importlib import resources
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from utvm.boards.schema import Board
from utvm.errors import BoardError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def board_names(comms: str | None = None) -> list[str]:
    """Names of the boards that come with µTVM, sorted; with `comms`, those that are reached in that way by default."""
    data = resources.files("utvm.boards") / "data"
    names = sorted(item.name[: -len(".toml")] for item in data.iterdir() if item.name.endswith(".toml"))
    return [name for name in names if comms is None or load_board(name).hosted.comms == comms]


def load_board(name_or_path: str) -> Board:
    """The board of that name, or the one described by a .toml file of the user's own.

    Raises BoardError naming the file and the key that is wrong.
    """
    if name_or_path.endswith(".toml"):
        path = Path(name_or_path)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BoardError(f"{path}: cannot be read as a board file: {error}") from error
        return parse_board(text, str(path)).loaded_from(str(path.absolute()))
    if name_or_path not in board_names():
        raise BoardError(
            f"no board is named {name_or_path!r}; there are {', '.join(board_names())}, "
            "or give the path of a .toml file"
        )
    text = (resources.files("utvm.boards") / "data" / f"{name_or_path}.toml").read_text(encoding="utf-8")
    return parse_board(text, f"{name_or_path}.toml")


def parse_board(text: str, source: str) -> Board:
    """A board from the text of a board file; `source` names it in errors."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BoardError(f"{source}: not valid TOML: {error}") from error
    try:
        return Board.model_validate(table)
    except ValidationError as error:
        problems = "\n".join(f"  {_describe(problem)}" for problem in error.errors())
        raise BoardError(f"{source}: not a valid board file:\n{problems}") from error


def _describe(problem: ErrorDetails) -> str:
    """The key that is wrong, then why. The schema's own checks name their key in the message."""
    if problem["type"] == "value_error":
        return str(problem["ctx"]["error"])
    key = ".".join(str(part) for part in problem["loc"]) or "board"
    given = "" if problem["type"] == "missing" else f" (given: {problem['input']!r})"
    return f"{key}: {problem['msg']}{given}"
