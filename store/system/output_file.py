"""Files that a user names for a result: written whole, or not at all."""

from __future__ import annotations

import contextlib
import os

from store.system import owned


def put_text(path: str, text: str, *, errors: str = "strict") -> None:
    """Write a text in the place of whatever file was there; into a pipe or device, if it is one.
    Raises OSError."""
    owned.refuse_lure(path)
    # /dev/stdout is a link that must stay, also where it leads to a file.
    output = _is_output(path)
    if output or (os.path.exists(path) and not os.path.isfile(path)):
        with open(path, "a" if output else "w", encoding="utf-8", errors=errors) as stream:
            stream.write(text)
        return
    fresh = os.path.join(os.path.dirname(path), f".new-{os.getpid()}")
    try:
        with open(fresh, "x", encoding="utf-8", errors=errors) as stream:
            stream.write(text)
        os.replace(fresh, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(fresh)
        error.filename, error.filename2 = path, None  # nobody asked for the other one
        raise


def _is_output(path: str) -> bool:
    """Return whether it is the file that standard output or error goes to."""
    try:
        found = os.stat(path)
        return any(os.path.samestat(found, os.fstat(fd)) for fd in (1, 2))
    except OSError:
        return False
