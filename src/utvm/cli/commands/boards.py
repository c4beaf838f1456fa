"""`utvm boards`: the boards there are, or one in full."""

from __future__ import annotations

import click

from utvm.cli.options import debug_option, json_option


@click.command("boards", short_help="List the boards, or show one: memory, placement, compiler flags.")
@click.argument("board", required=False)
@json_option
@debug_option
def command(board: str | None, as_json: bool) -> None:
    """List the boards that come with µTVM, or show BOARD: a name, or the path of a .toml file of your own."""
    from utvm.boards import board_names, load_board
    from utvm.cli.output import emit_json, emit_text
    from utvm.report.json import boards_json
    from utvm.report.text.boards import board_text, boards_text

    boards = [load_board(name) for name in ([board] if board is not None else board_names())]
    if as_json:
        emit_json(boards_json(boards))
    elif board is not None:
        emit_text(*board_text(boards[0]))
    else:
        emit_text(boards_text(boards), "More about one: utvm boards NAME")
