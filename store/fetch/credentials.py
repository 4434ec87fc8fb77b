"""Users and passwords for servers: those of a URL, else those of a netrc file, read as curl does.

The file is ``$NETRC``, else ``.netrc`` in the home; one that cannot be read, or has odd lines,
gives what it can.
"""

from __future__ import annotations

import base64
import os
import re
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass

from store.system.home import find_home
from store.system.small import read_small

_LARGEST = 1 << 20  # bytes of a netrc file
SHORTEST_SECRET = 3
"""Characters of the shortest secret that is looked for in a text: less than that is everywhere."""
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"?|(\S+)', re.DOTALL)


@dataclass(frozen=True)
class NetrcEntry:
    """One machine's user and password. ``host`` is None for the default one."""

    host: str | None
    login: str = ""
    password: str = ""


def parse_netrc(text: str) -> list[NetrcEntry]:
    """Return the entries of a netrc file, in its order. Unknown words are passed over."""
    entries: list[NetrcEntry] = []
    fields: dict[str, str] | None = None
    tokens = _tokens(text)
    for token in tokens:
        word = token.lower()
        if word in ("machine", "default"):
            _close(fields, entries)
            host = next(tokens, None) if word == "machine" else ""
            fields = None if host is None else {"machine": host}
        elif word in ("login", "password", "account") and fields is not None:
            fields[word] = next(tokens, "")
    _close(fields, entries)
    return entries


def _close(fields: dict[str, str] | None, entries: list[NetrcEntry]) -> None:
    if fields is not None:
        host = fields["machine"].lower() or None
        entries.append(NetrcEntry(host, fields.get("login", ""), fields.get("password", "")))


def _tokens(text: str) -> Iterator[str]:
    """Yield words, quoted ones among them, without comments and without macros up to their empty
    line."""
    in_macro = False
    for line in text.split("\n"):
        if in_macro:
            in_macro = bool(line.strip())
            continue
        for match in _TOKEN.finditer(line):
            word = match[2] if match[2] is not None else _unescaped(match[1])
            if match[2] is not None and match[2].startswith("#"):
                break  # the rest of the line is a comment
            if match[2] is not None and match[2].lower() == "macdef":
                in_macro = True
                break
            yield word


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), text, flags=re.DOTALL)


def find(entries: list[NetrcEntry], host: str, login: str | None = None) -> NetrcEntry | None:
    """Return the first entry for ``host``, or the default one; of user ``login`` where one is asked
    for.

    A default entry ends the search, as it does in curl.
    """
    for entry in entries:
        if entry.host is not None and entry.host != host.lower():
            continue
        if login is None or not entry.login or entry.login == login:
            return entry
    return None


def read_netrc() -> list[NetrcEntry]:
    """Return the entries of this user's file; none where it cannot be read."""
    path = os.environ.get("NETRC") or os.path.join(find_home() or "/nonexistent", ".netrc")
    try:
        return parse_netrc(read_small(path, _LARGEST).decode("utf-8", "surrogateescape"))
    except OSError:
        return []  # absent, or not readable for us: curl passes over it, too


def split(url: str) -> tuple[str, str | None]:
    """Return a URL without its user and password, and these, decoded. Raises ValueError."""
    parts = urllib.parse.urlsplit(url)
    userinfo, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, None
    return parts._replace(netloc=host).geturl(), userinfo


def basic(login: str, password: str) -> str:
    """Return the header's value for a user and password."""
    pair = f"{login}:{password}".encode("utf-8", "surrogateescape")
    return f"Basic {base64.b64encode(pair).decode('ascii')}"


def told_by(userinfo: str) -> set[str]:
    """Return the secret parts of a user and password, as they stand in a URL, in each form."""
    login, _, password = userinfo.partition(":")
    plain = urllib.parse.unquote(password)
    pair = basic(urllib.parse.unquote(login), plain).removeprefix("Basic ")
    return {text for text in (userinfo, password, plain, pair) if len(text) >= SHORTEST_SECRET}


def told_in(header: str) -> set[str]:
    """Return the same of the value of a header, as :func:`basic` makes it."""
    encoded = header.removeprefix("Basic ")
    pair = base64.b64decode(encoded).decode("utf-8", "surrogateescape")
    found = {encoded, pair, pair.partition(":")[2]}
    return {text for text in found if len(text) >= SHORTEST_SECRET}


def authorization(userinfo: str | None, host: str, entries: list[NetrcEntry]) -> str | None:
    """Return the header's value for ``host``. A password in the URL comes before the file's."""
    login, colon, password = (userinfo or "").partition(":")
    login, password = urllib.parse.unquote(login), urllib.parse.unquote(password)
    if userinfo and colon:
        return basic(login, password)
    entry = find(entries, host, login or None)
    if entry is not None and (entry.login or entry.password):
        return basic(login or entry.login, entry.password)
    return basic(login, password) if userinfo else None
