"""A server that does to a client whatever a server can do; each behaviour is a function.

A behaviour gets the connection, the head of the request, and how often it was asked before.
"""

from __future__ import annotations

import contextlib
import gzip
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable, Iterator

GOOD = bytes(range(256)) * 1024
"""The answer of ``/good``."""

Behaviour = Callable[[socket.socket, bytes, int], None]
QUICK: dict[str, Behaviour] = {}
"""Behaviours that a client sees through at once."""
SOUND: dict[str, Behaviour] = {}
"""Behaviours that bring ``GOOD`` in the end."""
TIMED: dict[str, Behaviour] = {}
"""Behaviours that only a clock ends."""

_OK = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = _OK + b"Transfer-Encoding: chunked\r\n\r\n"
_BLOCK = b"x" * 65536


class Server(socketserver.ThreadingTCPServer):
    """Serves ``/good`` well and every behaviour at ``/NAME``."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.stopped = threading.Event()
        self.asked: list[str] = []
        self.heads: list[bytes] = []
        self.answer = b""  # what ``/answer`` gives, and then ends

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{path}"

    def handle_error(self, *_: object) -> None:
        pass


class _Handler(socketserver.BaseRequestHandler):
    server: Server

    def handle(self) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            data = self.request.recv(65536)
            if not data:
                return
            head += data
        name = head.split(b" ")[1].decode().rpartition("/")[2].partition("?")[0]
        count = self.server.asked.count(name)
        self.server.asked.append(name)
        self.server.heads.append(head)
        if name == "answer":
            with contextlib.suppress(OSError):
                self.request.sendall(self.server.answer)
            return
        behaviour = QUICK.get(name) or TIMED.get(name) or SOUND.get(name) or missing
        with contextlib.suppress(OSError):
            behaviour(self.request, head, count)


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """A running server."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.stopped.set()
            server.shutdown()
            thread.join()


def start_of(head: bytes) -> int:
    """Where the asked range begins; 0 for the whole."""
    _, found, rest = head.partition(b"Range: bytes=")
    return int(rest.split(b"-")[0]) if found else 0


def good(to: socket.socket, head: bytes, _count: int) -> None:
    """As a server should."""
    start = start_of(head)
    if start >= len(GOOD):
        to.sendall(b"HTTP/1.1 416 No\r\nContent-Length: 0\r\n\r\n")
        return
    lines = b"HTTP/1.1 206 Part\r\nContent-Range: bytes %d-%d/%d\r\n" if start else _OK
    if start:
        lines %= (start, len(GOOD) - 1, len(GOOD))
    to.sendall(lines + b"Content-Length: %d\r\n\r\n" % (len(GOOD) - start) + GOOD[start:])


SOUND["good"] = good


def _slices(to: socket.socket, head: bytes, _count: int) -> None:
    """Less than was asked for, each time."""
    start = start_of(head)
    end = min(start + 90_000, len(GOOD))
    lines = b"HTTP/1.1 206 Part\r\nContent-Range: bytes %d-%d/%d\r\nContent-Length: %d\r\n\r\n"
    to.sendall(lines % (start, end - 1, len(GOOD), end - start) + GOOD[start:end])


def _without_end(to: socket.socket, _head: bytes, _count: int) -> None:
    """All of it, and then no end."""
    to.sendall(_OK + b"Content-Length: %d\r\n\r\n" % (len(GOOD) + 1) + GOOD)


def _hints_first(to: socket.socket, head: bytes, count: int) -> None:
    """As servers do that want to be quick."""
    to.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n")
    good(to, head, count)


SOUND |= {"slices": _slices, "one-byte-short": _without_end, "103-first": _hints_first}


def missing(to: socket.socket, _head: bytes, _count: int) -> None:
    to.sendall(b"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno")


def _quick(name: str) -> Callable[[Behaviour], Behaviour]:
    def enter(behaviour: Behaviour) -> Behaviour:
        QUICK[name] = behaviour
        return behaviour

    return enter


def _timed(name: str) -> Callable[[Behaviour], Behaviour]:
    def enter(behaviour: Behaviour) -> Behaviour:
        TIMED[name] = behaviour
        return behaviour

    return enter


def _say(name: str, data: bytes) -> None:
    QUICK[name] = lambda to, _head, _count: to.sendall(data)


def _forever(to: socket.socket, data: bytes, pause: float = 0.0) -> None:
    while True:
        to.sendall(data)
        if pause:
            time.sleep(pause)


def _flood(name: str, start: bytes, data: bytes) -> None:
    def behave(to: socket.socket, _head: bytes, _count: int) -> None:
        to.sendall(start)
        _forever(to, data)

    QUICK[name] = behave


def _drip(name: str, start: bytes, data: bytes = b"x") -> None:
    def behave(to: socket.socket, _head: bytes, _count: int) -> None:
        to.sendall(start)
        _forever(to, data, 0.05)

    TIMED[name] = behave


def _redirect(name: str, where: bytes, code: int = 302) -> None:
    _say(name, b"HTTP/1.1 %d Go\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % (code, where))


# Heads

_say("silence-and-end", b"")
_say("garbage", b"\x00\xff\x16\x03\x01 nothing of HTTP\n\n")
_say("http-0.9", GOOD)
_say("no-status", b"HTTP/1.1\r\n\r\n")
_say("status-of-words", b"HTTP/1.1 okay fine\r\n\r\n")
_say("status-of-four-digits", b"HTTP/1.1 2000 OK\r\n\r\nx")
_say("status-negative", b"HTTP/1.1 -200 OK\r\n\r\nx")
_say("status-of-a-thousand-digits", b"HTTP/1.1 " + b"9" * 1000 + b" OK\r\n\r\n")
_say("version-of-words", b"HTTP/one 200 OK\r\n\r\nx")
_say("version-9", b"HTTP/9.9 200 OK\r\n\r\nx")
_say("another-protocol", b"SSH-2.0-OpenSSH_9.2\r\n")
_say("icy", b"ICY 200 OK\r\n\r\nx")
_say("invalid-header-bytes", _OK + b"\x80\xff\x00: \x01\x02\r\nContent-Length: \xb2\r\n\r\nx")
_say("header-without-colon", _OK + b"nothing here\r\nContent-Length: 5\r\n\r\nwrong")
_say("header-folded", _OK + b"Content-Length:\r\n 5\r\n\r\nwrong")
_say("head-cut", _OK + b"Content-Le")
_say("huge-header", _OK + b"X: " + b"x" * (1 << 20) + b"\r\n\r\n")
_say("many-headers", _OK + b"X: y\r\n" * 100_000 + b"\r\n")
_flood("endless-line", b"", _BLOCK)
_flood("endless-header", _OK + b"X: ", _BLOCK)
_flood("endless-headers", _OK, b"X: y\r\n" * 1000)
_flood("endless-100", b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100)
_flood("endless-100-with-headers", b"", b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" * 100)
_flood("endless-103", b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 100)
_say("101", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n")
_say("http-2-preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
_say("http-2-frames", b"\0\0\x12\4\0\0\0\0\0" + bytes(18))
_say("tls-alert", b"\x15\3\1\0\2\2\x46")
_say("nul-in-phrase", b"HTTP/1.1 404 N\0o\r\n\r\n")
_say("ends-lines-with-cr", b"HTTP/1.1 200 OK\rContent-Length: 5\r\rwrong")
_flood("endless-empty-lines", b"", b"\r\n" * 1000)

# Statuses

for _code in (201, 202, 204, 205, 300, 304, 305, 399, 400, 401, 402, 403, 404, 407, 410, 418, 429):
    _say(f"status-{_code}", b"HTTP/1.1 %d No\r\nContent-Length: 2\r\n\r\nno" % _code)
for _code in (451, 500, 501, 503, 507, 511, 599, 999):
    _say(f"status-{_code}", b"HTTP/1.1 %d No\r\nContent-Length: 2\r\n\r\nno" % _code)
_say("retry-after-a-year", b"HTTP/1.1 503 No\r\nRetry-After: 31536000\r\n\r\n")
_say("retry-after-digits", b"HTTP/1.1 503 No\r\nRetry-After: " + b"9" * 5000 + b"\r\n\r\n")
_say("retry-after-superscript", b"HTTP/1.1 429 No\r\nRetry-After: \xb2\r\n\r\n")
_say("phrase-steers-a-terminal", b"HTTP/1.1 404 \x1b[2J\x1b]0;owned\x07\r\n\r\n")
_flood("error-without-end", b"HTTP/1.1 404 No\r\n\r\n", _BLOCK)
_flood("authenticate-without-end", b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\n\r\n", _BLOCK)

# Lengths and bodies

_say("length-of-5000-digits", _OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\nx")
_say("length-of-19-digits", _OK + b"Content-Length: " + b"9" * 19 + b"\r\n\r\nx")
_say("length-of-an-exabyte", _OK + b"Content-Length: 999999999999999999\r\n\r\nx")
_say("length-negative", _OK + b"Content-Length: -5\r\n\r\nx")
_say("length-hexadecimal", _OK + b"Content-Length: 0x10\r\n\r\nx")
_say("length-of-words", _OK + b"Content-Length: long\r\n\r\nx")
_say("length-twice", _OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nwrong")
_say("length-with-a-list", _OK + b"Content-Length: 5, 5\r\n\r\nwrong")
_say("length-in-other-digits", _OK + "Content-Length: \u0665\r\n\r\nwrong".encode())
_say("less-than-it-says", _OK + b"Content-Length: 1000\r\n\r\nshort")
_say("more-than-it-says", _OK + b"Content-Length: 5\r\n\r\n" + GOOD)
_say("nothing", _OK + b"Content-Length: 0\r\n\r\n")
_say("other-content", _OK + b"Content-Length: 5\r\n\r\nwrong")
_flood("endless-body", _OK + b"\r\n", _BLOCK)
_flood("endless-body-http-1.0", b"HTTP/1.0 200 OK\r\n\r\n", _BLOCK)
_say(
    "gzip-bomb",
    _OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(bytes(64 << 20), compresslevel=9),
)
_say("encoding-unknown", _OK + b"Content-Encoding: zstd, br\r\n\r\nwrong")
_say("multipart", _OK + b"Content-Type: multipart/byteranges; boundary=x\r\n\r\n--x\r\nwrong")

# Chunks

_say("chunk-negative", _CHUNKED + b"-5\r\nwrong\r\n0\r\n\r\n")
_flood("chunk-minus-one", _CHUNKED + b"-1\r\n", _BLOCK)
_say("chunk-of-words", _CHUNKED + b"many\r\nwrong")
_say("chunk-0x", _CHUNKED + b"0x5\r\nwrong\r\n0\r\n\r\n")
_say("chunk-plus", _CHUNKED + b"+5\r\nwrong\r\n0\r\n\r\n")
_say("chunk-underscore", _CHUNKED + b"1_0\r\n" + b"x" * 16 + b"\r\n0\r\n\r\n")
_say("chunk-of-5000-digits", _CHUNKED + b"f" * 5000 + b"\r\nx")
_say("chunk-without-length", _CHUNKED + b"\r\n\r\n")
_say("chunk-cut", _CHUNKED + b"ff\r\nshort")
_say("chunk-longer-than-said", _CHUNKED + b"2\r\nwrong\r\n0\r\n\r\n")
_say("chunk-head-cut", _CHUNKED + b"ff")
_say("chunks-without-last", _CHUNKED + b"5\r\nwrong\r\n")
_flood("chunk-line-without-end", _CHUNKED, b"0" * 65536)
_flood("chunk-extension-without-end", _CHUNKED + b"5;", _BLOCK)
_flood("chunks-with-long-extensions", _CHUNKED, b"1;" + b"x" * 4000 + b"\r\ny\r\n")
_flood("chunks-of-a-byte", _CHUNKED, b"1\r\ny\r\n" * 5000)
_flood("chunks-without-end", _CHUNKED, b"10000\r\n" + _BLOCK + b"\r\n")
_flood("trailers-without-end", _CHUNKED + b"0\r\n", b"X: y\r\n" * 1000)
_flood("trailer-line-without-end", _CHUNKED + b"0\r\nX: ", _BLOCK)
_flood("trailers-that-are-long", _CHUNKED + b"0\r\n", b"X: " + b"y" * 4000 + b"\r\n")
_say("chunked-twice", _OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n5\r\nwrong\r\n0\r\n\r\n")
_say("transfer-gzip", _OK + b"Transfer-Encoding: gzip\r\n\r\nwrong")

# Redirects

_redirect("to-itself", b"/to-itself")
_redirect("to-and", b"/fro")
_redirect("fro", b"/to-and", 301)
_redirect("to-a-file", b"file:///etc/passwd")
_redirect("to-ftp", b"ftp://127.0.0.1/x")
_redirect("to-data", b"data:,wrong", 303)
_redirect("to-gopher", b"gopher://127.0.0.1:70/x", 307)
_redirect("to-javascript", b"javascript:alert(1)", 308)
_redirect("to-a-fragment", b"#here")
_redirect("to-nothing", b"")
_redirect("to-a-bad-port", b"http://127.0.0.1:99999/x")
_redirect("to-port-of-words", b"http://127.0.0.1:port/x")
_redirect("to-a-bad-address", b"http://[::1/x")
_redirect("to-a-bad-name", b"http://" + b"a" * 70 + b".invalid/")
_redirect("to-empty-labels", b"http://a..b/")
_redirect("to-a-zone", b"http://[fe80::1%25nowhere]:1/x")
_redirect("to-a-backslash", b"\\\\127.0.0.1\\x")
_redirect("to-a-line-more", b"http://127.0.0.1:1/%0d%0aX: y")
_redirect("to-another-user", b"http://u:p@127.0.0.1:1/x")
_redirect("to-a-long-name", b"http://" + b"a." * 2000 + b"b/x")
_redirect("to-a-nul", b"/go\0od")
_redirect("to-no-host", b"http:///x")
_redirect("to-only-a-port", b"http://:80/x")
_redirect("to-spaces", b"http://127.0.0.1 /x y")
_redirect("to-bytes", b"http://127.0.0.1:1/\xff\xfe\x80")
_redirect("to-controls", b"http://127.0.0.1:1/\x01\x0b\x7f")
_redirect("to-a-long-place", b"/" + b"x" * 60_000)
_redirect("to-https-here", b"https://127.0.0.1:1/x")
_redirect("to-nfkc", "http://\u2100.example/".encode("utf-8"))
_flood("redirect-with-endless-body", b"HTTP/1.1 302 Go\r\nLocation: /status-404\r\n\r\n", _BLOCK)
_say("redirect-without-location", b"HTTP/1.1 302 Go\r\nContent-Length: 0\r\n\r\n")


@_quick("chain")
def _chain(to: socket.socket, _head: bytes, count: int) -> None:
    to.sendall(b"HTTP/1.1 302 Go\r\nLocation: /%d/chain\r\nContent-Length: 0\r\n\r\n" % count)


# Ranges: half of something first, and then


def _after_half(name: str, answer: Callable[[int], bytes], first: bytes = GOOD) -> None:
    def behave(to: socket.socket, head: bytes, _count: int) -> None:
        start = start_of(head)
        if start == 0:
            to.sendall(_OK + b"Content-Length: %d\r\n\r\n" % len(GOOD) + first[:1000])
        else:
            to.sendall(answer(start))

    QUICK[name] = behave


def _part(start: int, data: bytes, total: int = len(GOOD)) -> bytes:
    where = b"Content-Range: bytes %d-%d/%d\r\n" % (start, total - 1, total)
    size = b"Content-Length: %d\r\n\r\n" % (total - start)
    return b"HTTP/1.1 206 Part\r\n" + where + size + data


_after_half("then-206-without-range", lambda _start: b"HTTP/1.1 206 Part\r\n\r\n" + GOOD[5:])
_after_half("then-another-range", lambda start: _part(start + 5, GOOD[start + 5 :]))
_after_half("then-a-range-of-words", lambda _: b"HTTP/1.1 206 P\r\nContent-Range: all\r\n\r\nx")
_after_half(
    "then-a-range-of-digits",
    lambda _: b"HTTP/1.1 206 P\r\nContent-Range: bytes " + b"9" * 5000 + b"-\r\n\r\nx",
)
_after_half("then-other-bytes", lambda start: _part(start, b"z" * (len(GOOD) - start)))
_after_half("then-one-byte-each", lambda start: _part(start, b"z"))
_after_half("then-304", lambda _start: b"HTTP/1.1 304 Not Modified\r\n\r\n")
_after_half("then-other-slices", lambda start: _part(start, b"z" * 7, 1 << 17))
_after_half("then-a-total-of-digits", lambda start: _part(start, b"z", 10**18 - 1))
_after_half("then-nothing-each", lambda start: _part(start, b""))
_after_half("then-416", lambda _start: b"HTTP/1.1 416 No\r\n\r\n")
_after_half("then-404", lambda _start: b"HTTP/1.1 404 No\r\n\r\n")
_after_half("then-a-longer-file", lambda start: _part(start, b"z" * 90_000, 1 << 20))
_after_half("then-the-rest-of-another", lambda start: _part(start, GOOD[start:]), b"y" * 1000)


@_quick("206-unasked")
def _unasked(to: socket.socket, _head: bytes, _count: int) -> None:
    to.sendall(_part(1000, GOOD[1000:]))


@_quick("206-unasked-without-range")
def _unasked_bare(to: socket.socket, _head: bytes, _count: int) -> None:
    to.sendall(b"HTTP/1.1 206 Part\r\n\r\nwrong")


@_quick("changes-each-time")
def _changing(to: socket.socket, head: bytes, count: int) -> None:
    start = start_of(head)
    data = bytes([count % 256]) * (len(GOOD) - start)
    to.sendall((_part(start, b"") if start else _OK + b"\r\n") + data[:3000])


@_quick("reset-at-once")
def _reset(to: socket.socket, _head: bytes, _count: int) -> None:
    to.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    to.close()


@_quick("reset-in-each-range")
def _reset_later(to: socket.socket, head: bytes, count: int) -> None:
    start = start_of(head)
    to.sendall(_part(start, b"z") if start else _OK + b"Content-Length: 9999\r\n\r\nz")
    time.sleep(0.01)
    _reset(to, head, count)


# Time

_drip("drip-status", b"", b"H")
_drip("drip-header", _OK + b"X: ")
_drip("drip-headers", _OK, b"X: y\r\n")
_drip("drip-100", b"", b"HTTP/1.1 100 Continue\r\n\r\n")
_drip("drip-body", _OK + b"Content-Length: 262144\r\n\r\n")
_drip("drip-body-without-length", _OK + b"\r\n")
_drip("drip-chunks", _CHUNKED, b"1\r\nx\r\n")
_drip("drip-chunk-length", _CHUNKED, b"0")
_drip("drip-chunk-extension", _CHUNKED + b"5;")
_drip("drip-trailers", _CHUNKED + b"0\r\n", b"X: y\r\n")
_drip("drip-redirect", b"HTTP/1.1 302 Go\r\nLocation: /")


@_timed("hang")
def _hang(_to: socket.socket, _head: bytes, _count: int) -> None:
    time.sleep(20)


@_timed("hang-in-head")
def _hang_in_head(to: socket.socket, _head: bytes, _count: int) -> None:
    to.sendall(_OK + b"Content-Length: 9")
    time.sleep(20)


@_timed("hang-in-body")
def _hang_in_body(to: socket.socket, _head: bytes, _count: int) -> None:
    to.sendall(_OK + b"Content-Length: 9999\r\n\r\n" + b"x" * 5000)
    time.sleep(20)


@_timed("hang-before-last-chunk")
def _hang_in_chunks(to: socket.socket, _head: bytes, _count: int) -> None:
    to.sendall(_CHUNKED + b"5\r\nwrong\r\n")
    time.sleep(20)


@_timed("hang-after-redirect")
def _hang_after(to: socket.socket, _head: bytes, _count: int) -> None:
    to.sendall(b"HTTP/1.1 302 Go\r\nLocation: /hang\r\nContent-Length: 0\r\n\r\n")


@_timed("slow-chain")
def _slow_chain(to: socket.socket, _head: bytes, count: int) -> None:
    time.sleep(0.2)
    to.sendall(b"HTTP/1.1 302 Go\r\nLocation: /%d/slow-chain\r\n\r\n" % count)


@_timed("fast-and-then-slow")
def _tiring(to: socket.socket, _head: bytes, _count: int) -> None:
    to.sendall(_OK + b"Content-Length: 1000000\r\n\r\n" + _BLOCK)
    _forever(to, b"x", 0.05)


@_timed("keeps-open-after-a-body-without-length")
def _lingering(to: socket.socket, _head: bytes, _count: int) -> None:
    to.sendall(_OK + b"\r\nwrong")
    time.sleep(20)
