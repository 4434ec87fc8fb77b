"""Modules that others import and do not use here: they are loaded when something of them is."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType


class _Deferred(ModuleType):
    """Stands for the module of its name, for whoever imported it meanwhile."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):  # the import system asks for those
            raise AttributeError(name)
        return getattr(import_module(self.__name__), name)


@contextlib.contextmanager
def deferred_modules(*names: str) -> Iterator[None]:
    """Let each of these modules that is not loaded be loaded only when something of it is used, by
    all that is imported meanwhile. Afterwards, each can be imported as usual."""
    made = {name: _Deferred(name) for name in names if name not in sys.modules}
    sys.modules.update(made)
    try:
        yield
    finally:
        for name, module in made.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]
