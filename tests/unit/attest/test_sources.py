"""Reading statements from files, folders and URLs, all of it bounded."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.attest.sources import SourceLimits, _split, lines
from store.errors import FormatError
from store.job_errors import BadArchive, FetchFailed
from store.signing.envelope import ENVELOPE_LIMIT


def read(source: object, limits: SourceLimits | None = None) -> list[tuple[str, bytes]]:
    return [(line.where, line.data) for line in lines(str(source), limits)]


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[BaseHTTPRequestHandler], None]], str]]:
    """Serves every GET on the loopback with a function of the test's; gives the URL."""
    servers = []

    def start(answer: Callable[[BaseHTTPRequestHandler], None]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer(self)

            def log_message(self, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_lines_are_numbered_and_empty_ones_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"one\n\n  \ntwo\r\nthree")
    assert read(file) == [("a.jsonl:1", b"one"), ("a.jsonl:4", b"two\r"), ("a.jsonl:5", b"three")]
    assert read(file.as_uri()) == read(file)
    assert read(file.as_uri().replace("file", "FILE")) == read(file)


def test_a_path_with_a_colon_keeps_its_capitals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("Machine:1.jsonl").write_bytes(b"one\n")
    assert read("Machine:1.jsonl") == [("Machine:1.jsonl:1", b"one")]


def test_compressed_files_are_read(tmp_path: Path) -> None:
    for module in (gzip, bz2, lzma):
        file = tmp_path / f"a.{module.__name__}"
        file.write_bytes(module.compress(b"one\ntwo\n"))
        assert [data for _, data in read(file)] == [b"one", b"two"]
    (tmp_path / "damaged").write_bytes(gzip.compress(b"one\n" * 1000)[:30])
    with pytest.raises(BadArchive, match="damaged"):
        read(tmp_path / "damaged")


def test_a_folder_is_its_files_and_no_link_is_followed(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "b.jsonl").write_text("b\n")
    (folder / "a.intoto.jsonl").write_text("a\n")
    (folder / ".hidden.jsonl").write_text("hidden\n")
    (folder / "notes.txt").write_text("notes\n")
    (folder / "below.json").mkdir()
    (tmp_path / "outside.jsonl").write_text("outside\n")
    (folder / "link.jsonl").symlink_to(tmp_path / "outside.jsonl")
    os.mkfifo(folder / "pipe.jsonl")
    assert [data for _, data in read(folder)] == [b"a", b"b"]
    assert read(folder.as_uri()) == read(folder)


def test_what_is_no_source_is_refused(tmp_path: Path) -> None:
    for source in (tmp_path / "none", "ftp://127.0.0.1/a", "data://a", "file://elsewhere/a"):
        with pytest.raises(FetchFailed):
            read(source)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FetchFailed, match="not a regular file"):
        read(tmp_path / "pipe")


def test_bytes_lines_and_files_are_bounded(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"x\n" * 1000)
    (tmp_path / "b.jsonl").write_bytes(b"x\n")
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(1 << 22)))
    assert len(read(tmp_path / "a.jsonl", SourceLimits(size=2000, lines=1000, files=1))) == 1000
    for limits in (SourceLimits(size=1999), SourceLimits(lines=999)):
        with pytest.raises(FormatError, match="more than"):
            read(tmp_path / "a.jsonl", limits)
    with pytest.raises(FormatError, match="files"):
        read(tmp_path, SourceLimits(files=1))
    with pytest.raises((FormatError, BadArchive), match="more than"):
        read(tmp_path / "bomb.gz", SourceLimits(size=1 << 20))
    with pytest.raises(FormatError, match="longer than"):
        read(tmp_path / "a.jsonl", SourceLimits(seconds=-1))


def test_a_line_that_never_ends_is_cut_behind_the_limit(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"x" * (2 * ENVELOPE_LIMIT) + b"\nnext\n")
    (_, long), (where, following) = read(file)
    assert len(long) == ENVELOPE_LIMIT + 1
    assert (where, following) == ("a.jsonl:2", b"next")


@given(st.binary(max_size=60), st.integers(1, 9))
def test_lines_are_the_same_however_they_arrive(data: bytes, size: int) -> None:
    data = data.replace(b"\1", b"\n")
    chunks = (data[start : start + size] for start in range(0, len(data), size))
    expected = [(n, line) for n, line in enumerate(data.split(b"\n"), 1) if line.strip()]
    assert list(_split(chunks)) == expected


def test_a_url_is_fetched(serve: Callable[[Callable[..., None]], str]) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        request.wfile.write(b"one\ntwo\n" if request.path == "/a" else b"")

    url = serve(answer)
    assert [data for _, data in read(f"{url}/a")] == [b"one", b"two"]


def test_a_server_that_has_nothing_breaks_off_or_leads_astray_is_an_error(
    serve: Callable[[Callable[..., None]], str], tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret\n")

    def answer(request: BaseHTTPRequestHandler) -> None:
        if request.path == "/short":
            request.send_response(200)
            request.send_header("Content-Length", "1000")
            request.end_headers()
            request.wfile.write(b"one\n")
        elif request.path == "/astray":
            request.send_response(302)
            request.send_header("Location", secret.as_uri())
            request.end_headers()
        elif request.path == "/round":
            request.send_response(302)
            request.send_header("Location", "/round")
            request.end_headers()
        else:
            request.send_error(404)

    url = serve(answer)
    for path in ("/none", "/astray", "/round", "/short"):
        with pytest.raises(FetchFailed):
            read(f"{url}{path}")


def test_an_endless_answer_is_stopped(serve: Callable[[Callable[..., None]], str]) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        try:
            while True:
                request.wfile.write(b"x" * 65536)
        except OSError:
            pass

    with pytest.raises(FormatError, match="more than"):
        read(serve(answer), SourceLimits(size=1 << 20))
