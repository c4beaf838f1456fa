"""An open connection to a board with the device runtime loaded: modules, tensors and calls live in it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, overload

import numpy as np

from utvm.boards import Board, load_board
from utvm.codegen.program import Program
from utvm.errors import UsageError
from utvm.session.arguments import Encoded
from utvm.session.build import Built, Entry, ModuleBuilder, Source
from utvm.session.call import Call
from utvm.session.device import Device
from utvm.session.failures import Code
from utvm.session.heap import Heap
from utvm.session.linking import BoardLinker, LinkedModule, Linker
from utvm.session.memory import DeviceMemory, code_regions, heap_regions
from utvm.session.module import Function, Module
from utvm.session.objects import ObjectFile
from utvm.session.resident import Resident, RuntimeSizes, build_resident
from utvm.session.runner import Runner
from utvm.session.sections import place_sections
from utvm.session.target import target_of
from utvm.session.task_queue import Task
from utvm.session.tensor import Storage, Tensor, checked_dtype, checked_shape, little_endian
from utvm.session.wrappers import slots
from utvm.toolchain import find_compiler
from utvm.transports import Transport
from utvm.transports.opening import open_transport

if TYPE_CHECKING:
    from utvm.model.tensor import Array
    from utvm.session.graph import GraphExecutor

DEFAULT_TIMEOUT_S = 60.0
MAX_REPEAT = (1 << 32) - 1

Prefer = Literal["auto", "gcc", "zig"]
Stage = Callable[[str], None]


class Session:
    """Use as a context manager; sessions nest and run side by side. Not thread-safe.

    `board` is a board's name, the path of its .toml file, or a Board. `via` is a way to it (transports.opening.WAYS;
    the board file's own by default), unless an open `transport` is given, which the session then closes. Calls are
    queued and run together (lazily) unless `strict`. `timeout_s` is the longest time for one run of the queue.
    `workspace_bytes`, `stack_bytes` and `queue_bytes` replace the board file's sizes.

    Raises BoardError, ToolchainError, OutOfDeviceMemory, TransportError or VirtualBoardError.
    """

    def __init__(
        self,
        board: Board | str | Path,
        via: str | None = None,
        *,
        compiler: Prefer = "auto",
        strict: bool = False,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        transport: Transport | None = None,
        workspace_bytes: int | None = None,
        stack_bytes: int | None = None,
        queue_bytes: int | None = None,
        progress: Stage | None = None,
    ) -> None:
        loaded = board if isinstance(board, Board) else load_board(str(board))
        sizes = {"workspace": workspace_bytes, "stack": stack_bytes, "args": queue_bytes}
        self.board = _with_sizes(loaded, {name: size for name, size in sizes.items() if size is not None})
        self.strict, self._timeout_s = strict, timeout_s
        self._stage = progress or _silent
        self._target = target_of(self.board)
        self._closed = False
        self._modules: list[Module] = []
        self._linked: list[LinkedModule] = []
        self._last: Call | None = None
        self._stack = ExitStack()
        try:
            self._open(via, compiler, transport)
        except BaseException:
            self._closed = True
            self._stack.close()
            raise

    def _open(self, via: str | None, prefer: Prefer, transport: Transport | None) -> None:
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="utvm-session-")))
        self.memory = DeviceMemory(self.board)
        self.sections = place_sections(self.board, self.memory)
        with ThreadPoolExecutor(max_workers=1) as pool:
            # A virtual board takes as long to start as a runtime takes to compile.
            self._stage(f"Connecting to {self.board.title}")
            connecting = pool.submit(lambda: open_transport(self.board, via) if transport is None else transport)
            try:
                self.compiler = find_compiler(self.board, prefer)
                self._stage(f"Building the device runtime with {self.compiler.kind}")
                self._resident: Resident = build_resident(self.board, self.compiler, self.memory, self.sections, folder)
            finally:
                opened = self._stack.enter_context(connecting.result())
        device = Device(opened, self.board, self._target, self._resident, self.sections)
        code = Code(self.board.name, self._resident.elf.path, self._linked, self.sections)
        self._runner = Runner(device, code, self.word_bytes, self._timeout_s)
        self.heap = Heap(self.memory, self.sync)
        self._builder = ModuleBuilder(self.compiler, self._target, folder)
        data = list(dict.fromkeys([*heap_regions(self.board), *code_regions(self.board)]))
        self._linker: Linker = BoardLinker(
            self.compiler, self.memory, code_regions(self.board), data, folder, self._target
        )
        self._stage("Loading the device runtime")
        device.start()

    @property
    def transport(self) -> Transport:
        """The connection; queued calls are unknown to it."""
        return self._runner.device.transport

    @property
    def runtime_sizes(self) -> RuntimeSizes:
        """Bytes of the resident device runtime."""
        return self._resident.sizes

    @property
    def word_bytes(self) -> int:
        """Bytes of a pointer on the device."""
        return self._target.word_bytes

    @property
    def modules(self) -> tuple[Module, ...]:
        """What is loaded."""
        return tuple(self._modules)

    @property
    def pending_calls(self) -> int:
        """Calls that are queued and have not run."""
        return len(self._runner.pending)

    @property
    def timeout_s(self) -> float:
        """Longest time for one run of the queue, in seconds; may be set."""
        return self._runner.timeout_s

    @timeout_s.setter
    def timeout_s(self, timeout_s: float) -> None:
        self._runner.timeout_s = timeout_s

    @property
    def last_cycles(self) -> int:
        """Core clock cycles of the latest call, all its repetitions together; runs what is queued."""
        if self._last is None:
            raise UsageError("no call was made in this session")
        return self._last.cycles

    @property
    def stack_used_bytes(self) -> int:
        """Deepest use of the device's stack so far; runs what is queued."""
        self.sync()
        return self._runner.device.stack_used_bytes()

    # Code.

    @overload
    def load(
        self,
        source: Source | Sequence[Source],
        *,
        name: str | None = None,
        include_dirs: Iterable[Path] = (),
        flags: Sequence[str] = (),
        signatures: Mapping[str, str] | None = None,
    ) -> Module: ...

    @overload
    def load(self, source: Program) -> GraphExecutor: ...

    def load(
        self,
        source: Source | Sequence[Source] | Program,
        *,
        name: str | None = None,
        include_dirs: Iterable[Path] = (),
        flags: Sequence[str] = (),
        signatures: Mapping[str, str] | None = None,
    ) -> Module | GraphExecutor:
        """Cross-compile C text, a C or assembly file, or several of them to one module on the device.

        `flags` are for the compiler. `signatures` gives a C prototype for each function in assembly that does not have
        the kernel's signature. A Program becomes a GraphExecutor. Raises ToolchainError with the compiler's messages or
        the undefined symbols, or OutOfDeviceMemory.
        """
        self._check_open()
        if isinstance(source, Program):
            from utvm.session.graph import GraphExecutor

            return GraphExecutor(self, source)
        sources: Sequence[Source] = [source] if isinstance(source, (str, Path)) else list(source)
        if not sources:
            raise UsageError("a module needs at least one source")
        title = name or _module_name(sources[0], len(self._modules))
        built = self._builder.build(title, sources, [Path(item) for item in include_dirs], flags, signatures)
        return self._link(title, built)

    def load_tasks(
        self,
        name: str,
        sources: Sequence[Path],
        flags: Sequence[str],
        suffix: str,
        other_flags: Mapping[str, Sequence[str]] | None = None,
    ) -> Module:
        """A module of sources that bring task entry points of their own, named after the kernels with `suffix`.

        `other_flags` are in place of `flags` for sources of these file names.
        """
        self._check_open()
        objects = self._builder.compile(sources, (), flags, other_flags or {})
        return self._link(name, _task_module(objects, suffix))

    def unload(self, module: Module) -> None:
        """Free a module's memory, after the queued calls."""
        self._check_open()
        if not module.loaded:
            return
        self.sync()
        module.loaded = False
        self._modules.remove(module)
        self._linked.remove(module.linked)
        self._linker.release(module.linked)

    def enqueue(
        self, function: Function, arguments: Encoded, repeat: int, strict: bool | None, title: str | None = None
    ) -> Call:
        """Queue a call of a function (use `function(...)`); `title` names it in errors."""
        self._check_open()
        if not 1 <= repeat <= MAX_REPEAT:
            raise UsageError(f"{function.name}: repeat={repeat} is not between 1 and {MAX_REPEAT}")
        call = Call(title or function.name, repeat, self.sync)
        result = None if function.signature is None else function.signature.value
        task = Task(
            call,
            function.func_addr,
            arguments.words,
            repeat,
            arguments.operands,
            arguments.keeps,
            result,
            0 if result is None else slots(result, self.word_bytes),
            shares_args=result is None and function.keeps_args,
        )
        self._runner.add(task)
        self._last = call
        if self.strict if strict is None else strict:
            self.sync()
        return call

    def sync(self) -> None:
        """Run everything that is queued and wait for it.

        Raises KernelError when a kernel returned another status than 0, DeviceFault, and TransportTimeout. The session
        stays usable after each; calls behind the failing one are not run.
        """
        self._check_open()
        self._runner.sync()

    def recover(self) -> None:
        """Reset the board and load everything again; for after a broken connection. Tensors keep what they hold."""
        self._check_open()
        self._runner.recover()

    # Memory.

    def tensor(self, value: Array | Sequence[int] | int, dtype: str | type[np.generic] | None = None) -> Tensor:
        """A tensor on the device: a copy of a numpy array, or zeros of a shape and dtype.

        The memory is freed when the tensor and its views are garbage. Raises OutOfDeviceMemory.
        """
        if isinstance(value, np.ndarray):
            array = value if dtype is None else value.astype(dtype)
        else:
            if dtype is None:
                raise UsageError("a tensor of a shape needs a dtype, e.g. session.tensor((8, 8), 'int8')")
            shape = (value,) if isinstance(value, int) else tuple(value)
            array = np.zeros(checked_shape(shape), dtype)
        name = checked_dtype(array.dtype.name)
        title = f"tensor {name}{list(array.shape)}"
        self._check_open()
        block = self.heap.allocate(int(array.nbytes), title)
        made = Tensor(Storage(self, self.heap.release, block), block.addr, tuple(array.shape), name)
        self.write_operand(block.addr, little_endian(array))
        return made

    def read_operand(self, addr: int, size_bytes: int) -> bytes:
        """Bytes of memory; runs the queued calls first if they may change them."""
        self._check_open()
        self._runner.settle(addr, size_bytes)
        return self.transport.read(addr, size_bytes)

    def write_operand(self, addr: int, data: bytes) -> None:
        """Store bytes; runs the queued calls first if they may use them."""
        self._check_open()
        self._runner.settle(addr, len(data))
        self.transport.write(addr, data)

    # Ending.

    def close(self) -> None:
        """End the connection; queued calls are dropped. May be called twice."""
        if not self._closed:
            self._closed = True
            self._runner.drop("the session was closed")
            self._stack.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and not self._closed:
                self.sync()
        finally:
            self.close()

    # Inside.

    def _link(self, name: str, built: Built) -> Module:
        self.heap.collect()
        linked = self._linker.link(name, built.objects, built.roots, self._resident.helpers)
        for segment in linked.segments:
            self._runner.settle(segment.addr, len(segment.data))  # a tensor may have been there that calls still use
        self._runner.device.load(linked)
        module = Module(self, linked, built)
        self._modules.append(module)
        self._linked.append(linked)
        return module

    def _check_open(self) -> None:
        if self._closed:
            raise UsageError("this session is closed; open a new one")


def _with_sizes(board: Board, sizes: Mapping[str, int]) -> Board:
    """The board with other sizes of sections, checked as those of its file are."""
    return board.with_section_sizes(sizes) if sizes else board


def _module_name(source: Source, number: int) -> str:
    if isinstance(source, Path) or not {";", "{", "\n"} & set(source):
        return Path(source).stem
    return f"module{number}"


def _task_module(objects: tuple[ObjectFile, ...], suffix: str) -> Built:
    functions = [function for item in objects for function in item.functions if function.endswith(suffix)]
    entries = {function.removesuffix(suffix): Entry(function, None, True) for function in functions}
    return Built(objects, entries, {})


def _silent(stage: str) -> None:
    del stage
