"""Libraries beside µTVM's own templates, for the time of a `with`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from utvm.errors import LibraryError
from utvm.libraries.library import Library
from utvm.libraries.served import ServedTemplate
from utvm.schedules import registry


@contextmanager
def use_libraries(libraries: Sequence[Library], prefer: Sequence[str] = ()) -> Iterator[None]:
    """Register the libraries' templates: the tuner tries them, records may name them.

    Defaults take them only where `prefer` names the library, or one of its templates as LIBRARY/TEMPLATE. Raises
    LibraryError for a name that is taken or that there is not.
    """
    names = [library.name for library in libraries]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        places = " and ".join(str(library.path) for library in libraries if library.name == twice)
        raise LibraryError(f"two libraries are named {twice}: {places}; change the name in one manifest")
    served = [ServedTemplate(library, template) for library in libraries for template in library.templates]
    known = {*names, *(template.name for template in (*registry.templates(), *served))}
    for name in prefer:
        if name not in known:
            there = ", ".join(sorted(known))
            raise LibraryError(f"--prefer {name}: there is no such library or template; there are {there}")
    with registry.extended(served, prefer):
        yield
