"""Requests to web servers over connections that are kept, none of which waits without an end."""

from __future__ import annotations

import contextlib
import functools
import http.client
import io
import math
import os
import select
import threading
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from store.display import quoted, reason
from store.fetch import credentials, framing, wire
from store.fetch.bounds import Bounds, Exchange, Permanent
from store.fetch.tls import tls_context
from store.fetch.transport import USER_AGENT
from store.model.locators import without
from store.system.host_files import HostFiles, host_files

if TYPE_CHECKING:
    from store.fetch.tls import SSLContext

BOUNDS: Final = Bounds(connect=5.0, head=15.0, silent=15.0, answer=math.inf, whole=math.inf)

MOST_CONNECTIONS: Final = 16
"""Connections to one cache at once."""

_DISCARDED: Final = 64 << 10
"""Bytes of an unwanted body that are read, so that its connection can be kept."""

_DISCARDING: Final = 0.3
"""Seconds in which they have to come: a server that is silent there would hold each answer up."""

_SENT: Final = 1 << 18
"""Bytes of a file that are sent at a time."""

_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


class WebServer(NamedTuple):
    """A server: connections to it can serve each of its URLs."""

    scheme: str
    host: str
    port: int


def origin_of(url: str) -> WebServer:
    """Return the server of a URL; Permanent for a text that is none of http or https."""
    try:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname:
            usual = 443 if parts.scheme == "https" else 80
            return WebServer(parts.scheme, parts.hostname, parts.port or usual)
    except ValueError:
        pass  # its text may hold a password
    raise Permanent("this is no URL of a web server")


class HttpAnswer:
    """An answer: its ``status`` and ``headers``, and its body, which is read once. ``peer`` is the
    address that it came from."""

    def __init__(self, client: HttpClient, kept: _Kept, got: http.client.HTTPResponse) -> None:
        self.status = got.status
        self.headers = got.headers
        self.phrase = got.reason
        self.peer = kept.connection.peer
        self._client = client
        self._kept = kept
        self._got = got
        empty = got.length == 0 or got.isclosed()  # as of HEAD, whatever its head says
        self._body = None if empty else framing.body(got)
        self._length = 0 if empty else framing.length(got.headers)
        self._received = 0
        self._whole = empty
        self._closed = False

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes, none at the end. Raises what a connection raises."""
        data = b"" if self._body is None else self._body.read(size)
        self._received += len(data)
        self._whole = not data or self._received == self._length
        return data

    @property
    def is_complete(self) -> bool:
        """True when the body ended, and not before the length that it was said to have."""
        return self._whole and self._length in (None, self._received)

    def close(self) -> None:
        """Give the connection back, or close it if more of the body would come."""
        if self._closed:
            return
        self._closed = True
        left = _DISCARDED
        self._kept.connection.exchange.end_within(_DISCARDING)
        with contextlib.suppress(Exception):  # nothing of it is wanted
            while not self._whole and left > 0:
                left -= len(self.read(left))
        self._client.release(self._kept, reusable=self.is_complete and not self._got.will_close)
        self._got.close()

    def __enter__(self) -> HttpAnswer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Kept(NamedTuple):
    origin: WebServer
    connection: wire.BoundedConnection


class HttpClient:
    """Asks servers, at most :data:`MOST_CONNECTIONS` at once; for threads, and across forks.

    ``home`` is the server that ``access`` is for; its files are read when they are first needed.
    All errors of a connection may be raised, which :func:`store.fetch.failures.of` turns into
    words.
    """

    def __init__(
        self, home: WebServer, access: HostFiles | None = None, login: str | None = None
    ) -> None:
        self._home = home
        self._given = access
        self._login = login
        self._start()

    def _start(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._idle: list[_Kept] = []
        self._room = threading.Semaphore(MOST_CONNECTIONS)

    def close(self) -> None:
        """Close the idle connections; more can be asked for later."""
        idle = self._idle
        self._start()
        for kept in idle:
            kept.connection.close()

    def ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | BinaryIO | None = None,
        *,
        stay_outside: bool = False,
    ) -> HttpAnswer:
        """Send a request, once more if a kept connection had been closed meanwhile. Permanent with
        ``stay_outside``, if the server is this machine, or on its link."""
        if self._pid != os.getpid():
            self._idle.clear()  # they are the other process's
            self._start()
        origin = origin_of(url)
        self._room.acquire()
        try:
            while kept := self._take(origin):
                if stay_outside and wire.is_inside(kept.connection.peer):
                    kept.connection.close()
                    continue  # a new one finds out, and says so
                with contextlib.suppress(OSError, http.client.HTTPException):
                    return self._exchanged(kept, method, url, headers or {}, body)
            kept = self._connected(origin, stay_outside=stay_outside)
            return self._exchanged(kept, method, url, headers or {}, body)
        except BaseException:
            self._room.release()
            raise

    def release(self, kept: _Kept, *, reusable: bool) -> None:
        """Take a connection back. The oldest one goes when there are too many: redirects may lead
        to any number of servers."""
        surplus = [kept]
        if reusable and self._pid == os.getpid():
            with self._lock:
                self._idle.append(kept)
                surplus = self._idle[:-MOST_CONNECTIONS]
                del self._idle[:-MOST_CONNECTIONS]
        for each in surplus:
            each.connection.close()
        self._room.release()

    def clean(self, text: str) -> str:
        """Return words of a server's without the secrets that were sent to it."""
        found = {self._access.token} if self._access.token else set()
        header = self._authorization(self._home)
        if header and header.startswith("Basic "):
            found |= credentials.told_in(header)
        return without(text, found)

    def _take(self, origin: WebServer) -> _Kept | None:
        with self._lock:
            for kept in reversed(self._idle):
                if kept.origin == origin:
                    self._idle.remove(kept)
                    break
            else:
                return None
        if _is_dropped(kept.connection):
            kept.connection.close()
            return self._take(origin)
        return kept

    def _connected(self, origin: WebServer, *, stay_outside: bool) -> _Kept:
        tls = None
        if origin.scheme == "https":
            tls = self._home_tls if origin == self._home else self._tls
        exchange = Exchange(BOUNDS, math.inf)
        proxy = _proxy(origin)
        if proxy is None:
            host = f"[{origin.host}]" if ":" in origin.host else origin.host
            place = f"{host}:{origin.port}"
            connection = wire.BoundedConnection(place, exchange=exchange, tls=tls)
            connection.stay_outside = stay_outside
            return _Kept(origin, connection)
        connection = wire.BoundedConnection(proxy.place, exchange=exchange, tls=tls)
        if tls is not None:
            connection.set_tunnel(origin.host, origin.port, proxy.headers)
        return _Kept(origin, connection)

    def _exchanged(
        self,
        kept: _Kept,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | BinaryIO | None,
    ) -> HttpAnswer:
        connection = kept.connection
        try:
            connection.exchange = Exchange(BOUNDS, math.inf)
            connection.blocksize = _SENT
            if connection.sock is not None:
                connection.sock.settimeout(BOUNDS.silent)
            self._send(kept, method, url, headers, body)
            connection.exchange = Exchange(BOUNDS, math.inf)
            got = connection.getresponse()
            answer = HttpAnswer(self, kept, got)
        except BaseException:
            connection.close()
            raise
        connection.exchange.begin_body()
        return answer

    def _send(
        self,
        kept: _Kept,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | BinaryIO | None,
    ) -> None:
        origin, connection = kept
        parts = urllib.parse.urlsplit(url)
        target = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
        proxy = _proxy(origin) if origin.scheme == "http" else None
        sent = {"Host": parts.netloc.rpartition("@")[2], "User-Agent": USER_AGENT}
        sent |= {"Accept-Encoding": "identity", **headers}
        authorization = self._authorization(origin)
        if authorization:
            sent["Authorization"] = authorization
        if proxy is not None:
            target = parts._replace(fragment="").geturl()
            sent |= proxy.headers
        if body is not None:
            sent["Content-Length"] = str(_size(body))
        # A server may answer, and close, before all of a body was sent.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.request(method, target, body=body, headers=sent)

    def _authorization(self, origin: WebServer) -> str | None:
        if self._access.token and origin == self._home:
            inside = origin.host in _LOOPBACK and _proxy(origin) is None
            if origin.scheme != "https" and not inside:
                raise Permanent("a token is not sent in the clear", "use an https: URL")
            return f"Bearer {self._access.token}"
        login = self._login if origin == self._home else None
        return credentials.authorization(login, origin.host, self._netrc)

    @functools.cached_property
    def _access(self) -> HostFiles:
        return host_files(self._home.host) if self._given is None else self._given

    @functools.cached_property
    def _netrc(self) -> list[credentials.NetrcEntry]:
        return credentials.read_netrc()

    @functools.cached_property
    def _tls(self) -> SSLContext:
        return tls_context()

    @functools.cached_property
    def _home_tls(self) -> SSLContext:
        context, access = tls_context(), self._access
        try:
            if access.authorities is not None:
                context.load_verify_locations(cafile=f"{access.folder}/ca.pem")
            if access.certificate is not None:
                files = (f"{access.folder}/client.pem", f"{access.folder}/client.key")
                context.load_cert_chain(*files, lambda: "")
        except (OSError, ValueError) as error:
            raise Permanent(
                f"the certificates in {quoted(access.folder)} cannot be used: {_words(error)}",
                "client.key has to be the key of client.pem, and to have no password",
            ) from error
        return context


def _words(error: Exception) -> str:
    """Return why certificates cannot be used: OpenSSL's reason, if it is its error."""
    return str(getattr(error, "reason", "")).replace("_", " ").lower() or reason(error)


class _HttpProxy(NamedTuple):
    place: str
    headers: dict[str, str]


def _proxy(origin: WebServer) -> _HttpProxy | None:
    """Return the proxy of the environment for a server."""
    named = urllib.request.getproxies().get(origin.scheme)
    if not named or urllib.request.proxy_bypass(f"{origin.host}:{origin.port}"):
        return None
    match = wire.proxy_parts(named)
    login, _, password = (match["user"] or "").partition(":")
    if not match["user"]:
        return _HttpProxy(match["place"], {})
    pair = credentials.basic(urllib.parse.unquote(login), urllib.parse.unquote(password))
    return _HttpProxy(match["place"], {"Proxy-Authorization": pair})


def _is_dropped(connection: wire.BoundedConnection) -> bool:
    """Return whether something came on an idle connection: its end, or what nobody asked for."""
    if connection.sock is None:
        return True
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))


def _size(body: bytes | BinaryIO) -> int:
    if isinstance(body, bytes):
        return len(body)
    size = body.seek(0, io.SEEK_END)
    body.seek(0)
    return size
