"""A program run call by call under the host's control: every layer measured, every tensor readable."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from utvm.codegen.library_files import library_sources
from utvm.codegen.model_source import compiled_files, source_files
from utvm.codegen.program import STATE_REGION, CallArgument, PlacedTensor, Program
from utvm.codegen.program import Call as Layer
from utvm.errors import UsageError
from utvm.session.arguments import Encoded
from utvm.session.call import Call
from utvm.session.call_run import POISON, CallRun
from utvm.session.constants import ConstantCache
from utvm.session.memory import Block, heap_regions
from utvm.session.tensor import little_endian
from utvm.toolchain.compiler import FOREIGN_FLAGS, WARNING_FLAGS

if TYPE_CHECKING:
    from utvm.model.tensor import Array
    from utvm.session.session import Session

_TASK_SUFFIX = "_task"
_NOT_HOSTED = ("model.c", "constants.c")


@dataclass(frozen=True)
class HostedRun:
    """One run's outputs by name, core cycles in all and per layer, the deepest stack use in bytes so far, and the
    intermediate tensors that were asked for."""

    outputs: dict[str, Array]
    cycles: int
    layer_cycles: tuple[int, ...]
    stack_bytes: int
    kept: dict[str, Array]


class GraphExecutor:
    """A program in a session; made by `Session.load(program)`.

    Its kernels and arenas stay on the device until `unload`; its constants as far as they fit, the rest is uploaded
    again for each layer. States begin with their initial values and are kept from run to run.
    """

    def __init__(self, session: Session, program: Program) -> None:
        if program.board != session.board.name:
            raise UsageError(
                f"the program was compiled for {program.board}, not for {session.board.name}; compile it again"
            )
        self.session, self.program = session, program
        self._tensors = {tensor.name: tensor for tensor in program.tensors}
        names = [name for name in compiled_files(program) if name not in _NOT_HOSTED] + ["tasks.c"]
        with tempfile.TemporaryDirectory(prefix="utvm-program-") as folder:
            for name, text in source_files(program).items():
                (Path(folder) / name).write_text(text, encoding="utf-8")
            sources = [Path(folder) / name for name in names]
            foreign = {name: (*FOREIGN_FLAGS, *flags) for name, flags in library_sources(program).items()}
            self.module = session.load_tasks(program.model, sources, WARNING_FLAGS, _TASK_SUFFIX, foreign)
        self.constants = ConstantCache(session, program)
        self._arenas: dict[str, Block] = {}
        try:
            for region, size_bytes in program.arenas.items():
                self._arenas[region] = self._arena(region, size_bytes, f"arena {region}")
            if program.states:
                self._arenas[STATE_REGION] = self._arena(program.state_region, program.state_bytes, "state")
                self.reset()
        except BaseException:
            self.unload()
            raise
        session.heap.add_reclaimer(self.constants.drop)

    def run(self, inputs: Mapping[str, Array], keep: Collection[str] = ()) -> HostedRun:
        """One run on inputs by name. `keep` names further tensors to read, each as soon as it is computed.

        Raises what Session.sync raises.
        """
        for name in keep:
            self.program.tensor(name)
        kept: dict[str, Array] = {}
        handles = []
        for index, handle in self.steps(
            inputs, keep_inputs=[name for name in keep if self._first(name) < 0], into=kept
        ):
            handles.append(handle)
            kept |= {name: self.read(name) for name in keep if self._first(name) == index}
        outputs = {name: self.read(name) for name in self.program.outputs}
        self.session.sync()
        cycles = tuple(handle.cycles for handle in handles)
        return HostedRun(outputs, sum(cycles), cycles, self.session.stack_used_bytes, kept)

    def steps(
        self, inputs: Mapping[str, Array], keep_inputs: Collection[str] = (), into: dict[str, Array] | None = None
    ) -> Iterator[tuple[int, Call]]:
        """Queue one call after the other; yields its index and handle. In between, `read` gives any live tensor."""
        self._check_loaded()
        for name in self.program.inputs:
            self.write(name, inputs.get(name))
        if into is not None:
            into.update({name: self.read(name) for name in keep_inputs})
        for index, layer in enumerate(self.program.calls):
            yield index, self._enqueue(index, layer)

    def run_call(self, index: int, inputs: Mapping[str, Array]) -> CallRun:
        """Run one call by itself, which reads nothing but the program's inputs. Raises what Session.sync raises."""
        self._check_loaded()
        outputs = self.program.calls[index].outputs
        for name in outputs:  # which may lie over inputs
            tensor = self.program.tensor(name)
            self.session.write_operand(self.addr(tensor), POISON * tensor.size_bytes)
        for name in self.program.inputs:
            self.write(name, inputs.get(name))
        handle = self._enqueue(index, self.program.calls[index])
        self.session.sync()
        return CallRun({name: self.read(name) for name in outputs}, handle.cycles)

    def reset(self) -> None:
        """Give the states their initial values again."""
        for state in self.program.states:
            addr = self.addr(self.program.tensor(state.tensor))
            self.session.write_operand(addr, little_endian(self.program.initial_value(state)))

    def read(self, name: str) -> Array:
        """The value of a tensor, if it is live: from its layer to the last that reads it."""
        self._check_loaded()
        tensor = self.program.tensor(name)
        data = self.session.read_operand(self.addr(tensor), tensor.size_bytes)
        dtype = np.dtype(tensor.dtype)
        return np.frombuffer(data, dtype.newbyteorder("<")).astype(dtype).reshape(tensor.shape)

    def write(self, name: str, value: Array | None) -> None:
        """Set a tensor, such as an input."""
        tensor = self.program.tensor(name)
        if value is None:
            raise UsageError(f"no value for input {name}")
        if value.shape != tensor.shape or value.dtype.name != tensor.dtype:
            raise UsageError(
                f"input {name} wants {tensor.dtype}{list(tensor.shape)}, not {value.dtype.name}{list(value.shape)}"
            )
        self.session.write_operand(self.addr(tensor), little_endian(value))

    def addr(self, tensor: PlacedTensor) -> int:
        """Device address of a tensor of the program."""
        return self._arenas[tensor.region].addr + tensor.offset

    def unload(self) -> None:
        """Free its code, constants and arenas."""
        self.session.heap.remove_reclaimer(self.constants.drop)
        self.session.unload(self.module)
        self.constants.drop()
        for block in self._arenas.values():
            self.session.heap.release(block)
        self._arenas = {}

    def _enqueue(self, index: int, layer: Layer) -> Call:
        symbols = [argument.name for argument in layer.arguments if argument.kind == "constant"]
        constants = self.constants.place(symbols, index)
        words, operands = [], []
        for argument in layer.arguments:
            addr, size_bytes = self._place(argument, constants)
            words.append(addr)
            operands.append((addr, size_bytes))
        function = self.module[layer.kernel]
        return self.session.enqueue(
            function, Encoded(tuple(words), tuple(operands), ()), 1, None, title=f"layer {layer.layer} ({layer.kernel})"
        )

    def _place(self, argument: CallArgument, constants: Mapping[str, Block]) -> tuple[int, int]:
        if argument.kind == "constant":
            block = constants[argument.name]
            return block.addr, block.size_bytes
        if argument.kind == "tensor":
            tensor = self._tensors[argument.name]
            return self.addr(tensor), tensor.size_bytes
        arena = self._arenas[argument.region]
        return arena.addr + argument.offset, arena.size_bytes - argument.offset

    def _first(self, name: str) -> int:
        return self._tensors[name].first

    def _arena(self, region: str, size_bytes: int, what: str) -> Block:
        """In the region of the plan if it has room, else in another."""
        order = list(dict.fromkeys([region, *heap_regions(self.session.board)]))
        return self.session.heap.allocate(size_bytes, f"{what} of {self.program.model}", regions=order)

    def _check_loaded(self) -> None:
        if not self._arenas and self.program.arenas:
            raise UsageError(f"{self.program.model} was unloaded; load it again")
