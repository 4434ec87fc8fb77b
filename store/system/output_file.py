"""Files that a user names for a result: written whole, or not at all."""

from __future__ import annotations

import os

from store.system import owned
from store.system.whole_file import replace_file


def put_text(path: str, text: str, *, errors: str = "strict") -> None:
    """Write a text in the place of whatever file was there; into a pipe or device, if it is one.
    Raises OSError."""
    owned.refuse_lure(path)
    if is_replaceable(path):
        replace_file(path, text.encode(errors=errors))
        return
    with open(path, "a" if _is_output(path) else "w", encoding="utf-8", errors=errors) as stream:
        stream.write(text)


def is_replaceable(path: str) -> bool:
    """Return whether another file may take this place: nothing is there, or a file, or a link to
    one. ``/dev/stdout`` is a link that must stay, also where it leads to a file."""
    return not _is_output(path) and (os.path.isfile(path) or not os.path.exists(path))


def _is_output(path: str) -> bool:
    """Return whether it is the file that standard output or error goes to."""
    try:
        found = os.stat(path)
        return any(os.path.samestat(found, os.fstat(fd)) for fd in (1, 2))
    except OSError:
        return False
