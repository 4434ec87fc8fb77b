"""Certificates, keys and tokens for servers: files, one folder for each host.

The folder is ``$STORE_HOST_FILES``, else ``fixpoint/hosts`` in the user's folder of settings; in it
``HOST/ca.pem`` (authorities that vouch for the server), ``HOST/client.pem`` and ``HOST/client.key``
(our own certificate), ``HOST/token`` (a bearer token). All of them are optional. Nothing that is
meant for one host is sent to another.
"""

from __future__ import annotations

import os
import shlex
import stat
from dataclasses import dataclass, field
from typing import Final

from store.display import quoted, reason
from store.errors import UnusableKey
from store.system.home import settings_folder
from store.system.small import read_small

VARIABLE: Final = "STORE_HOST_FILES"
LARGEST: Final = 1 << 20
"""Bytes of a file."""

LONGEST_TOKEN: Final = 7 << 10
"""Bytes of a token. Usual servers take 8 KiB of headers with a request. Beyond, they refuse some or
all requests, for a reason that says nothing of a token."""

NAMES: Final = ("ca.pem", "client.pem", "client.key", "token")
_SECRET: Final = ("client.key", "token")
_MARKS: Final = {
    "ca.pem": b"-----BEGIN CERTIFICATE-----",
    "client.pem": b"-----BEGIN CERTIFICATE-----",
    "client.key": b"PRIVATE KEY-----",
}
"""Words of PEM that a file has. Libraries for TLS say no more of one without than that it fails."""


@dataclass(frozen=True)
class HostFiles:
    """Contents of the files in ``folder``; None for those that are not there."""

    authorities: bytes | None = field(default=None, repr=False)
    certificate: bytes | None = field(default=None, repr=False)
    key: bytes | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    folder: str = field(default="", compare=False)


def host_files(host: str) -> HostFiles:
    """Read the files of a server. Raises UnusableKey for one that cannot be used: a key or a token
    that every user of this machine could read, too."""
    folder = os.path.join(settings_folder(VARIABLE, "hosts"), host.lower())
    authorities, certificate, key, token = (_read(os.path.join(folder, name)) for name in NAMES)
    if (certificate is None) != (key is None):
        raise UnusableKey(
            f"{quoted(folder)} has one of client.pem and client.key",
            hint="put the other there, too, or remove the one",
        )
    text = None if token is None else _text(token, folder)
    return HostFiles(authorities, certificate, key, text, folder)


def hint(host: str) -> str:
    """Return a hint at the files of a server."""
    folder = os.path.join(settings_folder(VARIABLE, "hosts"), host.lower())
    names = ", ".join(NAMES[1:])
    return f"put a token, or a client's certificate and key, into {quoted(folder)}: {names}"


def authority_hint(host: str) -> str:
    """Return a hint at the file of authorities for a server."""
    folder = os.path.join(settings_folder(VARIABLE, "hosts"), host.lower())
    return (
        f"if it is the right server, put its authority's certificate into {quoted(folder)}: ca.pem"
    )


def _read(path: str) -> bytes | None:
    def check(status: os.stat_result) -> None:
        if os.path.basename(path) in _SECRET and status.st_mode & stat.S_IRWXO:
            raise UnusableKey(
                f"{quoted(path)} is open to every user (mode {stat.S_IMODE(status.st_mode):04o})",
                hint=f"`chmod 600 {shlex.quote(path)}` if nobody can have read it; else another",
            )

    try:
        data = read_small(path, LARGEST, check)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UnusableKey(
            f"cannot read {quoted(path)}: {reason(error)}",
            hint="it has to be a file that this user can read; remove it if it is not needed",
        ) from error
    if _MARKS.get(os.path.basename(path), b"") not in data:
        raise UnusableKey(
            f"{quoted(path)} is not in the form PEM",
            hint=f"it has to hold a line with {_MARKS[os.path.basename(path)].decode()}",
        )
    return data


def _text(token: bytes, folder: str) -> str:
    found = token.strip()
    if not found or not found.isascii() or not found.decode().isprintable() or b" " in found:
        raise UnusableKey(
            f"the token in {quoted(folder)} is not one word of visible ASCII",
            hint="the file holds the token alone, in one line",
        )
    if len(found) > LONGEST_TOKEN:
        raise UnusableKey(
            f"the token in {quoted(folder)} is longer than {LONGEST_TOKEN} bytes",
            hint="see whether the file holds something else; servers take no longer one",
        )
    return found.decode()
