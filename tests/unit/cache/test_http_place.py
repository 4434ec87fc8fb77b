"""A web server as a place: parts of files, kept connections, and each kind of trouble."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from store.cache import http_client, http_place
from store.cache.http_place import HttpPlace
from store.cache.static_cache import StaticCache
from store.errors import CorruptObject, UnknownObject, UsageError
from store.fetch import wire
from store.job_errors import CacheUnusable
from store.system import patience
from store.system.host_files import HostFiles
from tests.unit.cache.caches import put
from tests.unit.cache.web import Handler, Web, refusing, serving, silent

DATA = bytes(range(256)) * 4000


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", "/nonexistent")
    put(tmp_path, "a", DATA)
    put(tmp_path, "b", b"123")
    with serving(tmp_path) as running:
        yield running


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let waits be short."""
    short = dataclasses.replace(http_client.BOUNDS, connect=0.3, head=0.3, silent=0.3)
    monkeypatch.setattr(http_client, "BOUNDS", short)
    monkeypatch.setattr(http_place, "USUAL_WAIT", 0.01)


def place(web: Web, token: str | None = None) -> HttpPlace:
    return HttpPlace(web.url, HostFiles(token=token))


def test_what_was_put_is_there(web: Web) -> None:
    there = place(web)
    there.put("x/y", b"12345")
    there.put("x/z", io.BytesIO(b"678"))
    assert there.sizes(["x/y", "x/z", "w"]) == {"x/y": 5, "x/z": 3}
    assert there.get(["x/y", "b", "w"], 3) == {"x/y": b"1234", "b": b"123"}
    assert b"".join(there.read("a", 1000, 500_000)) == DATA[1000:501_000]


def test_what_was_absent_is_not_asked_for_again_until_it_is_put(web: Web) -> None:
    there = place(web)
    for _ in range(2):
        assert there.get(["c"], 10) == {}
    assert web.names("GET") == ["c"]
    there.put("c", b"1")
    assert there.get(["c"], 10) == {"c": b"1"}


def test_connections_are_kept_and_few(web: Web) -> None:
    there = place(web)
    web.delay = 0.01
    there.sizes([f"n{number}" for number in range(100)])
    assert web.busiest <= http_client.MOST_CONNECTIONS
    there.sizes(["a"])
    assert b"".join(there.read("a", 0, 10)) == DATA[:10]
    assert len({request.connection for request in web.requests}) <= http_client.MOST_CONNECTIONS


def test_connections_to_wherever_redirects_lead_are_few(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_client, "MOST_CONNECTIONS", 3)
    with contextlib.ExitStack() as stack:
        others = [stack.enter_context(serving(tmp_path)) for _ in range(8)]

        def lead(handler: Handler) -> bool:
            number = int(handler.name.removeprefix("n"))
            return handler.answer(302, Location=f"{others[number].url}/b")

        web.instead = lead
        there = place(web)
        before = len(os.listdir("/proc/self/fd"))
        for number in range(8):
            assert there.get([f"n{number}"], 9) == {f"n{number}": b"123"}
        # Each connection has two ends in this process.
        assert len(os.listdir("/proc/self/fd")) - before < 2 * 3 + 5
        there.close()


def test_a_connection_that_was_closed_meanwhile_is_made_again(web: Web) -> None:
    there = place(web)
    there.sizes(["a"])

    def end(handler: Handler) -> bool:
        handler.close_connection = True
        return len(web.requests) == 2  # without an answer

    web.instead = end
    assert there.sizes(["a"]) == {"a": len(DATA)}
    there.close()
    assert there.sizes(["a"]) == {"a": len(DATA)}


def test_a_fork_makes_connections_of_its_own(web: Web) -> None:
    there = place(web)
    there.sizes(["a"])
    pid = os.fork()
    if pid == 0:
        os._exit(0 if there.sizes(["a"]) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert there.sizes(["a"]) == {"a": len(DATA)}
    connections = [request.connection for request in web.requests]
    assert connections[0] == connections[2] != connections[1]


def test_the_whole_serves_when_there_are_no_ranges(web: Web) -> None:
    web.ranges = False
    there = place(web)
    assert b"".join(there.read("a", 1000, 500)) == DATA[1000:1500]
    assert not there.ranges
    with pytest.raises(CorruptObject):
        list(there.read("a", len(DATA) - 10, 11))


def test_a_part_that_is_not_there_is_an_error(web: Web) -> None:
    there = place(web)
    with pytest.raises(UnknownObject):
        list(there.read("c", 0, 1))
    for start in (len(DATA) - 1, len(DATA)):
        with pytest.raises(CorruptObject, match="too early"):
            list(there.read("a", start, 2))


def test_a_part_goes_on_where_its_connection_broke(web: Web) -> None:
    def cut(handler: Handler) -> bool:
        first = int(handler.headers["Range"].removeprefix("bytes=").partition("-")[0])
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {first}-{len(DATA) - 1}/{len(DATA)}")
        handler.send_header("Content-Length", str(len(DATA) - first))
        handler.end_headers()
        handler.wfile.write(DATA[first : first + 300_000])
        handler.close_connection = True
        return True

    web.instead = cut
    assert b"".join(place(web).read("a", 5, len(DATA) - 5)) == DATA[5:]
    assert len(web.requests) == 4


def test_a_body_that_never_comes_is_left_after_three_times(web: Web) -> None:
    def cut(handler: Handler) -> bool:
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes 0-9/{len(DATA)}")
        handler.send_header("Content-Length", "10")
        handler.end_headers()
        handler.close_connection = True
        return True

    web.instead = cut
    with pytest.raises(CacheUnusable, match="ended early"):
        list(place(web).read("a", 0, 10))
    assert len(web.requests) == 3


def test_a_refused_connection_is_known_at_once() -> None:
    began = time.monotonic()
    with pytest.raises(CacheUnusable, match="Connection refused"):
        StaticCache(HttpPlace(refusing())).heads([])
    assert time.monotonic() - began < 4


@pytest.mark.usefixtures("quick")
def test_a_silent_server_is_left_once() -> None:
    with silent() as url:
        there = HttpPlace(url)
        with pytest.raises(CacheUnusable, match="not a byte came"):
            there.sizes([f"n{number}" for number in range(40)])
    for _ in range(2):  # now it would refuse
        with pytest.raises(CacheUnusable, match="not a byte came"):
            there.sizes([f"n{number}" for number in range(40)])


@pytest.mark.usefixtures("quick")
def test_one_that_falls_silent_in_a_body_is_left_at_once(web: Web) -> None:
    end = threading.Event()

    def begin(handler: Handler) -> bool:
        ranged = "Range" in handler.headers
        handler.send_response(206 if ranged else 200)
        handler.send_header("Content-Range", f"bytes 0-9/{len(DATA)}")
        handler.send_header("Content-Length", "10")
        handler.end_headers()
        handler.wfile.write(b"x")
        return end.wait(30)

    web.instead = begin
    for ask in (lambda: place(web).get(["a"], 100), lambda: list(place(web).read("a", 0, 10))):
        web.requests.clear()
        with pytest.raises(CacheUnusable, match="not a byte came"):
            ask()
        assert len(web.requests) == 1
    end.set()


@pytest.mark.parametrize("trickles", [False, True])
def test_a_body_that_nobody_wants_is_not_waited_for(web: Web, trickles: bool) -> None:
    end = threading.Event()

    def hang(handler: Handler) -> bool:
        handler.send_response(404)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        while not end.wait(0.05 if trickles else 60):
            handler.wfile.write(b"x")
        handler.close_connection = True
        return True

    web.instead = hang
    there = place(web)
    began = time.monotonic()
    for number in range(5):
        assert there.get([f"n{number}"], 10) == {}
    seconds = time.monotonic() - began
    end.set()
    assert seconds < 10


def test_one_that_trickles_is_left(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is never silent: a byte comes now and then."""
    bounds = dataclasses.replace(http_client.BOUNDS, slow_time=1.0)
    monkeypatch.setattr(http_client, "BOUNDS", bounds)

    def trickle(handler: Handler) -> bool:
        ranged = "Range" in handler.headers
        handler.send_response(206 if ranged else 200)
        handler.send_header("Content-Range", f"bytes 0-9/{len(DATA)}")
        handler.send_header("Content-Length", "10")
        handler.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(10):
                handler.wfile.write(b"x")
                time.sleep(0.4)
        handler.close_connection = True
        return True

    web.instead = trickle
    for ask in (lambda: place(web).get(["a"], 100), lambda: list(place(web).read("a", 0, 10))):
        web.requests.clear()
        with pytest.raises(CacheUnusable, match="less than 1024 bytes a second"):
            ask()
        assert len(web.requests) == 1


def part(handler: Handler, size: int, **headers: str) -> bool:
    """Send so many bytes of the range that was asked for, which may be all of it."""
    first, _, last = handler.headers["Range"].removeprefix("bytes=").partition("-")
    data = DATA[int(first) : min(int(first) + size, int(last) + 1)]
    where = f"bytes {first}-{int(first) + len(data) - 1}/{len(DATA)}"
    return handler.answer(206, data, Content_Range=where, **headers)


@pytest.mark.parametrize("ends", ["broken", "shorter"])
def test_a_byte_with_each_connection_is_a_trickle_too(
    web: Web, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    bounds = dataclasses.replace(http_client.BOUNDS, slow_time=1.0)
    monkeypatch.setattr(http_client, "BOUNDS", bounds)

    def drop(handler: Handler) -> bool:
        time.sleep(0.1)
        if ends == "shorter":
            return part(handler, 1)
        first = handler.headers["Range"].removeprefix("bytes=").partition("-")[0]
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {first}-{len(DATA) - 1}/{len(DATA)}")
        handler.send_header("Content-Length", str(len(DATA) - int(first)))
        handler.end_headers()
        handler.wfile.write(b"x")
        handler.close_connection = True
        return True

    web.instead = drop
    with pytest.raises(CacheUnusable, match="less than 1024 bytes a second"):
        list(place(web).read("a", 0, len(DATA)))
    assert len(web.requests) < 20


def test_time_that_the_reader_takes_is_not_the_servers(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    bounds = dataclasses.replace(http_client.BOUNDS, slow_time=0.5)
    monkeypatch.setattr(http_client, "BOUNDS", bounds)
    web.instead = lambda handler: part(handler, 10)
    for _ in place(web).read("a", 0, 30):
        time.sleep(0.4)
    assert len(web.requests) == 3


def test_a_range_that_comes_in_shorter_ones_is_asked_for_on(web: Web) -> None:
    web.instead = lambda handler: part(handler, 300_000)
    assert b"".join(place(web).read("a", 5, len(DATA) - 5)) == DATA[5:]
    assert len(web.requests) == 4


@pytest.mark.parametrize("form", ["gzip", "BR", "x\x1b[31m"])
@pytest.mark.parametrize("ranged", [False, True])
def test_files_that_come_compressed_unasked_are_named(web: Web, form: str, ranged: bool) -> None:
    def send(handler: Handler) -> bool:
        if ranged:
            return part(handler, 100, Content_Encoding=form)
        return handler.answer(200, b"x", Content_Encoding=form)

    web.instead = send
    there = place(web)
    with pytest.raises(CacheUnusable, match="it sends files compressed") as caught:
        list(there.read("a", 0, 10)) if ranged else there.get(["b"], 10)
    assert "gzip off" in str(caught.value.hint) and "\x1b" not in caught.value.message


@pytest.mark.parametrize("year", ["0", "99999999", "9" * 30])
def test_a_date_that_is_none_does_no_harm(web: Web, year: str) -> None:
    date = f"Mon, 01 Jan {year} 00:00:00 GMT"
    web.instead = lambda handler: handler.answer(200, b"1", Last_Modified=date)
    assert place(web).get(["a", "b"], 9) == {"a": b"1", "b": b"1"}


def test_the_form_that_a_file_has_by_itself_may_be_named(web: Web) -> None:
    web.instead = lambda handler: handler.answer(200, b"x", Content_Encoding="zstd")
    assert place(web).get(["logs/a.zst"], 10) == {"logs/a.zst": b"x"}


def test_the_limits_are_those_of_the_issue() -> None:
    assert (http_client.BOUNDS.slow_rate, http_client.BOUNDS.slow_time) == (1024, 30)
    assert (http_client.BOUNDS.connect, http_client.BOUNDS.silent) == (5, 15)
    assert (http_place.LONGEST_WAIT, http_client.MOST_CONNECTIONS) == (30, 16)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_busy_server_gets_a_second_try(web: Web, status: int) -> None:
    def busy(handler: Handler) -> bool:
        if len(web.requests) == 1:
            handler.answer(status, b"later", Retry_After="0")
        return len(web.requests) == 1

    web.instead = busy
    assert place(web).get(["b"], 10) == {"b": b"123"}
    web.instead = lambda handler: handler.answer(status)
    with pytest.raises(CacheUnusable, match=str(status)):
        place(web).get(["b"], 10)
    assert len(web.requests) == 4


def test_the_wait_is_as_long_as_asked_for(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    for asked in ("7", "3600"):
        web.instead = lambda handler, asked=asked: handler.answer(503, Retry_After=asked)  # type: ignore[misc]
        with pytest.raises(CacheUnusable):
            place(web).sizes(["b"])
    monkeypatch.setattr(time, "time", lambda: 784111777.0)
    date = "Sun, 06 Nov 1994 08:49:57 GMT"
    web.instead = lambda handler: handler.answer(429, Retry_After=date)
    with pytest.raises(CacheUnusable):
        place(web).sizes(["b"])
    assert [wait for wait in waits if wait] == [7, 30, 20]


def test_a_server_that_has_each_question_wait_is_left(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, waits = [time.monotonic()], list[float]()

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(patience, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=sleep))
    busy = [True]

    def instead(handler: Handler) -> bool:
        busy[0] = not busy[0]
        if not busy[0]:
            handler.answer(503, Retry_After="25")
        return not busy[0]

    web.instead = instead
    place = HttpPlace(web.url, patience=60.0)
    for _ in range(2):
        assert place.get(["b"], 10) == {"b": b"123"}
    with pytest.raises(CacheUnusable, match="503"):
        place.get(["b"], 10)
    assert waits == [25, 25]


def test_a_server_whose_answers_are_slow_all_together_is_left(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_place, "SLOW_ANSWER", 0.05)

    def instead(handler: Handler) -> bool:
        time.sleep(0.1)
        return False

    web.instead = instead
    place = HttpPlace(web.url, patience=0.35)
    with pytest.raises(CacheUnusable, match="its answers take too long"):
        for _ in range(4):
            place.get(["b"], 10)
    assert 2 <= len(web.requests) <= 4


@pytest.mark.parametrize("status", [401, 403])
def test_a_forbidden_cache_says_what_to_set(web: Web, status: int) -> None:
    web.instead = lambda handler: handler.answer(status)
    with pytest.raises(CacheUnusable) as caught:
        place(web).get(["b"], 10)
    assert "~/.netrc" in str(caught.value.hint) and "hosts/127.0.0.1" in str(caught.value.hint)


def test_secrets_are_sent_and_not_shown(
    web: Web, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password geheim\n")
    monkeypatch.setenv("NETRC", str(netrc))
    place(web).sizes(["b"])
    place(web, token="t0k3n").sizes(["b"])
    sent = [request.headers["Authorization"] for request in web.requests]
    assert sent == ["Basic bWU6Z2VoZWlt", "Bearer t0k3n"]

    def tell(handler: Handler) -> bool:
        handler.wfile.write(b"HTTP/1.1 400 no t0k3n\r\nContent-Length: 0\r\n\r\n")
        return True

    web.instead = tell
    with pytest.raises(CacheUnusable) as caught:
        place(web, token="t0k3n").sizes(["b"])
    assert "t0k3n" not in str(caught.value) + repr(HostFiles(token="t0k3n"))


def test_a_token_does_not_go_out_in_the_clear() -> None:
    with pytest.raises(CacheUnusable, match="in the clear"):
        HttpPlace("http://example.invalid/cache", HostFiles(token="secret")).sizes(["b"])


def test_a_token_for_this_machine_does_not_go_to_a_proxy(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{web.port}")
    with pytest.raises(CacheUnusable, match="in the clear"):
        place(web, token="secret").sizes(["b"])
    assert web.requests == []
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert place(web, token="secret").sizes(["b"]) == {"b": 3}


def test_letters_that_are_none_of_ascii_are_sent_as_numbers(web: Web) -> None:
    names = []

    def lead(handler: Handler) -> bool:
        names.append(handler.path)
        if "x" in handler.path:
            return handler.answer(200, b"1")
        return handler.answer(302, Location="/x y/\u00e9")

    web.instead = lead
    assert HttpPlace(f"http://127.0.0.1:{web.port}/\u00e9%20").get(["b"], 9) == {"b": b"1"}
    assert names == ["/%C3%A9%20/b", "/x%20y/%E9"]


def test_a_url_with_a_space_says_how_to_write_it() -> None:
    with pytest.raises(UsageError) as caught:
        HttpPlace("http://127.0.0.1/my cache")
    assert "%20" in str(caught.value.hint)


@pytest.mark.parametrize(
    "url", ["http://me:secret@host/", "http://host/?key=secret", "http://[secret/", "http://"]
)
def test_a_url_with_a_secret_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        HttpPlace(url)
    assert "secret" not in f"{caught.value}".replace("no secret stands", "")


def test_redirects_are_followed_but_not_for_good(web: Web) -> None:
    def lead(handler: Handler) -> bool:
        if handler.name == "z":
            handler.answer(302, Location="b")
        elif handler.name == "loop":
            handler.answer(307, Location="/cache/loop")
        return handler.name in ("z", "loop")

    web.instead = lead
    assert place(web).get(["z"], 10) == {"z": b"123"}
    with pytest.raises(CacheUnusable, match="redirected more than 5 times") as caught:
        place(web).get(["loop"], 10)
    assert "browser" in str(caught.value.hint)  # and TLS has nothing to do with it
    with pytest.raises(CacheUnusable, match="answers a PUT with a redirect"):
        place(web).put("z", b"1")


@pytest.mark.parametrize(
    ("url", "where"), [("https://h/a", "http://h/a"), ("http://h/a", "file:///etc/passwd")]
)
def test_a_redirect_never_leads_to_something_worse(web: Web, url: str, where: str) -> None:
    with pytest.raises(Exception, match="redirected"):
        place(web)._redirected(url, where)


def test_a_server_elsewhere_may_not_lead_to_this_machine(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lead(handler: Handler) -> bool:
        where = f"http://localhost:{web.port}/cache/b"
        return handler.name == "z" and handler.answer(302, Location=where)

    web.instead = lead
    there = place(web)
    assert there.get(["z"], 10) == {"z": b"123"}  # this machine may lead to itself
    monkeypatch.setattr(wire, "is_inside", lambda _peer: False)
    with pytest.raises(CacheUnusable, match="this machine itself"):
        place(web).get(["z"], 10)


@pytest.mark.parametrize(
    ("status", "hint"),
    [(405, "dav_methods"), (413, "client_max_body_size"), (500, "try again"), (301, "https:")],
)
@pytest.mark.usefixtures("quick")
def test_a_refused_put_says_what_the_server_needs(web: Web, status: int, hint: str) -> None:
    def refuse(handler: Handler) -> bool:
        if handler.command == "PUT":
            handler.close_connection = True
            handler.answer(status, Location="https://elsewhere.invalid/")
        return handler.command == "PUT"

    web.instead = refuse
    with pytest.raises(CacheUnusable) as caught:
        place(web).put("n", bytes(8 << 20))
    assert hint in str(caught.value.hint)


NONSENSE: list[Callable[[Handler], object]] = [
    lambda handler: handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    lambda handler: handler.wfile.write(
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"
    ),
    lambda handler: handler.wfile.write(b"HTTP/1.1 206 OK\r\nContent-Range: bytes 7-8/9\r\n\r\n"),
    lambda handler: handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000),
]


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_nonsense_is_no_answer(web: Web, nonsense: Callable[[Handler], object]) -> None:
    def speak(handler: Handler) -> bool:
        nonsense(handler)
        handler.close_connection = True
        return True

    web.instead = speak
    with pytest.raises(CacheUnusable):
        list(place(web).read("a", 5, 10))


def test_a_proxy_of_the_environment_is_used(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://me:geheim@127.0.0.1:{web.port}")
    web.instead = lambda handler: handler.answer(200, handler.path.encode())
    there = HttpPlace("http://elsewhere.invalid/cache")
    for _ in range(2):
        assert there.get(["b"], 99) == {"b": b"http://elsewhere.invalid/cache/b"}
    assert len({request.connection for request in web.requests}) == 1
    assert web.requests[0].headers["Proxy-Authorization"] == "Basic bWU6Z2VoZWlt"
    web.instead = lambda handler: handler.answer(407)
    with pytest.raises(CacheUnusable) as caught:
        there.get(["b"], 99)
    assert "geheim" not in f"{caught.value}{caught.value.hint}"
    assert "$http_proxy" in str(caught.value.hint)
