"""The door for kernels of the user's own: a folder with a manifest, templates in Python, and C sources they call."""

from utvm.libraries.library import Library
from utvm.libraries.load import load_library
from utvm.libraries.use import use_libraries

__all__ = ["Library", "load_library", "use_libraries"]
