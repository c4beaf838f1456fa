"""Where errors end: one message on standard error, one exit status, no traceback unless asked for."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Callable, Sequence

import click

from utvm.errors import BoardError, UsageError, UtvmError

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

INTERNAL_ERROR = "InternalError"
INTERRUPTED = "Interrupted"


class StandardOutputClosed(Exception):
    """Nobody reads our output any more; not an error of ours."""


def guarded(action: Callable[[], object], arguments: Sequence[str]) -> int:
    """Exit status of an action that returns a status or None; its errors become messages.

    `arguments` are those of the command line: `--debug` and `--json` count wherever they stand, and also when the rest
    cannot be parsed.
    """
    flags = arguments[: arguments.index("--")] if "--" in arguments else arguments
    debug, as_json = "--debug" in flags, "--json" in flags
    try:
        try:
            status = action()
            sys.stdout.flush()
        except BrokenPipeError as error:
            raise StandardOutputClosed from error
        return status if isinstance(status, int) else EXIT_DONE
    except StandardOutputClosed:
        _discard_output()
        return EXIT_FAILED
    except click.UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # click 8.2 and newer; its message is the help
            sys.stderr.write(error.format_message() + "\n")
            return EXIT_USAGE
        hint = f"\nTry `{error.ctx.command_path} --help`." if error.ctx is not None else ""
        return _fail(EXIT_USAGE, UsageError.__name__, error.format_message() + hint, as_json, debug)
    except click.ClickException as error:
        return _fail(EXIT_FAILED, type(error).__name__, error.format_message(), as_json, debug)
    except (UsageError, BoardError) as error:
        return _fail(EXIT_USAGE, type(error).__name__, str(error), as_json, debug)
    except UtvmError as error:
        return _fail(EXIT_FAILED, type(error).__name__, str(error), as_json, debug)
    except (KeyboardInterrupt, click.Abort):
        return _fail(EXIT_INTERRUPTED, INTERRUPTED, "interrupted", as_json, debug)
    except Exception as error:  # noqa: BLE001 - the outermost boundary: what nobody expected still ends in one line
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        message = f"internal error: {what}; this is a mistake in utvm: please report it with the output of --debug"
        return _fail(EXIT_FAILED, INTERNAL_ERROR, message, as_json, debug)


def _fail(status: int, kind: str, message: str, as_json: bool, debug: bool) -> int:
    """Report the exception being handled."""
    if debug:
        traceback.print_exc(file=sys.stderr)
    sys.stderr.write(f"error: {message}\n")
    if as_json:
        import json

        try:
            sys.stdout.write(json.dumps({"error": {"type": kind, "message": message}}, ensure_ascii=False) + "\n")
            sys.stdout.flush()
        except BrokenPipeError:
            _discard_output()
    return status


def _discard_output() -> None:
    """Send what is still buffered nowhere, or the interpreter would complain about the closed pipe as it ends."""
    # Under a test, standard output has no descriptor.
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
