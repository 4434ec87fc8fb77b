"""Pages of HTML that are complete in themselves: what all of them need.

A page needs no script and makes no request; its policy forbids both.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import os
from functools import cache
from html import escape
from importlib import resources

from store.errors import storage_error


def write_page(path: str, text: str) -> None:
    """Write a page in the place of whatever file was there; into a pipe or device, if it is one.
    Raises StorageError."""
    regular = os.path.isfile(path) or not os.path.exists(path)
    fresh = f"{path}.{os.getpid()}.new" if regular else path
    try:
        with open(fresh, "w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(text)
        if regular:
            os.replace(fresh, path)
    except OSError as error:
        raise storage_error(error, f"cannot write the report {path}") from error


def check_page_writable(path: str) -> None:
    """StorageError, before work that may take long, if its page could not be written."""
    folder = os.path.dirname(os.path.abspath(path))
    refused = errno.ENOENT if not os.path.isdir(folder) else 0
    if os.path.isdir(path):
        refused = errno.EISDIR
    elif not os.access(path if os.path.exists(path) else folder, os.W_OK):
        refused = refused or errno.EACCES
    if refused:
        error = OSError(refused, os.strerror(refused))
        raise storage_error(error, f"cannot write the report {path}")


def visible(text: str) -> str:
    """Escaped for HTML, with a code in the place of each character that cannot be seen."""
    return escape("".join(c if c.isprintable() else ascii(c)[1:-1] for c in text))


@cache
def resource(name: str) -> str:
    """The text of a file beside this module."""
    return resources.files("store.cli").joinpath(name).read_text(encoding="utf-8")


def policy_hash(text: str) -> str:
    """What a page's policy says to allow exactly this style."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
