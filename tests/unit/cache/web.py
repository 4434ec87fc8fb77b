"""A web server over a folder on loopback: ranges, PUT, and whatever a test lets it do instead."""

from __future__ import annotations

import contextlib
import http.server
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any


@dataclass
class Request:
    """A request as it came."""

    method: str
    name: str
    headers: dict[str, str]
    connection: tuple[str, int]


Instead = Callable[["Handler"], bool]
"""Answers in the place of the server, or returns False."""


@dataclass
class Web:
    """The running server. ``instead`` is asked first."""

    folder: Path
    port: int = 0
    instead: Instead = lambda handler: False
    requests: list[Request] = field(default_factory=list)
    ranges: bool = True
    delay: float = 0.0
    busy: int = 0
    busiest: int = 0
    scheme: str = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/cache"

    def names(self, method: str) -> list[str]:
        """The names that were asked for by a method."""
        return [request.name for request in self.requests if request.method == method]


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers one request after the other on a connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    web: Web

    def log_message(self, format: str, *args: object) -> None:
        pass

    @property
    def name(self) -> str:
        """The path below ``/cache/``."""
        return self.path.removeprefix("/cache/")

    def answer(self, status: int, body: bytes = b"", **headers: str) -> bool:
        """Send an answer; names of headers have ``_`` for ``-``. Returns True."""
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        return True

    def handle_any(self) -> None:
        web = self.web
        web.busy += 1
        web.busiest = max(web.busy, web.busiest)
        web.requests.append(
            Request(self.command, self.name, dict(self.headers), self.client_address)
        )
        time.sleep(web.delay)
        try:
            if not web.instead(self):
                self.serve()
        except OSError:
            self.close_connection = True
        finally:
            web.busy -= 1

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name in ("do_GET", "do_HEAD", "do_PUT"):
            return self.handle_any
        raise AttributeError(name)

    def serve(self) -> None:
        path = self.web.folder / self.name
        if self.command == "PUT":
            data = self.rfile.read(int(self.headers["Content-Length"]))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            self.answer(201)
        elif not path.is_file():
            self.answer(404, b"nothing is here")
        elif (asked := self.headers.get("Range")) and self.web.ranges:
            data = path.read_bytes()
            first, _, last = asked.removeprefix("bytes=").partition("-")
            if int(first) >= len(data):
                self.answer(416)
                return
            part = data[int(first) : int(last) + 1]
            end = int(first) + len(part) - 1
            self.answer(206, part, Content_Range=f"bytes {first}-{end}/{len(data)}")
        else:
            written = formatdate(path.stat().st_mtime, usegmt=True)
            self.answer(200, path.read_bytes(), Last_Modified=written)


class _Server(http.server.ThreadingHTTPServer):
    """Speaks TLS if it has a context: in a thread of each connection, as that may fail."""

    tls: ssl.SSLContext | None = None

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self.tls is not None:
            request = self.tls.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients go away as they like."""


@contextlib.contextmanager
def serving(folder: Path, tls: ssl.SSLContext | None = None) -> Iterator[Web]:
    """A server over a folder."""
    web = Web(folder, scheme="https" if tls else "http")
    handler = type("WebHandler", (Handler,), {"web": web})
    with _Server(("127.0.0.1", 0), handler) as server:
        server.tls = tls
        server.daemon_threads = True
        server.block_on_close = False
        server.request_queue_size = 64
        web.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield web
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def silent() -> Iterator[str]:
    """The URL of a server that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/cache"


def refusing() -> str:
    """The URL of a port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    return f"http://127.0.0.1:{port}/cache"
