"""Fetching a source: the trusted side of the store, which alone uses the network.

A source is known by its SHA-256 beforehand, so no server is trusted; one that sends something else
only costs time. Downloads go on where a killed one stopped. Runs in a worker process: it blocks,
and may be killed at any instant.
"""

from __future__ import annotations

import errno
import functools
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from store.build.locate import Machine, check_locator, targets
from store.build.partial import Part
from store.build.transport import Client, Page, Permanent, Target, Transient, without_credentials
from store.errors import FetchFailed, HashMismatch, InvalidName, Offline, StoreFull

CHUNK = 1 << 18  # bytes read at a time
REPORT_INTERVAL = 0.2  # seconds between two reports of one download
RESUME_WAIT = 0.1  # seconds before a broken connection is made again
LONGEST_WAIT = 30.0  # seconds between two tries
PAGE_TRIES = 3
NEEDS_NETWORK = "needs the network"

_HINTS = {
    "debian": "mirrors come from apt's configuration, after those that $STORE_DEBIAN_MIRROR names",
    "pypi": "indexes come from pip's configuration (`pip config list`, or $PIP_INDEX_URL)",
    "http": "a proxy is taken from $http_proxy and $https_proxy",
}


@dataclass(frozen=True)
class FetchProgress:
    """How far a download is: ``received`` bytes from the start, of ``total`` where it is known."""

    name: str
    url: str
    received: int
    total: int | None


@dataclass(frozen=True)
class FetchResult:
    """A checked file at ``path`` (mode 0444, the caller's to remove) of ``bytes`` bytes.

    ``locator`` is the one that gave it, None when it was there already.
    """

    path: str
    locator: str | None
    bytes: int
    seconds: float


Report = Callable[[FetchProgress], None]


def fetch(
    name: str,
    sha256: str,
    locators: Sequence[str],
    *,
    partial_dir: str,
    bad_dir: str,
    report: Report | None = None,
    offline: bool = False,
    apt_mirror: str | None = None,
    retries: int = 4,
    timeout: float = 60.0,
) -> FetchResult:
    """Get the file whose SHA-256 is ``sha256`` (hex) from the first locator that has it.

    ``apt_mirror`` stands in for $STORE_DEBIAN_MIRROR; ``retries`` is how often every URL is tried
    again after errors that may pass; ``timeout``, in seconds, is for each wait on the network.
    Raises HashMismatch, FetchFailed, Offline, StoreFull, InvalidName.
    """
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise InvalidName(f"{sha256!r} is not a SHA-256 in lower-case hexadecimal")
    for locator in locators:
        check_locator(locator)
    started = time.monotonic()
    os.makedirs(partial_dir, exist_ok=True)
    os.makedirs(bad_dir, exist_ok=True)
    with _disk_errors(partial_dir), Part(partial_dir, sha256) as part:
        search = _Search(name, part, Machine(apt_mirror), report, bad_dir=bad_dir, timeout=timeout)
        path, found = part.adopt_finished(), None
        if path is None and not part.is_right():
            found = search.run(locators, retries=retries, offline=offline)
        if path is None:
            path = part.finish()
        size = os.stat(path).st_size
    return FetchResult(path, found, size, time.monotonic() - started)


@contextmanager
def _disk_errors(folder: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise StoreFull(
            f"no space left for a download in {folder}",
            hint="`store gc` frees space; what has come so far is kept and not fetched again",
        ) from error


class _Search:
    """Tries the URLs of one source until its bytes are there."""

    def __init__(
        self,
        name: str,
        part: Part,
        machine: Machine,
        report: Report | None,
        *,
        bad_dir: str,
        timeout: float,
    ) -> None:
        self._name = name
        self._part = part
        self._machine = machine
        self._report = report
        self._bad_dir = bad_dir
        self._timeout = timeout
        self._reported = 0.0
        self._reasons: dict[str, str] = {}  # by URL or locator: why it did not serve
        self._mismatch: HashMismatch | None = None
        self._clients: dict[tuple[str, ...], Client] = {}

    def run(self, locators: Sequence[str], *, retries: int, offline: bool) -> str | None:
        """Fill the part, and give the locator that served (None: another caller's download did).

        A URL that fails in a way that may pass is tried again after all others, not at once: a
        mirror that is down costs no waiting while another one is up.
        """
        pending: Iterable[tuple[str, Target]] = self._all_targets(locators, offline)
        wait = 0.0
        for round_number in range(retries + 1):
            if round_number:
                time.sleep(min(LONGEST_WAIT, max(wait, 0.5 * 2 ** (round_number - 1))))
            again: list[tuple[str, Target]] = []
            for locator, target in pending:
                try:
                    if self._download(locator, target):
                        return locator
                except Permanent as error:
                    self._reasons[target.shown] = str(error)
                except Transient as error:
                    self._reasons[target.shown] = str(error)
                    wait = error.after
                    again.append((locator, target))
                if self._part.is_right():  # another caller's, after a mismatch of ours
                    return None
            if not again:
                break
            pending = again
        raise self._failure(locators, offline)

    def _all_targets(self, locators: Sequence[str], offline: bool) -> Iterator[tuple[str, Target]]:
        for locator in locators:
            client = self._client(locator)
            read = functools.partial(_local_page if offline else _page, client)
            for target in targets(locator, self._machine, read, self._note):
                if offline and not target.is_local:
                    self._note(target.shown, NEEDS_NETWORK)
                else:
                    yield locator, target

    def _note(self, where: str, reason: str) -> None:
        self._reasons[without_credentials(where)] = reason

    def _client(self, locator: str) -> Client:
        """The client with the certificates that count for ``locator``."""
        ca_files = () if locator.startswith("file:") else self._machine.ca_files(locator)
        if ca_files not in self._clients:
            self._clients[ca_files] = Client(timeout=self._timeout, ca_files=ca_files)
        return self._clients[ca_files]

    def _download(self, locator: str, target: Target) -> bool:
        """Whether ``target`` gave the right bytes. Asks again as long as each answer adds some."""
        part, farthest, mixed = self._part, self._part.size, self._part.size > 0
        while True:
            try:
                self._receive(locator, target)
            except Transient:
                if part.size <= farthest:
                    raise
                farthest, mixed = part.size, True
                time.sleep(RESUME_WAIT)
                continue
            if part.is_right():
                return True
            if not mixed:
                break
            # Bytes of several answers: perhaps of several files. Once more, all from this one.
            part.restart()
            farthest, mixed = 0, False
        self._mismatch_of(locator, target)
        return False

    def _mismatch_of(self, locator: str, target: Target) -> None:
        part, actual = self._part, self._part.hexdigest()
        kept = part.set_aside(self._bad_dir, self._name)
        self._reasons[target.shown] = f"has the SHA-256 {actual}"
        where = locator if locator == target.url else f"{locator} ({target.shown})"
        if self._mismatch is None:
            self._mismatch = HashMismatch(self._name, where, part.sha256, actual, kept)

    def _receive(self, locator: str, target: Target) -> None:
        """One connection: add what it brings to the part. Raises Transient, Permanent."""
        part = self._part
        with self._client(locator).open(target, part.size) as body:
            if body.offset != part.size:
                part.restart()
            while chunk := body.read(CHUNK):
                part.append(chunk)
                self._tell(target, body.total)
            if body.total is not None and part.size < body.total:
                raise Transient(f"the connection ended after {part.size} of {body.total} bytes")
            self._tell(target, body.total, last=True)

    def _tell(self, target: Target, total: int | None, *, last: bool = False) -> None:
        now = time.monotonic()
        if self._report and (last or now - self._reported >= REPORT_INTERVAL):
            self._reported = now
            self._report(FetchProgress(self._name, target.shown, self._part.size, total))

    def _failure(self, locators: Sequence[str], offline: bool) -> Exception:
        if self._mismatch is not None:
            return self._mismatch
        kinds = dict.fromkeys(_kind(locator) for locator in locators)
        hint = "; ".join(_HINTS[kind] for kind in kinds if kind in _HINTS) or None
        if offline and NEEDS_NETWORK in self._reasons.values():
            return Offline(
                f"{self._name} is not here, and fetching is switched off; it would come from "
                + ", ".join(locators),
                hint="run once without --offline",
            )
        reasons = list(self._reasons.items()) or [("locators", "the source has none")]
        return FetchFailed(self._name, reasons, hint=hint)


def _page(client: Client, target: Target, accept: str) -> Page:
    for attempt in range(1, PAGE_TRIES):
        try:
            return client.page(target, accept)
        except Transient as error:
            time.sleep(min(LONGEST_WAIT, max(error.after, 0.5 * attempt)))
    return client.page(target, accept)


def _local_page(client: Client, target: Target, accept: str) -> Page:
    if not target.is_local:
        raise Permanent(NEEDS_NETWORK)
    return client.page(target, accept)


def _kind(locator: str) -> str:
    scheme = locator.partition(":")[0]
    return "http" if scheme == "https" else scheme
