"""Where a server is: ``grpc://HOST:PORT[/INSTANCE]``, ``grpcs://…``, or ``grpc+unix:/PATH``.

An instance is a name by which one server tells several caches or farms apart. Of a Unix socket, it
follows ``#``.
"""

from __future__ import annotations

import ipaddress
import re
import urllib.parse
from dataclasses import dataclass
from typing import Final

from store.display import quoted
from store.errors import UnusableKey, UsageError
from store.model.locators import shown, with_lower_scheme
from store.system.host_files import HostFiles, host_files

SCHEMES: Final = ("grpc", "grpcs", "grpc+unix")

_FORM: Final = "it has to be {scheme}://HOST:PORT, or {scheme}://HOST:PORT/INSTANCE"
_RESERVED: Final = frozenset(
    ("blobs", "uploads", "actions", "actionResults", "operations", "capabilities")
)
"""Words that the API has in names of resources; no part of an instance may be one."""

_NAME: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?", re.ASCII)
"""The name of a host; one in other letters is written in its form for the resolver."""


@dataclass(frozen=True)
class Endpoint:
    """``host`` and ``port`` of a TCP server, or ``socket``, the path of a Unix socket; ``secure``
    for TLS."""

    host: str = ""
    port: int = 0
    socket: str = ""
    instance: str = ""
    secure: bool = False

    @property
    def local(self) -> bool:
        """True if nothing that is sent leaves this machine."""
        if self.socket or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def address(self) -> str:
        """The address in gRPC's own notation."""
        if self.socket:
            return f"unix:{self.socket}"
        return f"dns:///{self._bracketed}:{self.port}"

    @property
    def _bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def url(self) -> str:
        """The URL that stands for it; it never holds a secret."""
        if self.socket:
            return f"grpc+unix:{self.socket}" + (f"#{self.instance}" if self.instance else "")
        scheme = "grpcs" if self.secure else "grpc"
        return f"{scheme}://{self._bracketed}:{self.port}" + (
            f"/{self.instance}" if self.instance else ""
        )


def parse(url: str) -> Endpoint:
    """Return the server of a URL; UsageError for anything else. A message repeats the URL only when
    it has no place for a secret."""
    url = with_lower_scheme(url)
    scheme, _, rest = url.partition(":")
    form = _FORM.format(scheme=scheme)
    if not url.isprintable():  # urlsplit would leave out a newline
        raise _refused(url, "it has characters that cannot be shown", form)
    if scheme not in SCHEMES:
        raise _refused(
            url, f"the scheme is none of {', '.join(SCHEMES)}", _FORM.format(scheme="grpc")
        )
    if scheme == "grpc+unix":
        return _unix(url, rest)
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UsageError(  # the rest may hold a password
            f"a URL of {scheme} names no server: its host or port cannot be one",
            hint=form,
        ) from None
    if "@" in parts.netloc:
        raise UsageError(
            f"a user or password in a {scheme} URL would be seen by others",
            hint="put the token in a file: docs/cache.md says where",
        )
    if not host or not port or parts.query or parts.fragment:
        raise _refused(url, "host or port is missing, or there is something behind them", form)
    if not _is_host(host) or ("[" in parts.netloc) != (":" in host):
        raise _refused(url, "its host is neither a name nor an address", form)
    instance = _instance(url, parts.path.strip("/"))
    return Endpoint(host, port, instance=instance, secure=scheme == "grpcs")


def _is_host(host: str) -> bool:
    """Return whether it is a name for the resolver, or an address without brackets."""
    if _NAME.fullmatch(host):
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _unix(url: str, rest: str) -> Endpoint:
    path, _, instance = rest.partition("#")
    path = path.removeprefix("//")
    if not path.startswith("/") or len(path.encode()) > 107:
        raise _refused(url, "its path cannot be one", "it has to be grpc+unix:/PATH, of 107 bytes")
    return Endpoint(socket=path, instance=_instance(url, instance))


def _instance(url: str, instance: str) -> str:
    parts = instance.split("/") if instance else []
    if any(not part.isprintable() or part in _RESERVED or not part for part in parts):
        raise _refused(
            url,
            "the instance has a part that the API keeps for itself, or none",
            "the server's own settings say how its instance is called; many have none",
        )
    return instance


def _refused(url: str, why: str, hint: str) -> UsageError:
    # Behind # in a path, there is only an instance.
    text = url if url.startswith("grpc+unix:") else shown(url)
    return UsageError(
        f"{quoted(text if '@' not in url else 'it')} is no URL of a server: {why}", hint=hint
    )


def server_files(endpoint: Endpoint) -> HostFiles:
    """Read the files that let this user in. Raises UnusableKey for one that cannot be used."""
    found = host_files(endpoint.host or "localhost")
    if found.token is not None and not (endpoint.secure or endpoint.local):
        raise UnusableKey(
            f"the token for {endpoint.host} would be sent so that everybody can read it",
            hint="use grpcs:// for this server",
        )
    return found
