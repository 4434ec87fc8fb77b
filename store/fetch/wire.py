"""Connections of which no wait is without an end, and no head either.

The standard library speaks the protocol; here it gets sockets and streams that ask an
:class:`~store.fetch.bounds.Exchange` before each wait and tell it of each byte.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import ipaddress
import queue
import re
import socket
import threading
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from store.fetch import credentials
from store.fetch.bounds import Exchange, Permanent, Slow
from store.fetch.failures import PROXY
from store.quantities import limit_text

if TYPE_CHECKING:
    from store.fetch.tls import SSLContext

DIRECT = "DIRECT"  # apt's word for "no proxy for this host"
_READ_AHEAD = 1 << 16
_LAST_PORT = 65535
_INTERIM = frozenset(range(100, 200)) - {101}  # 101 is the last word of HTTP
_PROXY = re.compile(
    r"((?P<scheme>[a-z][a-z0-9+.-]*)://|(?!.*://))((?P<user>.*)@)?"
    r"(?P<place>(\[[0-9a-f:.%]+\]|[^\s:/@\[\]]+)(:(?P<port>[0-9]{0,5}))?)(/.*)?",
    re.IGNORECASE | re.ASCII,
)

_Address = tuple[Any, ...]


def opener(
    exchange: Exchange, proxy: str | None, context: Callable[[], SSLContext]
) -> urllib.request.OpenerDirector:
    """Return an opener for one request that knows http and https and nothing else: no ftp, data,
    file.

    It hands every answer over as it is: no redirect is followed, no status is an error. The
    ``context`` is asked for when TLS is spoken: bad certificates are no fault of plain http.
    """
    named = None
    if proxy is not None:
        named = {} if proxy == DIRECT else {"http": proxy, "https": proxy}
    director = urllib.request.OpenerDirector()
    for handler in (
        _Proxies(exchange, named),
        urllib.request.UnknownHandler(),
        _PlainHandler(exchange),
        _SecureHandler(exchange, context),
    ):
        director.add_handler(handler)
    return director


class _Proxies(urllib.request.ProxyHandler):
    """Proxies by scheme (None: the environment's), of which the exchange comes to know."""

    def __init__(self, exchange: Exchange, named: dict[str, str] | None) -> None:
        super().__init__(named)
        self._exchange = exchange

    def proxy_open(self, req: urllib.request.Request, proxy: str, type: str) -> Any:
        """Send the request by way of ``proxy``. Raises Permanent for one that cannot be used."""
        self._exchange.proxy = None
        if urllib.request.proxy_bypass(req.host):
            return None
        match = proxy_parts(proxy)
        self._exchange.secrets |= credentials.told_by(match["user"] or "")
        self._exchange.proxy = match["place"]
        return super().proxy_open(req, proxy, type)


def proxy_parts(proxy: str) -> re.Match[str]:
    """Return the ``place``, a host and perhaps a port, and the ``user`` of a proxy's URL. Raises
    Permanent for one that cannot be used."""
    match = _PROXY.fullmatch(proxy)
    if match is None or int(match["port"] or 0) > _LAST_PORT:
        raise Permanent("the proxy that is set is no URL", PROXY)
    if match["scheme"] and match["scheme"].lower() not in ("http", "https"):
        raise Permanent(f"the proxy that is set speaks {match['scheme']} and not HTTP", PROXY)
    return match


class _PlainHandler(urllib.request.HTTPHandler):
    def __init__(self, exchange: Exchange) -> None:
        super().__init__()
        self._exchange = exchange

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(partial(BoundedConnection, exchange=self._exchange), req)


class _SecureHandler(urllib.request.AbstractHTTPHandler):
    https_request = urllib.request.AbstractHTTPHandler.do_request_

    def __init__(self, exchange: Exchange, context: Callable[[], SSLContext]) -> None:
        super().__init__()
        self._exchange = exchange
        self._context = context

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        make = partial(BoundedConnection, exchange=self._exchange, tls=self._context())
        return self.do_open(make, req)


class BoundedConnection(http.client.HTTPConnection):
    """A connection within an exchange, which is a new one for each request; by way of a proxy
    where one was set. ``peer`` is the address that it was made to. With ``stay_outside``, it is
    made to no address of this machine, or of its link."""

    def __init__(
        self,
        host: str,
        *,
        exchange: Exchange,
        tls: SSLContext | None = None,
        timeout: float | None = None,
    ) -> None:
        if tls is not None:
            self.default_port = http.client.HTTPS_PORT
        super().__init__(host, timeout=timeout)
        self.exchange = exchange
        self.peer: str | None = None
        self.stay_outside = False
        self._tls = tls
        self.response_class = self._answer  # type: ignore[assignment]

    def _answer(self, sock: socket.socket, **named: Any) -> _Answer:
        return _Answer(sock, exchange=self.exchange, **named)

    def connect(self) -> None:
        end = time.monotonic() + self.exchange.connecting()
        self.exchange.stay_outside |= self.stay_outside
        self.sock = dial(self.host, self.port, self.exchange)
        self.peer = self.exchange.peer
        tunnel: str | None = getattr(self, "_tunnel_host", None)
        if tunnel:
            self._tunnel()  # type: ignore[attr-defined]
        if self._tls is not None:
            self.sock.settimeout(max(0.001, end - time.monotonic()))
            self.sock = self._tls.wrap_socket(self.sock, server_hostname=tunnel or self.host)
        self.exchange.heard()
        self.sock.settimeout(self.exchange.patience())  # for the request, sent as a whole


class _Answer(http.client.HTTPResponse):
    """An answer that is read through the exchange from its first byte."""

    def __init__(self, sock: socket.socket, *args: Any, exchange: Exchange, **named: Any) -> None:
        super().__init__(sock, *args, **named)
        # The library's own stream keeps the socket open, and is not read from.
        self.fp = io.BufferedReader(_Wire(sock, self.fp, exchange), _READ_AHEAD)

    def _read_status(self) -> tuple[str, int, str]:
        """Return the line of the first answer that is final. The library itself knows of 100
        alone."""
        while True:
            line: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
            if line[1] not in _INTERIM:
                return line
            http.client.parse_headers(self.fp)


class _Wire(io.RawIOBase):
    """The bytes of a socket. ``holder`` keeps it open for as long as this is open."""

    def __init__(self, sock: socket.socket, holder: io.BufferedIOBase, exchange: Exchange) -> None:
        super().__init__()
        self._sock = sock
        self._holder = holder
        self._exchange = exchange

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            self._sock.settimeout(self._exchange.patience())
            began = time.monotonic()
            count = None
            with contextlib.suppress(TimeoutError):
                count = self._sock.recv_into(buffer)
            self._exchange.came(count or 0, time.monotonic() - began)
            if count is not None:
                return count

    def close(self) -> None:
        if not self.closed:
            self._holder.close()
        super().close()


def dial(host: str, port: int, exchange: Exchange) -> socket.socket:
    """Connect to the first address of ``host`` that answers. Raises OSError, Slow, Permanent."""
    exchange.peer = None
    end = time.monotonic() + exchange.connecting()
    addresses = lookup(host, port, end - time.monotonic())
    if exchange.stay_outside:
        addresses = [item for item in addresses if not _is_inside(item[4][0])]
        if not addresses:
            raise Permanent("redirected to this machine itself, which is not followed")
    failure: OSError | None = None
    for number, (family, kind, protocol, _, address) in enumerate(addresses):
        left = end - time.monotonic()
        if left <= 0:
            break
        sock = socket.socket(family, kind, protocol)
        try:
            # An address that is silent leaves half of the time to those after it.
            sock.settimeout(left if number + 1 == len(addresses) else left / 2)
            sock.connect(address)
        except OSError as error:
            sock.close()
            failure = error
            continue
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        exchange.peer = str(address[0])
        return sock
    if failure is None or isinstance(failure, TimeoutError):
        raise Slow(f"no connection within {limit_text(exchange.bounds.connect)}")
    raise failure


def lookup(host: str, port: int, seconds: float) -> list[_Address]:
    """Return the addresses of a host. Raises OSError, UnicodeError; Slow when it takes too long.

    The system's resolver cannot be interrupted: one that hangs is left to a thread of its own.
    """
    answers: queue.SimpleQueue[list[_Address] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except Exception as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        found = answers.get(timeout=max(0.001, seconds))
    except queue.Empty:
        raise Slow("its name was not looked up in time") from None
    if isinstance(found, Exception):
        raise found
    return found


def is_inside(peer: str | None) -> bool:
    """Return whether an address is of this machine, or of the link that it hangs on."""
    return peer is not None and _is_inside(peer)


def _is_inside(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    return address.is_loopback or address.is_link_local or address.is_unspecified
