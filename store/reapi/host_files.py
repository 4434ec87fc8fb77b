"""Certificates, keys and tokens for servers: files, one folder for each host.

The folder is ``$STORE_GRPC_FILES``, else ``fixpoint/grpc`` in the user's folder of settings; in it
``HOST/ca.pem`` (authorities that vouch for the server; else gRPC's own), ``HOST/client.pem`` and
``HOST/client.key`` (our own certificate), ``HOST/token`` (a bearer token). All of them are
optional. Nothing that is meant for one host is sent to another.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Final

from store.display import quoted, reason
from store.errors import UnusableKey
from store.reapi.endpoint import Endpoint
from store.system.home import settings_folder
from store.system.small import read_small

VARIABLE: Final = "STORE_GRPC_FILES"
LARGEST: Final = 1 << 20
"""Bytes of a file."""


@dataclass(frozen=True)
class HostFiles:
    """Contents of the files; None for those that are not there."""

    authorities: bytes | None = field(default=None, repr=False)
    certificate: bytes | None = field(default=None, repr=False)
    key: bytes | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)


def host_files(endpoint: Endpoint) -> HostFiles:
    """Read the files of a server. Raises UnusableKey for one that cannot be used."""
    folder = os.path.join(settings_folder(VARIABLE, "grpc"), endpoint.host or "localhost")
    names = ("ca.pem", "client.pem", "client.key", "token")
    authorities, certificate, key, token = (_read(os.path.join(folder, each)) for each in names)
    if (certificate is None) != (key is None):
        raise UnusableKey(f"{quoted(folder)} needs both client.pem and client.key, or neither")
    if token is not None and not (endpoint.secure or endpoint.local):
        raise UnusableKey(
            f"the token for {endpoint.host} would be sent so that everybody can read it",
            hint="use grpcs:// for this server",
        )
    return HostFiles(authorities, certificate, key, None if token is None else _text(token, folder))


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
