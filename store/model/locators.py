"""Locators: their forms, and how they may be shown and recorded: without passwords and tokens.

A password stands in front of a host; a token stands in a query, or in a path behind ``;``. Which
values are secret cannot be known, so only those are shown whose name says that they are harmless.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from store.display import quoted
from store.errors import InvalidName

INSTEAD: Final = "instead-of:"
"""Stands in front of a locator from which nothing was fetched, as a cache had the file."""

PROJECT: Final = "project:"
"""Stands in front of the quoted path of a project's folder, of which an archive is made."""

HIDDEN: Final = "***"
"""Stands for a secret."""

_AUTHORITY: Final = re.compile(
    r"\s*([a-z][a-z0-9+.-]*:)?(?://|/?(?=[^/?#]*@))([^/?#]*)", re.IGNORECASE | re.ASCII
)
"""The scheme and what names the host; without slashes, too, where there is a user."""
_HOST: Final = re.compile(r"(\[[^\]@]*\]|[^:@\[\]]*)(:[0-9]*)?", re.ASCII)
_PARAMETER: Final = re.compile(r";([^;/=]+=[^;/]+)")
"""A value within a path."""
_PIECE: Final = re.compile(r"[^&;#]+")
_HARMLESS: Final = frozenset(
    """
    a archive arch branch commit dist dl download file filename format h hb id inline
    job mirror name os package path pkg platform project r raw ref rel release repo rev
    revision sha sha1 sha256 suite tag tree type v ver version view
    """.split()  # noqa: SIM905 - as a list it takes forty lines
)
_POOL_PATH: Final = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9+._~:%-]*(/[A-Za-z0-9+_~][A-Za-z0-9+._~:%-]*)+"
)
_FILE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._!-]*\.(whl|zip|tgz|tar\.(gz|bz2|xz))")
_FOLDER: Final = re.compile(r"/[\x21-\x7e]*")
_URL: Final = re.compile(r"((?i:https?)://[^/\s]+/|(?i:file):///)[\x21-\x7e]*")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?=:)")


def check_locator(locator: str) -> None:
    """Raise InvalidName unless ``locator`` has one of these forms, without a server's name but in
    the last.

    ========================  ==========================================================
    ``debian:pool/main/...``  a file of the Debian archive, below any mirror apt knows
    ``pypi:<file name>``      a file of a Python package index that pip knows
    ``project:<path>``        the engine and recipes in this folder, as an archive
    ``http(s)://, file://``   a plain URL
    ========================  ==========================================================
    """
    kind, _, rest = locator.partition(":")
    if kind == "debian":
        valid = bool(_POOL_PATH.fullmatch(rest)) and ".." not in rest.split("/")
        form = "debian:pool/main/<letter>/<package>/<file>, without '..'"
    elif kind == "pypi":
        valid = bool(_FILE_NAME.fullmatch(rest))
        form = "pypi:<file name of a wheel or source archive>"
    elif locator.startswith(PROJECT):
        valid = bool(_FOLDER.fullmatch(rest))
        form = "project:/<path of a folder>"
    else:
        valid = is_url(locator)
        form = "debian:<path>, pypi:<file>, http://, https:// or file:///<path>"
    if not valid:
        raise InvalidName(f"{quoted(shown(locator))} is not a locator", hint=f"the form is {form}")


def is_url(text: str) -> bool:
    """Return whether a text is a URL that a file can be fetched from."""
    return bool(_URL.fullmatch(text))


def with_lower_scheme(url: str) -> str:
    """Return a URL with its scheme in lower case, as all are compared here: ``HTTP:`` is ``http:``
    (RFC 3986). A text without a scheme stays as it is."""
    scheme = _SCHEME.match(url)
    return scheme[0].lower() + url[scheme.end() :] if scheme else url


def shown(locator: str) -> str:
    """Return the locator without user, password, and values of its query that may be secret."""
    rest, _ = _userless(locator)
    host, path, mark, query = _divided(rest)
    path = _PARAMETER.sub(lambda parameter: f";{_masked(parameter[1])}", path)
    return host + path + mark + _PIECE.sub(lambda piece: _masked(piece[0]), query)


def secrets(locator: str) -> tuple[str, ...]:
    """Return the pieces of the locator that :func:`shown` leaves out, longest first, quoted or not.

    They may come back in a message of a server or of a library.
    """
    rest, users = _userless(locator)
    found = {*users, *(user.partition(":")[2] or user for user in users)}
    _, path, _, query = _divided(rest)
    for piece in _PARAMETER.findall(path) + _PIECE.findall(query):
        name, equals, value = piece.partition("=")
        if _masked(piece) != piece:
            found.add(value if equals else name)
    found |= {_unquoted(secret) for secret in found}
    return tuple(sorted((secret for secret in found if len(secret) > 2), key=len, reverse=True))


def scrubbed(text: str, locator: str) -> str:
    """Return ``text`` without the secrets of ``locator``."""
    return without(text, secrets(locator))


def without(text: str, hidden: Iterable[str]) -> str:
    """Return ``text`` with a mark in the place of each of the secrets ``hidden``."""
    for secret in sorted(hidden, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def _userless(locator: str) -> tuple[str, list[str]]:
    """Return the locator without a possible user and password, of which odd ones have several."""
    users = []
    while (match := _AUTHORITY.match(locator)) and (end := _end(locator, match)) > match.start(2):
        users.append(locator[match.start(2) : end - 1])
        locator = locator[: match.start(2)] + locator[end:]
    return locator, users


def _end(locator: str, match: re.Match[str]) -> int:
    """Return where the host begins. A password with a slash ends the host where none was meant to
    end."""
    start, stop = match.span(2)
    at = match[2].rfind("@")
    if at >= 0:
        return start + at + 1
    if _HOST.fullmatch(match[2]):
        return start
    return max(start, locator.rfind("@", stop) + 1)


def _divided(url: str) -> tuple[str, str, str, str]:
    """Return the parts that end with the host, the path, the mark of the query or fragment, and the
    rest."""
    match = _AUTHORITY.match(url)
    start = match.end() if match else 0
    mark = re.search(r"[?#]", url[start:])
    end = start + mark.start() if mark else len(url)
    return url[:start], url[start:end], url[end : end + 1], url[end + 1 :]


def _masked(piece: str) -> str:
    name, equals, value = piece.partition("=")
    if not equals:
        return piece if piece.lower() in _HARMLESS else HIDDEN
    harmless = _unquoted(name).lower() in _HARMLESS
    return piece if harmless or not value else f"{name}={HIDDEN}"


def _unquoted(text: str) -> str:
    if "%" not in text:
        return text
    from urllib.parse import unquote  # takes long to load, and is seldom needed

    return unquote(text)
