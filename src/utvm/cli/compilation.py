"""How a model file is compiled: the options that every command has which compiles one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from utvm.cli.library_options import library_options

if TYPE_CHECKING:
    from utvm.codegen.limits import Limits

_kernels_option = click.option(
    "--kernels", type=click.Choice(("fast", "portable")), default="fast", show_default=True,
    help="The fastest known for the core, or plain C loops, which need the least memory.",
)  # fmt: skip
_schedules_option = click.option(
    "--schedules", "schedules", type=click.Path(exists=True, dir_okay=False, path_type=Path), multiple=True,
    metavar="FILE", help="Records of `utvm tune`: the fastest schedule that fits, per operator. Several are merged.",
)  # fmt: skip
max_ram_option = click.option(
    "--max-ram", "max_ram_bytes", type=click.IntRange(min=0), metavar="BYTES",
    help="Most RAM for activations and scratch. Default: what the board has.",
)  # fmt: skip
max_flash_option = click.option(
    "--max-flash", "max_flash_bytes", type=click.IntRange(min=0), metavar="BYTES",
    help="Most flash for code and constants: the fastest kernels that fit together. Default: what the board has.",
)  # fmt: skip


@dataclass(frozen=True)
class Compilation:
    """ "fast" or "portable" kernels, files of tuning records for fast ones, and what memory may be taken."""

    kernels: str = "fast"
    records: tuple[Path, ...] = ()
    max_ram_bytes: int | None = None
    max_flash_bytes: int | None = None

    @property
    def limits(self) -> Limits:
        """The memory that may be taken."""
        from utvm.codegen.limits import Limits

        return Limits(self.max_ram_bytes, self.max_flash_bytes)


def compilation_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command, which gets them as its argument `compilation`."""

    @_kernels_option
    @_schedules_option
    @max_ram_option
    @max_flash_option
    @library_options
    @functools.wraps(function)
    def with_compilation(
        *args: Any,
        kernels: str,
        schedules: tuple[Path, ...],
        max_ram_bytes: int | None,
        max_flash_bytes: int | None,
        **options: Any,
    ) -> Any:
        compilation = Compilation(kernels, schedules, max_ram_bytes, max_flash_bytes)
        return function(*args, compilation=compilation, **options)

    return with_compilation
