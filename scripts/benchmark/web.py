"""A web server over a folder: ``python -m scripts.benchmark.web FOLDER MILLISECONDS``.

It prints its port, waits so long before each answer, and knows ranges. ``/-/sent`` answers with the
bytes of files that were sent since that was asked last.
"""

from __future__ import annotations

import contextlib
import http.client
import http.server
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar


class Handler(http.server.BaseHTTPRequestHandler):
    """GET and HEAD of files, on connections that are kept."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    folder: ClassVar[str]
    delay: ClassVar[float]
    lock: ClassVar[threading.Lock] = threading.Lock()
    sent: ClassVar[int] = 0

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def __getattr__(self, name: str) -> object:
        if name in ("do_GET", "do_HEAD"):
            return self.serve
        raise AttributeError(name)

    def serve(self) -> None:
        """Answer a request."""
        if self.path == "/-/sent":
            self._answer(200, str(self._total()).encode())
            return
        time.sleep(self.delay)
        try:
            fd = os.open(self.folder + self.path, os.O_RDONLY)
        except OSError:
            self._answer(404, b"")
            return
        with contextlib.closing(os.fdopen(fd, "rb")) as stream:
            size = os.fstat(fd).st_size
            first, last = self._range(size)
            headers = {"Content-Length": str(last + 1 - first)}
            if first or last + 1 < size:
                headers["Content-Range"] = f"bytes {first}-{last}/{size}"
            self._head(206 if "Content-Range" in headers else 200, headers)
            if self.command == "GET":
                self.wfile.flush()
                self._send(stream.fileno(), first, last + 1)

    def _range(self, size: int) -> tuple[int, int]:
        asked = self.headers.get("Range", "")
        if not asked.startswith("bytes="):
            return 0, size - 1
        first, _, last = asked.removeprefix("bytes=").partition("-")
        return int(first), min(int(last or size), size - 1)

    def _send(self, fd: int, at: int, end: int) -> None:
        begin = at
        with contextlib.suppress(ConnectionError):
            while at < end:
                at += os.sendfile(self.connection.fileno(), fd, at, end - at)
        with self.lock:
            Handler.sent += at - begin

    def _total(self) -> int:
        with self.lock:
            total, Handler.sent = Handler.sent, 0
        return total

    def _answer(self, status: int, data: bytes) -> None:
        self._head(status, {"Content-Length": str(len(data))})
        if self.command == "GET":
            self.wfile.write(data)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


@dataclass(frozen=True)
class Served:
    """A server that runs, at ``port`` of loopback."""

    port: int

    @property
    def url(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self.port}"

    def sent(self) -> int:
        """Bytes of files that were sent since this was asked last."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("GET", "/-/sent")
        total = int(connection.getresponse().read())
        connection.close()
        return total


@contextlib.contextmanager
def serving(folder: str, delay: float = 0.0) -> Iterator[Served]:
    """Serve a folder, each answer ``delay`` seconds late."""
    words = [sys.executable, "-m", "scripts.benchmark.web", folder, str(round(delay * 1000))]
    top = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, cwd=top)
    assert process.stdout
    try:
        yield Served(int(process.stdout.readline()))
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def main() -> None:
    """Serve until a signal ends it."""
    Handler.folder, Handler.delay = os.path.abspath(sys.argv[1]), int(sys.argv[2]) / 1000
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.request_queue_size = 128
        print(server.server_address[1], flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
