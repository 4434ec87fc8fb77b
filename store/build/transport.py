"""Opening http, https and file URLs: proxies, certificates, redirects, and which errors may pass.

Nothing here is trusted: whatever a server sends is checked against a hash by the caller.
"""

from __future__ import annotations

import base64
import email.message
import http.client
import os
import re
import socket
import ssl
import stat
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import IO, Protocol

USER_AGENT = "fixpoint"
DIRECT = "DIRECT"  # apt's word for "no proxy for this host"
_PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_PAGE_LIMIT = 64 << 20  # bytes; the longest index pages are a few megabytes


class Permanent(Exception):
    """Asking again would bring the same answer."""


class Transient(Exception):
    """Another try may succeed; ``after`` is how many seconds the server asks us to wait."""

    def __init__(self, reason: str, after: float = 0.0) -> None:
        super().__init__(reason)
        self.after = after


@dataclass(frozen=True)
class Target:
    """A URL, and the proxy that the configuration it comes from sets (None: the environment's)."""

    url: str
    proxy: str | None = None

    @property
    def is_local(self) -> bool:
        """Whether it can be read without a network."""
        return self.url.startswith("file:")

    @property
    def shown(self) -> str:
        """The URL without a password, for messages."""
        return without_credentials(self.url)


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...

    def close(self) -> None: ...


class Body:
    """An open answer: its bytes start at ``offset`` of the file; ``total`` is the file's size."""

    def __init__(self, source: _Readable, offset: int, total: int | None) -> None:
        self._source = source
        self.offset = offset
        self.total = total

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes, none at the end. Raises Transient."""
        try:
            return self._source.read(size)
        except (OSError, http.client.HTTPException) as error:
            raise Transient(describe(error)) from error

    def __enter__(self) -> Body:
        return self

    def __exit__(self, *_: object) -> None:
        self._source.close()


@dataclass(frozen=True)
class Page:
    """A whole text: where it was found in the end, its media type, and its content."""

    url: str
    media_type: str
    text: str


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follow to http and https only, and never carry credentials to another host."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        old, new = urllib.parse.urlsplit(req.full_url), urllib.parse.urlsplit(newurl)
        if new.scheme not in ("http", "https"):
            raise Permanent(f"redirected to {new.scheme}:, which is not followed")
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request is not None and (old.scheme, old.netloc) != (new.scheme, new.netloc):
            request.remove_header("Authorization")
        return request


class Client:
    """Opens targets. ``timeout`` is in seconds and counts each wait for the network by itself."""

    def __init__(self, *, timeout: float, ca_files: Iterable[str] = ()) -> None:
        self._timeout = timeout
        self._ca_files = tuple(ca_files)
        self._openers: dict[str | None, urllib.request.OpenerDirector] = {}

    def open(self, target: Target, offset: int = 0) -> Body:
        """Open ``target``, from ``offset`` when the server can. Raises Transient, Permanent."""
        if target.is_local:
            return _open_file(target.url)
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        try:
            answer = self._ask(target, headers)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416 and offset:
                return self.open(target)
            raise _for_status(error) from error
        total = _length(answer.headers)
        if answer.status == 206:
            start = _range_start(answer.headers)
            if start != offset:
                answer.close()
                return self.open(target)
            return Body(answer, offset, None if total is None else offset + total)
        return Body(answer, 0, total)

    def page(self, target: Target, accept: str) -> Page:
        """The whole text at ``target``. Raises Transient, Permanent."""
        if target.is_local:
            with _open_file(target.url) as body:
                text = body.read(_PAGE_LIMIT).decode("utf-8", "replace")
            return Page(target.url, "text/html", text)
        try:
            answer = self._ask(target, {"Accept": accept})
        except urllib.error.HTTPError as error:
            error.close()
            raise _for_status(error) from error
        with Body(answer, 0, None) as body:
            text = body.read(_PAGE_LIMIT).decode("utf-8", "replace")
        return Page(answer.url, answer.headers.get_content_type(), text)

    def _ask(self, target: Target, headers: dict[str, str]) -> http.client.HTTPResponse:
        try:
            url, authorization = _split_credentials(target.url)
            request = urllib.request.Request(url, headers=headers)  # noqa: S310 - see _opener
            request.add_header("User-Agent", USER_AGENT)
            request.add_header("Accept-Encoding", "identity")
            if authorization:
                request.add_header("Authorization", authorization)
            answer = self._opener(target.proxy).open(request, timeout=self._timeout)
        except urllib.error.HTTPError:
            raise
        except urllib.error.URLError as error:
            raise _for_failure(error.reason) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _for_failure(error) from error
        assert isinstance(answer, http.client.HTTPResponse)
        return answer

    def _opener(self, proxy: str | None) -> urllib.request.OpenerDirector:
        """An opener that knows http and https and nothing else: no ftp, no data, no file."""
        if proxy not in self._openers:
            if proxy is None:
                proxies = urllib.request.ProxyHandler()
            elif proxy == DIRECT:
                proxies = urllib.request.ProxyHandler({})
            else:
                proxies = urllib.request.ProxyHandler({"http": proxy, "https": proxy})
            opener = urllib.request.OpenerDirector()
            for handler in (
                proxies,
                urllib.request.UnknownHandler(),
                urllib.request.HTTPHandler(),
                urllib.request.HTTPSHandler(context=tls_context(self._ca_files)),
                urllib.request.HTTPDefaultErrorHandler(),
                _Redirects(),
                urllib.request.HTTPErrorProcessor(),
            ):
                opener.add_handler(handler)
            self._openers[proxy] = opener
        return self._openers[proxy]


def tls_context(ca_files: Sequence[str]) -> ssl.SSLContext:
    """OpenSSL's defaults (SSL_CERT_FILE and SSL_CERT_DIR count), plus ``ca_files``."""
    context = ssl.create_default_context()
    known = {os.path.realpath(ssl.get_default_verify_paths().cafile or "/")}
    for file in ca_files:
        path = os.path.realpath(file)
        if path in known or not os.path.exists(path):
            continue
        known.add(path)
        if os.path.isdir(path):
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(cafile=path)
    return context


def without_credentials(url: str) -> str:
    """``url`` without the user and password that it may hold."""
    return re.sub(r"^([a-z][a-z0-9+.-]*://)[^/@]*@", r"\1", url, flags=re.IGNORECASE)


def file_path(url: str) -> str:
    """The path that a file URL names. Raises Permanent for another machine's files."""
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError as error:
        raise Permanent(str(error)) from error
    if parts.netloc not in ("", "localhost"):
        raise Permanent(f"a file on another machine: {parts.netloc}")
    return urllib.parse.unquote(parts.path, errors="surrogateescape")


def describe(error: object) -> str:
    """An exception as a reason in words; some of the network's have no text of their own."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _open_file(url: str) -> Body:
    try:
        path = file_path(url)
        # O_NONBLOCK: opening a fifo must not wait for its writer.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        raise Permanent(describe(error)) from error
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        raise Permanent("not a regular file")
    return Body(os.fdopen(fd, "rb", buffering=0), 0, status.st_size)


def _split_credentials(url: str) -> tuple[str, str | None]:
    """The URL as a request names it, and the Authorization header for its user and password."""
    parts = urllib.parse.urlsplit(url)
    userinfo, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, None
    token = base64.b64encode(urllib.parse.unquote(userinfo).encode()).decode("ascii")
    return parts._replace(netloc=host).geturl(), f"Basic {token}"


def _for_status(error: urllib.error.HTTPError) -> Transient | Permanent:
    reason = f"{error.code} {error.reason}".strip()
    if error.code not in _PASSING_STATUS:
        return Permanent(reason)
    after = error.headers.get("Retry-After", "") if error.headers else ""
    return Transient(reason, float(after) if after.isdecimal() else 0.0)


def _for_failure(cause: object) -> Transient | Permanent:
    """A failure before any answer: a wrong name, URL or certificate stays wrong."""
    text = describe(cause)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return Permanent(f"the certificate is not trusted: {cause.verify_message}")
    if isinstance(cause, socket.gaierror) and cause.errno != socket.EAI_AGAIN:
        return Permanent(text)
    if isinstance(cause, OSError | http.client.HTTPException) and not isinstance(
        cause, http.client.InvalidURL
    ):
        return Transient(text)
    return Permanent(text)


def _length(headers: email.message.Message) -> int | None:
    text = headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None


def _range_start(headers: email.message.Message) -> int | None:
    match = re.match(r"bytes\s+(\d+)-", headers.get("Content-Range", ""))
    return int(match[1]) if match else None
