"""A web server as the place of a cache: GET with ranges, HEAD, and PUT for a push."""

from __future__ import annotations

import math
import re
import threading
import time
import urllib.parse
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import BinaryIO, Final, TypeVar

from store.cache import http_client
from store.cache.http_client import MOST_CONNECTIONS, HttpAnswer, HttpClient, origin_of
from store.cache.http_url import ascii_text, parse
from store.cache.range_pace import RangePace
from store.display import printable
from store.errors import CorruptObject, StoreError, UnknownObject
from store.fetch import credentials, failures, framing, tls, wire
from store.fetch.bounds import Permanent, Slow, Transient
from store.fetch.transport import REDIRECTS
from store.job_errors import CacheUnusable
from store.model.locators import shown
from store.system import host_files
from store.system.host_files import HostFiles
from store.system.patience import SLOW_ANSWER, Patience

CHUNK: Final = 1 << 18
"""Bytes that are read at a time."""

LONGEST_WAIT: Final = 30.0
"""Seconds before the second try, at most."""

DAY: Final = 24 * 3600.0

REFRESHED: Final = 16 << 20
"""Bytes of a file that is written once more to be kept."""

USUAL_WAIT: Final = 1.0
"""Seconds before the second try, when the server does not say how many."""

MOST_REDIRECTS: Final = 5
MOST_BROKEN: Final = 3
"""Connections that break in one range, one after the other, without a byte."""

_ABSENT: Final = (404, 410)
_RANGE: Final = re.compile(
    r"\s*bytes\s+([0-9]{1,18})-(?:([0-9]{1,18})/([0-9]{1,18}|\*))?", re.IGNORECASE | re.ASCII
)
_WHERE: Final = "a browser shows where it leads"
_ELSEWHERE: Final = "push to the URL that it leads to, as an https: one"
_PLAIN: Final = "the server, and a proxy before it, has to send files as they are (nginx: gzip off)"
_NO_PUT: Final = "the server has to take PUT (nginx: dav_methods PUT), or push into its folder"
_PUT_HINTS: Final = {
    **dict.fromkeys((404, 405, 501), _NO_PUT),
    409: "the server has to make folders itself (nginx: create_full_put_path on)",
    413: "the server has to take larger files (nginx: client_max_body_size 0)",
    507: "the disk of the server is full; the next push goes on from here",
}

R = TypeVar("R")


class HttpPlace:
    """The files below ``url``. Nothing is asked yet. A server that holds this up for more seconds
    than ``patience`` is left. UsageError for a URL with a password, or with a query."""

    def __init__(
        self, url: str, granted: HostFiles | None = None, patience: float = math.inf
    ) -> None:
        told = parse(url)
        self._top = told.top
        self._client = HttpClient(told.home, granted, told.login)
        self._hint = f"put a user and password into ~/.netrc, or {host_files.hint(told.home.host)}"
        self._host = told.home.host
        self._absent: set[str] = set()
        self._failed: CacheUnusable | None = None
        self._written: dict[str, float] = {}
        self._patience = Patience(patience)
        self.ranges = True

    @property
    def name(self) -> str:
        """The URL without secrets."""
        return shown(self._top)

    def get(self, names: Collection[str], limit: int) -> Mapping[str, bytes]:
        """Return whole small files; of a longer one, ``limit + 1`` bytes. A file that was absent
        once is not asked for again."""
        asked = [name for name in names if name not in self._absent]
        found = self._each(lambda name: self._whole(name, limit + 1), asked)
        self._absent |= {name for name, data in found if data is None}
        return {name: data for name, data in found if data is not None}

    def sizes(self, names: Collection[str]) -> Mapping[str, int]:
        """Return the bytes of each file that is there."""
        return {name: size for name, size in self._each(self._size, names) if size is not None}

    def obstacle(self, name: str) -> str:
        """Return nothing: a server has files alone."""
        return ""

    def read(self, name: str, start: int, size: int) -> Iterator[bytes]:
        """Yield a part of a file; where a connection breaks, from there on. UnknownObject,
        CorruptObject."""
        broken, pace = 0, RangePace(http_client.BOUNDS)
        while size:
            try:
                for data in pace.timed(self._part(name, start, size)):
                    start, size, broken = start + len(data), size - len(data), 0
                    yield data
            except _Broken as error:
                broken += 1
                if broken == MOST_BROKEN or isinstance(error.failure, Slow):
                    raise self._unusable(error.failure) from error
            try:
                pace.check()
            except Slow as error:
                raise self._unusable(error) from error

    def put(self, name: str, data: bytes | BinaryIO) -> None:
        """Write a file whole."""
        with self._asked("PUT", name, {}, data) as answer:
            if answer.status not in (200, 201, 204):
                raise self._refused(answer, putting=True)
        self._absent.discard(name)

    def refresh(self, names: Collection[str]) -> None:
        """Write the same files once more, which a day ago or longer were written last."""
        limit = time.time() - DAY
        old = [name for name in names if self._written.get(name, limit) < limit]
        for name, data in self.get(old, REFRESHED).items():
            if len(data) <= REFRESHED:
                self.put(name, data)

    def sync(self) -> None:
        """Do nothing: the server alone can wait for its disk."""

    def close(self) -> None:
        """Close idle connections."""
        self._client.close()

    def _each(self, ask: Callable[[str], R], names: Iterable[str]) -> list[tuple[str, R]]:
        """Return the answer for each of the names, asked for at once."""
        waiting = list(dict.fromkeys(names))
        if len(waiting) < 2:
            return [(name, ask(name)) for name in waiting]
        found: list[tuple[str, R]] = []
        errors: list[BaseException] = []

        def work() -> None:
            try:
                while not errors:
                    name = waiting.pop()
                    found.append((name, ask(name)))
            except IndexError:
                pass  # there are no more
            except BaseException as error:
                errors.append(error)

        count = min(len(waiting), MOST_CONNECTIONS)
        threads = [threading.Thread(target=work, daemon=True) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
        return found

    def _whole(self, name: str, limit: int) -> bytes | None:
        for last in (False, True):
            with self._asked("GET", name, {}) as answer:
                if answer.status in _ABSENT:
                    return None
                if answer.status != 200:
                    raise self._refused(answer)
                self._check_plain(answer, name)
                self._note_time(name, answer)
                try:
                    return _read_whole(answer, limit)
                except Exception as error:
                    failure = failures.of(error, self._client.clean)
                    if last or isinstance(failure, Slow):
                        raise self._unusable(failure) from error
        raise AssertionError("there are two tries")

    def _size(self, name: str) -> int | None:
        with self._asked("HEAD", name, {}) as answer:
            if answer.status in _ABSENT:
                return None
            if answer.status != 200:
                raise self._refused(answer)
            try:
                size = framing.length(answer.headers)
            except Transient as error:
                raise self._unusable(error) from error
            self._note_time(name, answer)
            if size is None:
                raise self._unusable(Permanent("it does not say how long its files are"))
            return size

    def _note_time(self, name: str, answer: HttpAnswer) -> None:
        written = failures.seconds_of(answer.headers.get("Last-Modified", ""))
        if written is not None:
            self._written[name] = written

    def _part(self, name: str, start: int, size: int) -> Iterator[bytes]:
        """Yield the part of a file as far as the connection holds."""
        end = start + size
        headers = {"Range": f"bytes={start}-{end - 1}"}
        with self._asked("GET", name, headers) as answer:
            if answer.status in _ABSENT:
                raise UnknownObject(f"{self.name} has no {name} any more")
            if answer.status == 416:
                raise CorruptObject(f"{self.name}/{name} ends too early")
            if answer.status not in (200, 206):
                raise self._refused(answer)
            self._check_plain(answer, name)
            skip = start if answer.status == 200 else 0
            if skip:
                self.ranges = False
            begin = _RANGE.match(answer.headers.get("Content-Range", ""))
            if answer.status == 206 and (begin is None or int(begin[1]) != start):
                raise self._unusable(Permanent("it sent another range than was asked for"))
            while size:
                try:
                    data = answer.read(min(CHUNK, skip or size))
                except Exception as error:
                    raise _Broken(failures.of(error, self._client.clean)) from error
                if not data and _is_shorter(begin, end - size, end):
                    return
                if not data:
                    self._ended(answer, name)
                if skip:
                    skip -= len(data)
                    continue
                size -= len(data)
                yield data

    def _check_plain(self, answer: HttpAnswer, name: str) -> None:
        """Raise CacheUnusable for a file that comes in another form than it has, unasked."""
        form = answer.headers.get("Content-Encoding", "identity").strip().lower()
        # Servers also call so the form that a file has by itself.
        if form not in ("", "identity") and not name.endswith(".zst"):
            said = f"it sends files compressed ({failures.short(form)}), and was not asked to"
            raise self._unusable(Permanent(said, _PLAIN))

    def _ended(self, answer: HttpAnswer, name: str) -> None:
        """Raise: the body ended early, as the file does, or as its connection did."""
        if answer.is_complete:
            raise CorruptObject(f"{self.name}/{name} ends too early")
        raise _Broken(Transient("the connection ended early"))

    def _asked(
        self,
        method: str,
        name: str,
        headers: Mapping[str, str],
        body: bytes | BinaryIO | None = None,
    ) -> HttpAnswer:
        """Return the answer at the end of redirects; a second one if the first was that the server
        is busy, or the connection broke."""
        for last in (False, True):
            if self._failed is not None:
                raise self._failed
            began = time.monotonic()
            try:
                answer = self._follow(method, f"{self._top}/{name}", headers, body)
            except StoreError as error:
                raise self._unusable(Permanent(error.message, error.hint)) from error
            except Exception as error:
                failure = failures.of(error, self._client.clean)
                if tls.is_failure(error) and failure.hint in (None, failures.TRUST):
                    failure.hint = self._tls_hint(error)
                elif failure.hint is None and not isinstance(failure, Permanent):
                    failure.hint = self._later_hint()
                if last or not _is_broken(error):
                    raise self._unusable(failure) from error
                continue
            self._count(began, answer)
            passing = answer.status == 429 or answer.status >= 500
            if last or not passing or answer.status in (501, 505, 507):
                return answer
            self._wait(answer)
        raise AssertionError("there are two tries")

    def _tls_hint(self, error: Exception) -> str:
        if tls.is_distrust(error):
            return host_files.authority_hint(self._host)
        return host_files.hint(self._host)

    def _later_hint(self) -> str:
        later = "try again later"
        if self._top.startswith("http:"):
            return f"a server with TLS has an https: URL; or {later}"
        return later

    def _wait(self, answer: HttpAnswer) -> None:
        failure = failures.of_status(answer.status, answer.phrase, answer.headers)
        answer.close()
        asked = failure.after if isinstance(failure, Transient) else 0.0
        if not self._patience.pause(min(LONGEST_WAIT, asked or USUAL_WAIT)):
            raise self._unusable(failure)

    def _count(self, began: float, answer: HttpAnswer) -> None:
        """Raise CacheUnusable when answers were too slow, all together."""
        now = time.monotonic()
        if now - began >= SLOW_ANSWER and not self._patience.spend(began, now):
            answer.close()
            raise self._unusable(Slow("its answers take too long", hint=self._later_hint()))

    def _follow(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | BinaryIO | None
    ) -> HttpAnswer:
        outside = False
        for _ in range(MOST_REDIRECTS + 1):
            answer = self._client.ask(method, url, headers, body, stay_outside=outside)
            outside = outside or not wire.is_inside(answer.peer)
            where = answer.headers.get("Location")
            if answer.status not in REDIRECTS or not where:
                return answer
            answer.close()
            if method == "PUT":
                raise Permanent("it answers a PUT with a redirect", _ELSEWHERE)
            url = self._redirected(url, where)
        raise Permanent(f"redirected more than {MOST_REDIRECTS} times", _WHERE)

    def _redirected(self, url: str, where: str) -> str:
        try:
            where = ascii_text(where, "iso-8859-1")  # as its bytes were read
            target = urllib.parse.urldefrag(urllib.parse.urljoin(url, where)).url
            origin = origin_of(target)
        except (ValueError, Permanent):
            raise Permanent("redirected to no URL of a web server", _WHERE) from None
        if origin_of(url).scheme == "https" and origin.scheme != "https":
            raise Permanent("redirected from https to http, which is not followed", _WHERE)
        return credentials.split(target)[0]

    def _refused(self, answer: HttpAnswer, *, putting: bool = False) -> CacheUnusable:
        phrase = self._client.clean(answer.phrase)
        failure = failures.of_status(answer.status, phrase, answer.headers)
        if answer.status in (401, 403):
            failure.hint = self._hint
        elif putting and answer.status in _PUT_HINTS:
            failure.hint = _PUT_HINTS[answer.status]
        elif answer.status < 500 and answer.status not in (407, 429):
            failure.hint = None
        return self._unusable(failure)

    def _unusable(self, failure: Transient | Permanent) -> CacheUnusable:
        """Return the error, which all further questions get, too."""
        text = f"the cache {printable(self.name)} cannot be used: {failure}"
        self._failed = CacheUnusable(text, hint=failure.hint)
        return self._failed


class _Broken(Exception):
    """A connection broke within a body."""

    def __init__(self, failure: Transient | Permanent) -> None:
        super().__init__(str(failure))
        self.failure = failure


def _is_shorter(sent: re.Match[str] | None, reached: int, end: int) -> bool:
    """Return whether a server chose to send a shorter range than was asked for, of a longer file,
    and sent all of that."""
    if sent is None or sent[2] is None or int(sent[2]) + 1 != reached:
        return False
    return int(sent[1]) < reached < end and (sent[3] == "*" or int(sent[3]) > reached)


def _is_broken(error: Exception) -> bool:
    """Return whether a connection broke that had been made: another may hold."""
    return isinstance(error, ConnectionResetError | BrokenPipeError)


def _read_whole(answer: HttpAnswer, limit: int) -> bytes:
    pieces, left = [], limit
    while left and (data := answer.read(left)):
        pieces.append(data)
        left -= len(data)
    if left and not answer.is_complete:
        raise Transient("the connection ended early")
    return b"".join(pieces)
