"""Whatever one server does, the next locator is tried soon, in bounded memory."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.fetch import attempts as fetch_module
from store.fetch.attempts import FetchResult, fetch
from store.fetch.bounds import Bounds
from store.job_errors import DiskReserve, FetchFailed, HashMismatch, SourceError
from tests.amounts import example_count
from tests.unit.fetch.hostile import GOOD, QUICK, SOUND, TIMED, Server, serving

SHA256 = hashlib.sha256(GOOD).hexdigest()
BOUNDS = Bounds(connect=2, head=0.6, slow_rate=2000, slow_time=0.6, answer=5, size=8 << 20)

LATE = 20.0
"""Seconds within which all bounds are over, on a machine that does other things, too."""
MEMORY = 24 << 20
"""Bytes that a try may take at its height: a chunk, a head, and the test's own server."""

PROXIES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", "/nonexistent")
    monkeypatch.setattr(fetch_module, "RESUME_WAIT", 0.001)


def get(folder: Path, *locators: str, bounds: Bounds = BOUNDS) -> FetchResult:
    return fetch(
        "thing",
        SHA256,
        locators,
        partial_dir=str(folder / "partial"),
        bad_dir=str(folder / "bad"),
        retries=0,
        bounds=bounds,
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(QUICK))
def test_the_next_locator_serves_after(name: str, server: Server, tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        began = time.monotonic()
        result = get(tmp_path, server.url(name), server.url("good"))
        assert time.monotonic() - began < LATE
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()
    assert result.locator == server.url("good")
    assert Path(result.path).read_bytes() == GOOD
    assert len(os.listdir(tmp_path / "partial")) == 1


@pytest.mark.parametrize("name", sorted(QUICK))
def test_alone_it_is_named_with_a_reason(name: str, server: Server, tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        get(tmp_path, server.url(name), server.url("status-404"))
    assert isinstance(caught.value, FetchFailed | HashMismatch)
    assert server.url(name) in caught.value.message
    assert caught.value.message.replace("\n", "").isprintable()
    assert "status-404: 404 No" in caught.value.message
    assert "Traceback" not in caught.value.message and "Error" not in caught.value.message


@pytest.mark.parametrize("name", sorted(SOUND))
def test_what_brings_it_in_the_end_is_what_gave_it(
    name: str, server: Server, tmp_path: Path
) -> None:
    result = get(tmp_path, server.url(name))
    assert Path(result.path).read_bytes() == GOOD
    assert result.locator == server.url(name)


def test_what_only_a_clock_ends_is_left_in_time(server: Server, tmp_path: Path) -> None:
    def timed(name: str) -> tuple[str, float, str | None]:
        (tmp_path / name).mkdir()
        began = time.monotonic()
        result = get(tmp_path / name, server.url(name), server.url("good"))
        return name, time.monotonic() - began, result.locator

    with ThreadPoolExecutor(len(TIMED)) as pool:
        for name, seconds, locator in pool.map(timed, sorted(TIMED)):
            assert locator == server.url("good"), name
            assert seconds < LATE, name


def test_an_endless_body_stops_at_the_disks_reserve_and_leaves_nothing(
    server: Server, tmp_path: Path
) -> None:
    disk = os.statvfs(tmp_path)
    reserve = disk.f_bavail * disk.f_frsize - (48 << 20)
    partial, bad = tmp_path / "partial", tmp_path / "bad"

    def attempt(*locators: str) -> FetchResult:
        return fetch(
            "thing",
            SHA256,
            locators,
            partial_dir=str(partial),
            bad_dir=str(bad),
            retries=0,
            reserve=reserve,
        )

    assert attempt(server.url("endless-body"), server.url("good")).bytes == len(GOOD)
    for finished in partial.iterdir():
        finished.unlink()
    with pytest.raises(DiskReserve):
        attempt(server.url("chunks-without-end"))
    assert list(partial.iterdir()) == []


@pytest.mark.slow
def test_a_bomb_costs_no_memory(server: Server, tmp_path: Path) -> None:
    """In a process of its own, with a limit: nothing is unpacked, collected or held twice."""
    script = f"""
import resource, sys
from store.fetch import indexes
from store.fetch.bounds import Bounds
from store.fetch.transport import Client, Permanent, Target, Transient
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (128 << 20), used + (128 << 20)))
client = Client(bounds=Bounds(answer=5))
for name in {sorted(QUICK)!r}:
    try:
        client.page(Target({server.url("")!r} + name), indexes.ACCEPT)
    except (Permanent, Transient) as error:
        assert "MemoryError" not in str(error), name
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


STARTS = [
    *(b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 206 Part\r\n", b"HTTP/1.1 302 Go\r\n", b"HTTP/1.1 "),
    *(b"HTTP/1.0 416 No\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b""),
]
PIECES = [
    *(b"Content-Length: ", b"Content-Range: bytes ", b"Transfer-Encoding: chunked\r\n"),
    *(b"Location: ", b"Retry-After: ", b"\r\n", b"\r\n\r\n", b"0\r\n", b"5\r\nwrong\r\n", b"-1"),
    *(b"9" * 20, b";", b"http://127.0.0.1:1/", b"//[", b"\0", b"\xff"),
]


@pytest.mark.slow
@settings(
    max_examples=example_count(120),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.sampled_from(STARTS),
    st.lists(st.sampled_from(PIECES) | st.binary(max_size=8), max_size=12),
    st.binary(max_size=40) | st.none(),
)
def test_no_answer_is_more_than_a_reason(
    server: Server,
    tmp_path_factory: pytest.TempPathFactory,
    start: bytes,
    pieces: list[bytes],
    part: bytes | None,
) -> None:
    server.answer = start + b"".join(pieces)
    folder = tmp_path_factory.mktemp("try")
    if part:
        (folder / "partial").mkdir()
        (folder / "partial" / f"{SHA256}.part").write_bytes(part)
    result = get(folder, server.url("answer"), server.url("good"))
    assert result.locator == server.url("good")
    shutil.rmtree(folder)
