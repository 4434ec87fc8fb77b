"""Putting the launcher in its place: a file in the root of a store, for the Python of this host."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Final

from store.errors import storage_error
from store.layout.paths import Layout
from store.model.names import STORE_DIR
from store.profiles import launch
from store.profiles.generation_tree import LAUNCHERS, PROGRAMS
from store.system.durable import open_file
from store.system.whole_file import replace_file

LONGEST: Final = 120
"""Characters of an interpreter's path in a first line: old kernels take 127 of all of it."""


def is_real(layout: Layout) -> bool:
    """Return whether programs of this machine see this store at ``/store``."""
    try:
        return os.path.samefile(STORE_DIR, layout.objects)
    except OSError:
        return False


def programs_folders(profile: str, layout: Layout) -> list[str]:
    """Return the folders with the programs of a profile that can be started on this machine."""
    if not is_real(layout):
        return [f"{profile}/{LAUNCHERS}"]
    return [f"{profile}/{folder.decode()}" for folder in PROGRAMS]


def put_launcher(layout: Layout) -> None:
    """Put the launcher in its place, where it is needed and is not yet. Raises StorageError."""
    if is_real(layout):
        return
    wanted = launcher_text(os.path.realpath(sys.executable))
    if _read(layout.launcher) == wanted:
        return
    try:
        replace_file(layout.launcher, wanted, mode=0o755, durable=True)
    except OSError as error:
        raise storage_error(error, "cannot write the launcher of programs") from error


def launcher_text(python: str) -> bytes:
    """Return the launcher as a file that the kernel starts by this interpreter."""
    path = os.fsencode(python)
    first = b"#!" + path + b" -IS\n"
    if len(path) > LONGEST or any(char in path for char in b" \t\n"):
        # A shell starts it; for Python the line is a text.
        mark = b"'" + path.replace(b"'", b"'\"'\"'") + b"'"
        first = b"#!/bin/sh\n'''exec' " + mark + b" -IS \"$0\" \"$@\"\n' '''\n"
    return first + Path(launch.__file__).read_bytes()


def _read(path: str) -> bytes | None:
    try:
        fd = open_file(path)
    except OSError:
        return None
    with open(fd, "rb") as stream:
        executable = os.fstat(fd).st_mode & stat.S_IXUSR
        return stream.read() if executable else None
