"""A program's layers with their cycles, measured in a session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from utvm.boards import Board
from utvm.codegen.program import Program
from utvm.model.tensor import Array
from utvm.session.session import Session
from utvm.transports import Transport


@dataclass(frozen=True)
class LayerProfile:
    """One call: multiply-accumulates, core cycles, cycles per MAC (None without MACs), share of the whole run."""

    name: str
    operator: str
    kernel: str
    schedule: str
    output_shape: tuple[int, ...]
    output_dtype: str
    macs: int
    cycles: int
    cycles_per_mac: float | None
    share: float


@dataclass(frozen=True)
class HostedProfile:
    """A hosted run of a program: `via` and `compiler` say how, bytes are those of the device."""

    model: str
    board: str
    via: str
    compiler: str
    clock_hz: int
    layers: tuple[LayerProfile, ...]
    cycles: int
    macs: int
    code_bytes: int
    constants_bytes: int
    uploaded_bytes: int
    arena_bytes: int
    stack_bytes: int
    runtime_text_bytes: int

    @property
    def time_us(self) -> float:
        """Time of all layers at the board's clock, in microseconds."""
        return self.cycles / self.clock_hz * 1e6

    @property
    def cycles_per_mac(self) -> float | None:
        """Of the whole run; None without MACs."""
        return self.cycles / self.macs if self.macs else None


def profile(
    program: Program,
    board: Board,
    via: str | None = None,
    *,
    inputs: Mapping[str, Array] | None = None,
    compiler: Literal["auto", "gcc", "zig"] = "auto",
    timeout_s: float = 60.0,
    transport: Transport | None = None,
    progress: Callable[[str], None] | None = None,
) -> HostedProfile:
    """Run the program once in a session, on `inputs` or on zeros, and report each layer.

    Raises what opening a session and running a program raise.
    """
    values = inputs if inputs is not None else zero_inputs(program)
    with Session(board, via, compiler=compiler, timeout_s=timeout_s, transport=transport, progress=progress) as session:
        executor = session.load(program)
        if progress is not None:
            progress(f"Running {program.model} layer by layer")
        run = executor.run(values)
        return HostedProfile(
            model=program.model,
            board=board.name,
            via=via or board.hosted.comms,
            compiler=session.compiler.version,
            clock_hz=board.clock_hz,
            layers=_layers(program, run.layer_cycles),
            cycles=run.cycles,
            macs=program.macs,
            code_bytes=executor.module.size_bytes,
            constants_bytes=program.constant_bytes,
            uploaded_bytes=executor.constants.uploaded_bytes,
            arena_bytes=program.arena_bytes,
            stack_bytes=run.stack_bytes,
            runtime_text_bytes=session.runtime_sizes.text_bytes,
        )


def zero_inputs(program: Program) -> dict[str, Array]:
    """Zeros for every input."""
    tensors = [program.tensor(name) for name in program.inputs]
    return {tensor.name: np.zeros(tensor.shape, tensor.dtype) for tensor in tensors}


def _layers(program: Program, cycles: tuple[int, ...]) -> tuple[LayerProfile, ...]:
    total = sum(cycles)
    layers = []
    for call, spent in zip(program.calls, cycles, strict=True):
        output = program.tensor(call.outputs[0])
        layers.append(
            LayerProfile(
                name=call.layer,
                operator=call.operator,
                kernel=call.kernel,
                schedule=call.schedule,
                output_shape=output.shape,
                output_dtype=output.dtype,
                macs=call.macs,
                cycles=spent,
                cycles_per_mac=spent / call.macs if call.macs else None,
                share=spent / total if total else 0.0,
            )
        )
    return tuple(layers)
