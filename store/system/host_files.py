"""Certificates, keys and tokens for servers: files, one folder for each host.

The folder is ``$STORE_HOST_FILES``, else ``fixpoint/hosts`` in the user's folder of settings; in it
``HOST/ca.pem`` (authorities that vouch for the server), ``HOST/client.pem`` and ``HOST/client.key``
(our own certificate), ``HOST/token`` (a bearer token). All of them are optional. Nothing that is
meant for one host is sent to another.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Final

from store.display import quoted, reason
from store.errors import UnusableKey
from store.system.home import settings_folder
from store.system.small import read_small

VARIABLE: Final = "STORE_HOST_FILES"
LARGEST: Final = 1 << 20
"""Bytes of a file."""

NAMES: Final = ("ca.pem", "client.pem", "client.key", "token")


@dataclass(frozen=True)
class HostFiles:
    """Contents of the files in ``folder``; None for those that are not there."""

    authorities: bytes | None = field(default=None, repr=False)
    certificate: bytes | None = field(default=None, repr=False)
    key: bytes | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    folder: str = field(default="", compare=False)


def host_files(host: str) -> HostFiles:
    """Read the files of a server. Raises UnusableKey for one that cannot be used."""
    folder = os.path.join(settings_folder(VARIABLE, "hosts"), host.lower())
    authorities, certificate, key, token = (_read(os.path.join(folder, name)) for name in NAMES)
    if (certificate is None) != (key is None):
        raise UnusableKey(f"{quoted(folder)} needs both client.pem and client.key, or neither")
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
    try:
        return read_small(path, LARGEST)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UnusableKey(f"cannot read {quoted(path)}: {reason(error)}") from error


def _text(token: bytes, folder: str) -> str:
    found = token.strip()
    if not found or not found.isascii() or not found.decode().isprintable() or b" " in found:
        raise UnusableKey(f"the token in {quoted(folder)} is not one word of visible ASCII")
    return found.decode()
