"""Pages of HTML that are complete in themselves: their common part.

A page needs no script and makes no request; its policy forbids both.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import os
from collections.abc import Iterable, Mapping
from functools import cache
from html import escape
from importlib import resources
from string import Template

from store.display import printable
from store.errors import output_error
from store.system.output_file import put_text


def write_page(path: str, text: str) -> None:
    """Write a page as :func:`put_text` does. Raises StorageError."""
    try:
        put_text(path, text, errors="backslashreplace")
    except OSError as error:
        raise output_error(error, "the report", path) from error


def check_page_writable(path: str) -> None:
    """Raise StorageError, before work that may take long, if its page could not be written."""
    folder = os.path.dirname(os.path.abspath(path))
    refused = errno.ENOENT if not path or not os.path.isdir(folder) else 0
    if os.path.isdir(path):
        refused = errno.EISDIR
    elif not os.access(path if os.path.exists(path) else folder, os.W_OK):
        refused = refused or errno.EACCES
    if refused:
        error = OSError(refused, os.strerror(refused))
        raise output_error(error, "the report", path)


def whole(name: str, title: str, parts: Mapping[str, str]) -> str:
    """Return a whole page: the body ``NAME.html`` with its parts, in the style of all pages and its
    own. ``title`` and the parts are HTML."""
    style = resource("page.css") + resource(f"{name}.css")
    body = Template(resource(f"{name}.html")).substitute(parts, title=title)
    return Template(resource("page.html")).substitute(
        title=title, style=style, style_hash=policy_hash(style), body=body
    )


def definitions(facts: Iterable[tuple[str, str]]) -> str:
    """Name with their values, for a list of definitions."""
    return "".join(f"<dt>{visible(name)}</dt><dd>{visible(value)}</dd>" for name, value in facts)


def visible(text: str) -> str:
    """Escape a text for HTML, with a code in the place of each character that cannot be seen."""
    return escape(printable(text))


@cache
def resource(name: str) -> str:
    """Return the text of a file beside this module."""
    return resources.files("store.cli.pages").joinpath(name).read_text(encoding="utf-8")


def policy_hash(text: str) -> str:
    """Return the policy's source that allows exactly this style."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
