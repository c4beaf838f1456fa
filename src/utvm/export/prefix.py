"""A program whose global symbols all begin with a prefix, so that several models can be linked together."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from utvm.codegen.program import Program

Rename = Callable[[str], str]


def prefixed(program: Program, prefix: str) -> Program:
    """The same program under other names: kernels, microkernels and constants. Texts change where they name them."""
    kernels = {kernel.name: f"{prefix}_{kernel.name}" for kernel in program.kernels}
    units = {unit.name: f"{prefix}_{unit.name}" for unit in program.units}
    constants = {constant.symbol: f"{prefix}_{constant.symbol}" for constant in program.constants}
    in_units = _renamer(units)
    renamed_kernels = []
    for kernel in program.kernels:
        # A kernel's text names itself and the microkernels it calls; constants come as arguments.
        rename = _renamer({kernel.name: kernels[kernel.name], **units})
        prototype = rename(kernel.prototype).replace("\n", "\n" + " " * (len(prefix) + 1))
        comment, _, body = kernel.definition.partition(kernel.prototype)
        renamed_kernels.append(
            replace(
                kernel,
                name=kernels[kernel.name],
                prototype=prototype,
                definition=rename(comment) + prototype + rename(body),
                units=tuple(units[name] for name in kernel.units),
            )
        )
    return replace(
        program,
        kernels=tuple(renamed_kernels),
        units=tuple(
            replace(unit, name=units[unit.name], prototype=in_units(unit.prototype), text=in_units(unit.text))
            for unit in program.units
        ),
        states=tuple(replace(state, initial=constants.get(state.initial, "")) for state in program.states),
        constants=tuple(replace(constant, symbol=constants[constant.symbol]) for constant in program.constants),
        calls=tuple(
            replace(
                call,
                kernel=kernels[call.kernel],
                arguments=tuple(
                    replace(argument, name=constants[argument.name]) if argument.kind == "constant" else argument
                    for argument in call.arguments
                ),
            )
            for call in program.calls
        ),
    )


def _renamer(names: Mapping[str, str]) -> Rename:
    if not names:
        return lambda text: text
    pattern = re.compile(r"(?<![\w$])(?:" + "|".join(map(re.escape, sorted(names))) + r")(?!\w)", re.ASCII)
    return lambda text: pattern.sub(lambda match: names[match.group()], text)
