"""Opening http, https and file URLs: proxies, certificates, credentials, redirects, ranges.

Nothing here is trusted: the caller checks all that a server sends against a hash. Time, bytes and
redirects are bounded.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import io
import os
import re
import stat
import string
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from store.fetch import credentials, failures, framing, project, tls, wire
from store.fetch.bounds import Bounds, Exchange, Permanent, Slow, Transient
from store.model import locators

if TYPE_CHECKING:
    from store.fetch.tls import SSLContext

USER_AGENT = "fixpoint"
REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 10
_PAGE_LIMIT = 32 << 20  # bytes; the longest index pages are a few megabytes
_RANGE = re.compile(r"bytes\s+([0-9]{1,18})-(?:[0-9]{1,18}/([0-9]{1,18})\s*$)?", re.ASCII)
_NOWHERE = "redirected to something that is no URL"
_BY_PROXY = "by the proxy"
_PAGE_CHUNK = 1 << 18

Failure = TypeVar("Failure", Transient, Permanent, Transient | Permanent)

__all__ = ["Body", "Client", "Page", "Permanent", "Slow", "Target", "Transient"]


@dataclass(frozen=True)
class Target:
    """A URL, and the proxy that the configuration it comes from sets (None: the environment's)."""

    url: str
    proxy: str | None = None

    @property
    def is_local(self) -> bool:
        """True if it can be read without a network."""
        return self.url.startswith("file:") or project.is_project(self.url)

    @property
    def shown(self) -> str:
        """The URL without secrets, for messages and records."""
        return locators.shown(self.url)


class Body:
    """An open answer: its bytes start at ``offset`` of the file; ``total`` is the file's size.

    ``private`` says that not everybody could have had it.
    """

    def __init__(
        self, source: framing.Readable, offset: int, total: int | None, *, private: bool = False
    ) -> None:
        self._source = source
        self.offset = offset
        self.total = total
        self.private = private

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes, none at the end. Raises Transient, Permanent."""
        try:
            return self._source.read(size)
        except Exception as error:
            raise failures.of(error) from error

    def __enter__(self) -> Body:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(Exception):  # all that was wanted of it was read
            self._source.close()


@dataclass(frozen=True)
class Page:
    """A whole text: where it was found in the end, its media type, and its content."""

    url: str
    media_type: str
    text: str


@dataclass(frozen=True)
class _Answer:
    """An answer that is no redirect: where it was found, and whether credentials were given."""

    url: str
    http: http.client.HTTPResponse
    private: bool


class Client:
    """Opens targets within ``bounds``, and not past ``deadline`` (of the monotonic clock).

    ``alive`` is called while one is asked and answers.
    """

    def __init__(
        self,
        *,
        bounds: Bounds | None = None,
        deadline: float | None = None,
        ca_files: Iterable[str] = (),
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        self._bounds = bounds or Bounds()
        self._deadline = time.monotonic() + self._bounds.whole if deadline is None else deadline
        self._ca_files = tuple(ca_files)
        self._alive = alive

    @functools.cached_property
    def _tls(self) -> SSLContext:
        return tls.tls_context(self._ca_files)

    @functools.cached_property
    def _netrc(self) -> list[credentials.NetrcEntry]:
        return credentials.read_netrc()

    def open(self, target: Target, offset: int = 0) -> Body:
        """Open ``target``, from ``offset`` when the server can. Raises Transient, Permanent."""
        if target.is_local:
            return _open_file(target.url)
        exchange = Exchange(self._bounds, self._deadline, self._alive)
        if offset:
            answer = self._ask(target, {"Range": f"bytes={offset}-"}, exchange)
            if answer.http.status == 206 and _range_start(answer.http) == offset:
                return _body(answer, exchange, offset)
            if answer.http.status == 200:
                return _body(answer, exchange, 0)
            answer.http.close()
            if answer.http.status not in (206, 416):
                raise _refusal(answer, exchange)
        # From the start: a range that was not asked for may be a part of another file.
        answer = self._ask(target, {}, exchange)
        if answer.http.status == 200 or (
            answer.http.status == 206 and _range_start(answer.http) == 0
        ):
            return _body(answer, exchange, 0)
        answer.http.close()
        raise _refusal(answer, exchange)

    def probe(self, target: Target) -> int | None:
        """Ask for the head of ``target`` alone; returns its size, None where that is not said.

        Raises Transient, Permanent.
        """
        if target.is_local:
            with _open_file(target.url) as body:
                return body.total
        exchange = Exchange(self._bounds, self._deadline, self._alive)
        answer = self._ask(target, {}, exchange, "HEAD")
        answer.http.close()
        if answer.http.status != 200:
            raise _refusal(answer, exchange)
        return framing.length(answer.http.headers)

    def page(self, target: Target, accept: str) -> Page:
        """Return the whole text at ``target``. Raises Transient, Permanent."""
        if target.is_local:
            with _open_file(target.url) as body:
                return Page(target.url, "text/html", _text_of(body))
        exchange = Exchange(self._bounds, self._deadline, self._alive)
        answer = self._ask(target, {"Accept": accept}, exchange)
        if answer.http.status != 200:
            answer.http.close()
            raise _refusal(answer, exchange)
        with _body(answer, exchange, 0) as body:
            text = _text_of(body)
        return Page(answer.url, answer.http.headers.get_content_type(), text)

    def _ask(
        self, target: Target, headers: dict[str, str], exchange: Exchange, method: str = "GET"
    ) -> _Answer:
        """Return the answer at the end of all redirects. Raises Transient, Permanent; one place
        turns all that a server can do to a client into these."""
        exchange.secrets |= set(locators.secrets(target.url))
        try:
            return self._follow(target, headers, exchange, method)
        except Exception as error:
            raise _told(failures.of(error, exchange.clean), exchange) from error

    def _follow(
        self, target: Target, headers: dict[str, str], exchange: Exchange, method: str
    ) -> _Answer:
        hop = _Hop.first(target.url, self._netrc)
        exchange.url = exchange.first = hop.url
        private = locators.shown(target.url) != target.url
        for _ in range(_MOST_REDIRECTS + 1):
            private = private or hop.authorization is not None
            exchange.url = hop.url
            answer = self._request(hop, headers, target.proxy, exchange, method)
            where = answer.headers.get("Location")
            if answer.status not in REDIRECTS or not where:
                return _Answer(hop.url, answer, private)
            answer.close()
            exchange.stay_outside |= not wire.is_inside(exchange.peer)
            hop = hop.next(where, self._netrc)
        exchange.url = exchange.first
        raise Permanent(f"redirected more than {_MOST_REDIRECTS} times")

    def _request(
        self,
        hop: _Hop,
        headers: dict[str, str],
        proxy: str | None,
        exchange: Exchange,
        method: str,
    ) -> http.client.HTTPResponse:
        # See wire.opener for the schemes that it opens.
        request = urllib.request.Request(hop.url, headers=headers, method=method)  # noqa: S310
        request.add_header("User-Agent", USER_AGENT)
        request.add_header("Accept-Encoding", "identity")
        if hop.authorization:
            request.add_header("Authorization", hop.authorization)
            exchange.secrets |= credentials.told_in(hop.authorization)
        opener = wire.opener(exchange, proxy, lambda: self._tls)
        answer = opener.open(request, timeout=exchange.patience())
        if not isinstance(answer, http.client.HTTPResponse):
            raise Permanent(failures.NO_URL)
        return answer


@dataclass(frozen=True)
class _Hop:
    """One URL of a chain of redirects, without its user, and the Authorization for it.

    ``secure`` says that https was used on the way: from there, nothing goes out in the clear.
    """

    url: str
    authorization: str | None
    secure: bool

    @classmethod
    def first(cls, url: str, netrc: list[credentials.NetrcEntry]) -> _Hop:
        """Return the hop that begins a chain. Raises Permanent for a text that is no URL."""
        try:
            plain, userinfo = credentials.split(url)
            scheme, host, _ = _origin(plain)
        except ValueError:
            raise Permanent(failures.NO_URL) from None  # its text may hold a password
        return cls(
            plain,
            credentials.authorization(userinfo, host or "", netrc),
            scheme == "https",
        )

    def next(self, location: str, netrc: list[credentials.NetrcEntry]) -> _Hop:
        """Return the hop that a Location leads to. Raises Permanent when it is not to be
        followed."""
        text = urllib.parse.quote(location, encoding="iso-8859-1", safe=string.punctuation)
        try:
            url = urllib.parse.urldefrag(urllib.parse.urljoin(self.url, text)).url
            scheme = urllib.parse.urlsplit(url).scheme
        except ValueError:
            raise Permanent(_NOWHERE) from None
        if scheme not in ("http", "https"):
            raise Permanent(f"redirected to {failures.short(scheme)}:, which is not followed")
        try:
            new = self.first(url, netrc)
        except Permanent:
            raise Permanent(_NOWHERE) from None
        authorization = new.authorization
        if new.url == url and _origin(url) == _origin(self.url):  # and the URL names no other user
            authorization = self.authorization or authorization
        if self.secure and scheme == "http":
            authorization = None
        return _Hop(new.url, authorization, self.secure or new.secure)


def _origin(url: str) -> tuple[str, str | None, int]:
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def _body(answer: _Answer, exchange: Exchange, offset: int) -> Body:
    try:
        size = framing.length(answer.http.headers)
        stream = framing.body(answer.http)
    except Transient:
        answer.http.close()
        raise
    exchange.begin_body()
    total = None if size is None else offset + size
    if total is not None and answer.http.status == 206:
        # It may be less than was asked for: the missing part is asked for in its turn.
        total = max(total, _range(answer.http)[1] or 0)
    return Body(stream, offset, total, private=answer.private)


def _refusal(answer: _Answer, exchange: Exchange) -> Transient | Permanent:
    phrase = exchange.clean(answer.http.reason)
    return _told(failures.of_status(answer.http.status, phrase, answer.http.headers), exchange)


def _told(failure: Failure, exchange: Exchange) -> Failure:
    """Return the failure, which names the proxy that could not be had and where a redirect led
    to."""
    text = str(failure)
    if exchange.proxy and exchange.peer is None and not text.startswith(_BY_PROXY):
        text = f"{_BY_PROXY} {failures.short(exchange.proxy)}: {text}"
    if exchange.url != exchange.first:
        text = f"redirected to {failures.short(locators.shown(exchange.url))}: {text}"
    failure.args = (text,)
    return failure


def _range_start(answer: http.client.HTTPResponse) -> int | None:
    return _range(answer)[0]


def _range(answer: http.client.HTTPResponse) -> tuple[int | None, int | None]:
    """Return where the answer begins in the file, and the file's size, as far as it says these."""
    match = _RANGE.match(answer.headers.get("Content-Range", ""))
    return (int(match[1]), int(match[2]) if match[2] else None) if match else (None, None)


def _text_of(body: Body) -> str:
    """Return a page whole. Raises Permanent when it is longer than any index."""
    pieces, size = [], 0
    while piece := body.read(_PAGE_CHUNK):
        size += len(piece)
        if size > _PAGE_LIMIT:
            raise Permanent(f"is longer than {_PAGE_LIMIT >> 20} MiB")
        pieces.append(piece)
    return b"".join(pieces).decode("utf-8", "replace")


def file_path(url: str) -> str:
    """Return the path that a file URL names. Raises Permanent for another machine's files."""
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError as error:
        raise Permanent("this is no URL of a file") from error
    if parts.netloc not in ("", "localhost"):
        raise Permanent("a file on another machine")
    return urllib.parse.unquote(parts.path, errors="surrogateescape")


def _open_file(url: str) -> Body:
    if project.is_project(url):
        data = project.archive_of(url)
        return Body(io.BytesIO(data), 0, len(data))
    try:
        path = file_path(url)
        # O_NONBLOCK: opening a fifo must not wait for its writer.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except ValueError as error:
        raise Permanent("this is no path") from error
    except OSError as error:
        raise failures.of_file(error) from error
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        raise Permanent("not a regular file")
    private = not status.st_mode & stat.S_IROTH
    source = _LocalFile(fd, status.st_size)
    return Body(source, 0, status.st_size, private=private)


class _LocalFile:
    """A file up to the size that it has now: another process may be adding to it for good."""

    def __init__(self, fd: int, size: int) -> None:
        self._stream = os.fdopen(fd, "rb", buffering=0)
        self._left = size

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(min(size, self._left)) or b""
        self._left -= len(data)
        return data

    def close(self) -> None:
        self._stream.close()
