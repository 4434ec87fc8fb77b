"""``config.toml`` in the root of a store, with a table of settings for each room that has some."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, TypeVar

from store.display import printable, reason
from store.errors import UsageError
from store.layout.paths import Layout
from store.layout.setting_lines import Way, line_of

T = TypeVar("T")
Table = Mapping[str, Any]

TABLES: Final = {"collect", "cache"}
"""The tables that rooms know."""

_LARGEST = 1 << 14
"""Bytes of a configuration at most: reading a key of many parts takes quadratic time."""


class SettingFault(ValueError):
    """A value that cannot be used, and the ``way`` to it."""

    def __init__(self, text: str, way: Way) -> None:
        super().__init__(text)
        self.way = way


def load(layout: Layout, parse: Callable[[bytes], T], hint: str) -> T:
    """Return what ``parse`` makes of the file, empty when it is absent. UsageError names the fault
    of the file, which ``parse`` raises as a ValueError, and the line of a SettingFault."""
    data = _contents(layout)
    try:
        return parse(data)
    except ValueError as error:
        line = line_of(data, error.way) if isinstance(error, SettingFault) else None
        where = layout.config if line is None else f"{layout.config}:{line}"
        raise UsageError(f"{where}: {reason(error)}", hint=hint) from error


def _contents(layout: Layout) -> bytes:
    try:
        # A fifo would be waited for.
        fd = os.open(layout.config, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as stream:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise UsageError(f"{layout.config} is no file")
            return stream.read(_LARGEST + 1)
    except NotADirectoryError:
        return b""  # no store is there, as opening it says
    except FileNotFoundError:
        if os.path.islink(layout.config):
            raise UsageError(f"{layout.config} is a link that leads nowhere") from None
        return b""
    except OSError as error:
        raise UsageError(f"{layout.config} cannot be read: {error.strerror}") from error


def tables(data: bytes) -> Table:
    """Return the tables in a file's text, of which none is unknown; ValueError names its fault."""
    if not data:
        return {}
    import tomllib

    if len(data) > _LARGEST:
        raise ValueError("too large for a configuration")
    try:
        table = tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise ValueError("not UTF-8, as TOML has to be") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    refuse_others(table, TABLES)
    return table


def refuse_others(table: Table, known: Collection[str], way: Way = ()) -> None:
    """Raise SettingFault for a setting in the table at ``way`` that is not known, with those that
    are."""
    # A misspelt setting that is passed over would be found out when the disk is full.
    for key in table:
        if key not in known:
            name = ".".join([*(each for each in way if isinstance(each, str)), key])
            raise SettingFault(
                f"no setting is called {printable(name)}; there are {', '.join(sorted(known))}",
                (*way, key),
            )
