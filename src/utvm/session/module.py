"""Code on the device: a module and its functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from utvm.errors import UsageError
from utvm.session.arguments import Argument, Encoded, encode
from utvm.session.build import Built, Entry
from utvm.session.call import Call
from utvm.session.linking import LinkedModule
from utvm.session.signatures import Signature


class Caller(Protocol):
    """What functions and modules ask of their session."""

    @property
    def word_bytes(self) -> int:
        """Bytes of a pointer on the device."""

    def enqueue(self, function: Function, arguments: Encoded, repeat: int, strict: bool | None) -> Call:
        """Queue a call, or with `strict` run it at once."""

    def unload(self, module: Module) -> None:
        """Free a module's memory."""


class Module:
    """Compiled code in the device's memory. `module["name"]` is a function; freed by `unload` or with the session."""

    def __init__(self, caller: Caller, linked: LinkedModule, built: Built) -> None:
        self._caller, self.linked, self._built = caller, linked, built
        self.loaded = True

    @property
    def name(self) -> str:
        """The name that it was loaded under."""
        return self.linked.name

    @property
    def functions(self) -> tuple[str, ...]:
        """Names of the functions that can be called."""
        return tuple(self._built.entries)

    @property
    def size_bytes(self) -> int:
        """Bytes of device memory."""
        return sum(block.size_bytes for block in self.linked.blocks)

    @property
    def symbols(self) -> Mapping[str, int]:
        """Addresses of its functions and variables."""
        return self.linked.symbols

    def __getitem__(self, name: str) -> Function:
        entry = self._built.entries.get(name)
        if entry is None:
            if name in self._built.uncallable:
                raise UsageError(
                    f"{self._built.uncallable[name]} cannot be called from the host: it takes or returns a structure, "
                    "or a variable number of arguments"
                )
            listed = ", ".join(self.functions) or "none"
            raise UsageError(f"module {self.name} has no function {name!r}; it has {listed}")
        return Function(self._caller, self, name, entry)

    def __contains__(self, name: str) -> bool:
        return name in self._built.entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._built.entries)

    def unload(self) -> None:
        """Free its memory, after the queued calls; its functions can no longer be called."""
        self._caller.unload(self)


class Function:
    """A function on the device. Calling it queues a call and returns its handle.

    Arguments are tensors, numbers, and None for a null pointer. A plain C function takes what its parameters say; one
    with the kernel's signature `int32_t name(void **args)` takes any number of words. `repeat` calls it so often on the
    device; `strict` overrides the session's mode.
    """

    def __init__(self, caller: Caller, module: Module, name: str, entry: Entry) -> None:
        self._caller, self.module, self.name, self._entry = caller, module, name, entry

    @property
    def signature(self) -> Signature | None:
        """Parameters and result, if they are known."""
        return self._entry.signature

    @property
    def keeps_args(self) -> bool:
        """Whether its task entry point leaves the argument array alone."""
        return self._entry.is_generated

    @property
    def func_addr(self) -> int:
        """Address of the task entry point, as it is called."""
        return self.module.linked.symbols[self._entry.symbol]

    def __call__(self, *arguments: Argument, repeat: int = 1, strict: bool | None = None) -> Call:
        """Queue a call; raises UsageError for arguments that do not fit."""
        if not self.module.loaded:
            raise UsageError(f"module {self.module.name} was unloaded; load it again to call {self.name}")
        encoded = encode(self.name, self.signature, arguments, self._caller.word_bytes)
        return self._caller.enqueue(self, encoded, repeat, strict)

    def __repr__(self) -> str:
        return f"Function({self.signature or self.name} of module {self.module.name})"
