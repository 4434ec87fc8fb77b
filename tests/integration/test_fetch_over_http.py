"""Fetching from a server on the loopback that misbehaves in every way that real ones do."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from store.fetch import attempts as fetch_module
from store.fetch import indexes
from store.fetch.attempts import FetchProgress, FetchResult, fetch
from store.fetch.bounds import Bounds
from store.job_errors import FetchFailed, HashMismatch

CONTENT = bytes(range(256)) * 8192  # 2 MiB
SHA256 = hashlib.sha256(CONTENT).hexdigest()

Answer = Callable[["Handler", int], None]


class Handler(BaseHTTPRequestHandler):
    """Answers as the server's ``answers`` say for the path, given how often it was asked before."""

    server: Server

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        count = self.server.asked.count(path)
        self.server.asked.append(path)
        self.server.headers_seen.append(dict(self.headers))
        self.server.answers.get(path, not_found)(self, count)

    def send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        headers.setdefault("Content_Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def range_start(self) -> int:
        return int(self.headers.get("Range", "bytes=0-")[6:-1])

    def send_range(self, content: bytes = CONTENT, *, stop: int | None = None) -> None:
        """Answer with 206 if asked; the connection ends at byte ``stop`` of the file."""
        start, size = self.range_start(), len(content)
        if start >= size:
            self.send(416, b"", Content_Range=f"bytes */{size}")
            return
        where = {"Content_Range": f"bytes {start}-{size - 1}/{size}"} if start else {}
        body = content[start:stop]
        self.send(206 if start else 200, body, Content_Length=str(size - start), **where)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, Answer] = {"/good": lambda to, _: to.send_range()}
        self.asked: list[str] = []
        self.headers_seen: list[dict[str, str]] = []

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"


def not_found(to: Handler, _count: int) -> None:
    to.send(404, b"no")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(fetch_module, "LONGEST_WAIT", 0.01)
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def get(tmp_path: Path, *locators: str, timeout: float = 5, **options: object) -> FetchResult:
    return fetch(
        "thing",
        SHA256,
        locators,
        partial_dir=str(tmp_path / "partial"),
        bad_dir=str(tmp_path / "bad"),
        bounds=Bounds(connect=timeout, head=timeout, slow_time=timeout),
        **options,  # type: ignore[arg-type]
    )


def leave_part(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "partial").mkdir()
    (tmp_path / "partial" / f"{SHA256}.part").write_bytes(data)


def test_a_download_is_checked_and_named_fixpoint(server: Server, tmp_path: Path) -> None:
    result = get(tmp_path, server.url("/good"))
    assert Path(result.path).read_bytes() == CONTENT
    assert server.headers_seen[0]["User-Agent"] == "fixpoint"


def test_a_part_is_resumed_where_it_ended(server: Server, tmp_path: Path) -> None:
    leave_part(tmp_path, CONTENT[:1_000_000])
    assert Path(get(tmp_path, server.url("/good")).path).read_bytes() == CONTENT
    assert [seen["Range"] for seen in server.headers_seen] == ["bytes=1000000-"]


def test_a_server_that_ignores_the_range_sends_all_again(server: Server, tmp_path: Path) -> None:
    server.answers["/whole"] = lambda to, _: to.send(200, CONTENT)
    leave_part(tmp_path, CONTENT[:1_000_000])
    assert Path(get(tmp_path, server.url("/whole")).path).read_bytes() == CONTENT
    assert len(server.asked) == 1


def test_a_range_that_is_another_one_is_not_used(server: Server, tmp_path: Path) -> None:
    def other(to: Handler, _count: int) -> None:
        if to.range_start():
            to.send(206, CONTENT[5:], Content_Range=f"bytes 5-{len(CONTENT) - 1}/{len(CONTENT)}")
        else:
            to.send(200, CONTENT)

    server.answers["/other"] = other
    leave_part(tmp_path, CONTENT[:1_000_000])
    assert Path(get(tmp_path, server.url("/other")).path).read_bytes() == CONTENT


def test_a_part_that_is_too_long_is_fetched_anew(server: Server, tmp_path: Path) -> None:
    leave_part(tmp_path, CONTENT + b"more")
    assert Path(get(tmp_path, server.url("/good")).path).read_bytes() == CONTENT
    assert "Range" not in server.headers_seen[1]


def test_a_part_of_another_file_is_fetched_anew(server: Server, tmp_path: Path) -> None:
    leave_part(tmp_path, b"x" * 1_000_000)
    assert Path(get(tmp_path, server.url("/good")).path).read_bytes() == CONTENT
    assert not os.listdir(tmp_path / "bad")


def test_a_broken_connection_goes_on_where_it_broke(server: Server, tmp_path: Path) -> None:
    server.answers["/drops"] = lambda to, count: to.send_range(stop=(count + 1) * 600_000)
    result = get(tmp_path, server.url("/drops"), retries=0)
    assert Path(result.path).read_bytes() == CONTENT
    assert [seen.get("Range") for seen in server.headers_seen] == [
        None,
        "bytes=600000-",
        "bytes=1200000-",
        "bytes=1800000-",
    ]


def test_a_server_that_never_gets_further_is_given_up(server: Server, tmp_path: Path) -> None:
    def stuck(to: Handler, _count: int) -> None:
        to.send(200, CONTENT[:1000], Content_Length=str(len(CONTENT)))

    server.answers["/stuck"] = stuck
    with pytest.raises(FetchFailed, match=f"after 1000 of {len(CONTENT)} bytes"):
        get(tmp_path, server.url("/stuck"), retries=2)
    assert len(server.asked) == 4


def test_an_error_of_the_server_is_tried_again(server: Server, tmp_path: Path) -> None:
    def recovers(to: Handler, count: int) -> None:
        if count < 2:
            to.send(503, b"", Retry_After="1")
        else:
            to.send_range()

    server.answers["/recovers"] = recovers
    assert Path(get(tmp_path, server.url("/recovers")).path).read_bytes() == CONTENT
    assert len(server.asked) == 3


def test_a_missing_file_is_not_tried_again(server: Server, tmp_path: Path) -> None:
    with pytest.raises(FetchFailed) as caught:
        get(tmp_path, server.url("/none"))
    assert caught.value.attempts == ((server.url("/none"), "404 Not Found"),)
    assert len(server.asked) == 1


def test_a_server_that_is_down_does_not_hold_up_the_next(server: Server, tmp_path: Path) -> None:
    server.answers["/down"] = lambda to, _: to.send(500, b"")
    result = get(tmp_path, server.url("/down"), server.url("/good"))
    assert result.locator == server.url("/good")
    assert server.asked == ["/down", "/good"]


def test_a_silent_server_is_left_after_the_timeout(server: Server, tmp_path: Path) -> None:
    server.answers["/silent"] = lambda _to, _count: time.sleep(1)
    result = get(tmp_path, server.url("/silent"), server.url("/good"), timeout=0.2)
    assert result.locator == server.url("/good")


def test_a_slow_server_is_reported_now_and_then(server: Server, tmp_path: Path) -> None:
    def slow(to: Handler, _count: int) -> None:
        to.send(200, b"", Content_Length=str(len(CONTENT)))
        for start in range(0, len(CONTENT), 65536):
            to.wfile.write(CONTENT[start : start + 65536])
            time.sleep(0.02)

    server.answers["/slow"] = slow
    seen: list[FetchProgress] = []
    result = get(tmp_path, server.url("/slow"), report=seen.append)
    assert 3 <= len(seen) <= 2 + result.seconds * 5
    received = [progress.received for progress in seen]
    assert received == sorted(received)
    assert all(progress.total == len(CONTENT) for progress in seen)


def test_wrong_content_is_kept_and_the_next_locator_tried(server: Server, tmp_path: Path) -> None:
    server.answers["/wrong"] = lambda to, _: to.send(200, b"captive portal")
    result = get(tmp_path, server.url("/wrong"), server.url("/good"))
    assert result.locator == server.url("/good")
    [kept] = (tmp_path / "bad").iterdir()
    assert kept.read_bytes() == b"captive portal"


def test_wrong_content_everywhere_is_a_mismatch(server: Server, tmp_path: Path) -> None:
    server.answers["/wrong"] = lambda to, _: to.send(200, b"captive portal")
    with pytest.raises(HashMismatch):
        get(tmp_path, server.url("/none"), server.url("/wrong"))


def test_a_redirect_is_followed_without_credentials(server: Server, tmp_path: Path) -> None:
    elsewhere = server.url("/good").replace("127.0.0.1", "localhost")
    server.answers["/moved"] = lambda to, _: to.send(302, b"", Location=elsewhere)
    locator = server.url("/moved").replace("//", "//me:secret@")
    assert Path(get(tmp_path, locator).path).read_bytes() == CONTENT
    first, second = server.headers_seen
    assert first["Authorization"].startswith("Basic ")
    assert "Authorization" not in second


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x"])
def test_a_redirect_out_of_http_is_refused(server: Server, tmp_path: Path, location: str) -> None:
    server.answers["/moved"] = lambda to, _: to.send(302, b"", Location=location)
    with pytest.raises(FetchFailed, match=r"not followed|not allowed"):
        get(tmp_path, server.url("/moved"))


def test_an_error_never_shows_a_password(server: Server, tmp_path: Path) -> None:
    with pytest.raises(FetchFailed) as caught:
        get(tmp_path, server.url("/none").replace("//", "//me:secret@"))
    assert "secret" not in str(caught.value)


def test_a_debian_file_is_looked_for_on_each_mirror(server: Server, tmp_path: Path) -> None:
    server.answers["/two/pool/main/x/y_1+z.gz"] = lambda to, _: to.send_range()
    mirrors = f"{server.url('/one')} {server.url('/two/')}"
    result = get(tmp_path, "debian:pool/main/x/y_1+z.gz", apt_mirror=mirrors)
    assert result.locator == "debian:pool/main/x/y_1+z.gz"
    assert server.asked == ["/one/pool/main/x/y_1+z.gz", "/two/pool/main/x/y_1+z.gz"]


def test_an_index_page_is_read_and_its_link_followed(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip = indexes.PipConfiguration(indexes=(server.url("/empty"), server.url("/simple")))
    monkeypatch.setattr(indexes, "read_pip", lambda: pip)
    page = b'<a href="/good/../files/my_thing-1-py3-none-any.whl#sha256=00">x</a>'

    def index(to: Handler, count: int) -> None:
        to.send(502 if count == 0 else 200, page, Content_Type="text/html; charset=utf-8")

    server.answers["/simple/my-thing/"] = index
    server.answers["/files/my_thing-1-py3-none-any.whl"] = lambda to, _: to.send_range()
    result = get(tmp_path, "pypi:my_thing-1-py3-none-any.whl")
    assert Path(result.path).read_bytes() == CONTENT
    assert server.asked[0] == "/empty/my-thing/"


def test_two_processes_download_once(server: Server, tmp_path: Path) -> None:
    def slow(to: Handler, _count: int) -> None:
        time.sleep(0.5)
        to.send_range()

    server.answers["/slow"] = slow
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=get, args=(tmp_path, server.url("/slow"))) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert server.asked == ["/slow"]
    finished = list((tmp_path / "partial").iterdir())
    assert len(finished) == 3
    assert all(path.read_bytes() == CONTENT for path in finished)


def test_a_killed_download_is_taken_up_by_the_next(server: Server, tmp_path: Path) -> None:
    def hangs_midway(to: Handler, count: int) -> None:
        if count == 0:
            to.send(200, CONTENT[:1_000_000], Content_Length=str(len(CONTENT)))
            to.wfile.flush()
            time.sleep(3)
        else:
            to.send_range()

    server.answers["/hangs"] = hangs_midway
    part = tmp_path / "partial" / f"{SHA256}.part"
    worker = multiprocessing.get_context("fork").Process(
        target=get, args=(tmp_path, server.url("/hangs"))
    )
    worker.start()
    deadline = time.monotonic() + 10
    while not (part.exists() and part.stat().st_size >= 500_000) and time.monotonic() < deadline:
        time.sleep(0.01)
    worker.kill()
    worker.join()
    size = part.stat().st_size
    assert Path(get(tmp_path, server.url("/hangs")).path).read_bytes() == CONTENT
    assert server.headers_seen[1]["Range"] == f"bytes={size}-"
