"""Fetching a source: the trusted side of the store, which alone uses the network.

A source is known by its SHA-256 beforehand, so no server is trusted; one that sends something else
only costs time. Downloads go on where a killed one stopped. Runs in a worker process: it blocks,
and may be killed at any instant.
"""

from __future__ import annotations

import functools
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from store.display import quoted
from store.errors import InvalidName, StoreError
from store.fetch import failures
from store.fetch.bounds import SIZE_VARIABLE, Bounds, SilentServer
from store.fetch.locate import Machine, targets
from store.fetch.partial import PartialFile, disk_errors, private_folder
from store.fetch.transport import Body, Client, Page, Permanent, Slow, Target, Transient
from store.job_errors import DiskReserve, FetchFailed, FetchSilent, HashMismatch, Offline
from store.model.locators import PROJECT, check_locator, scrubbed, shown, with_lower_scheme

CHUNK = 1 << 18  # bytes read at a time
REPORT_INTERVAL = 0.2  # seconds between two reports of one download
RESUME_WAIT = 0.1  # seconds before a broken connection is made again
LONGEST_WAIT = 30.0  # seconds between two tries
PAGE_TRIES = 3
PROGRESS = 1 << 20  # bytes of a broken connection that count as progress
MOST_BROKEN = 8  # broken connections without progress, of one visit to one URL
MOST_HINTS = 3
NEEDS_NETWORK = "needs the network"

_HINTS = {
    "debian": "mirrors come from apt's configuration, after those that $STORE_DEBIAN_MIRROR names",
    "pypi": "indexes come from pip's configuration (`pip config list`, or $PIP_INDEX_URL)",
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

    ``locator`` is the one that gave it, without secrets; None when it was there already.
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
    reserve: int = 0,
    bounds: Bounds | None = None,
    alive: Callable[[], None] = lambda: None,
) -> FetchResult:
    """Get the file whose SHA-256 is ``sha256`` (hex) from the first locator that has it.

    ``apt_mirror`` stands in for $STORE_DEBIAN_MIRROR; ``retries`` is how often every URL is tried
    again after errors that may pass; ``reserve`` bytes of the disk stay free. ``alive`` is called
    while servers are asked and answer.
    Raises HashMismatch, FetchFailed, FetchSilent, Offline, StoreFull, DiskReserve, StorageError,
    InvalidName.
    """
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise InvalidName(f"{quoted(sha256)} is not a SHA-256 in lower-case hexadecimal")
    started = time.monotonic()
    with (
        private_folder(partial_dir) as folder,
        private_folder(bad_dir) as bad,
        PartialFile(folder, partial_dir, sha256, reserve) as part,
    ):
        search = _Search(
            name,
            part,
            Machine(apt_mirror),
            report,
            bad=bad,
            bad_dir=bad_dir,
            bounds=bounds or Bounds(),
            alive=alive,
        )
        path, found = part.adopt_finished(), None
        if path is None and not part.is_right():
            found = search.run(locators, retries=retries, offline=offline)
        size = part.size
        if path is None:
            path = part.finish()
        else:
            with disk_errors(partial_dir):
                size = os.stat(path).st_size
    return FetchResult(
        path, None if found is None else shown(found), size, time.monotonic() - started
    )


class _Search:
    """Tries the URLs of one source until its bytes are there.

    All that goes wrong at one URL is a reason to try the next. Only errors of the disk, which are
    StoreErrors, end the search.
    """

    def __init__(
        self,
        name: str,
        part: PartialFile,
        machine: Machine,
        report: Report | None,
        *,
        bad: int,
        bad_dir: str,
        bounds: Bounds,
        alive: Callable[[], None],
    ) -> None:
        self._name = name
        self._part = part
        self._machine = machine
        self._report = report
        self._bad = bad  # open, and its path
        self._bad_dir = bad_dir
        self._bounds = bounds
        self._alive = alive
        self._deadline = time.monotonic() + bounds.whole
        self._reported = 0.0
        self._reasons: dict[str, str] = {}  # by URL or locator: why it did not serve
        self._silent: set[str] = set()  # those of them that said nothing for too long
        self._hints: dict[str, None] = {}  # in the order in which they were met
        self._mismatch: HashMismatch | None = None
        self._no_room: DiskReserve | None = None
        self._clients: dict[tuple[str, ...], Client] = {}

    def run(self, locators: Sequence[str], *, retries: int, offline: bool) -> str | None:
        """Fill the part, and give the locator that served (None: another caller's download did).

        A URL that fails in a way that may pass is tried again after all others, not at once: a
        mirror that is down costs no waiting while another one is up. One that was too slow is
        tried again once.
        """
        pending: Iterator[tuple[str, Target]] = self._all_targets(locators, offline)
        slow: set[Target] = set()
        for round_number in range(retries + 1):
            again: list[tuple[str, Target]] = []
            waits: list[float] = []
            for locator, target in pending:
                failure = self._try(locator, target)
                if failure is None:
                    return locator
                if self._part.is_right():  # another caller's, after a mismatch of ours
                    return None
                if isinstance(failure, Transient) and not (
                    isinstance(failure, SilentServer) or target in slow
                ):
                    again.append((locator, target))
                    waits.append(failure.after)
                if isinstance(failure, Slow):
                    slow.add(target)
            left = self._deadline - time.monotonic()
            if not again or round_number == retries or left <= 0:
                break
            pause = max(min(waits), 0.5 * 2**round_number)
            time.sleep(min(LONGEST_WAIT, left, self._bounds.silent, pause))
            pending = iter(again)
        raise self._failure(locators, offline)

    def _try(self, locator: str, target: Target) -> Exception | None:
        """Visit one URL: None when it gave the right bytes, else why not. Raises StoreError."""
        try:
            self._download(locator, target)
        except DiskReserve as error:
            # Perhaps a server without an end, or one that lies about the size.
            self._no_room = error
            failure: Permanent | Transient = Permanent(error.message)
        except StoreError:
            raise
        except Exception as error:
            failure = failures.of(error)
        else:
            return None
        reason = scrubbed(str(failure), target.url)
        self._note(target.url, reason, failure.hint)
        if isinstance(failure, SilentServer):
            self._silent.add(target.shown)
        return failure

    def _all_targets(self, locators: Sequence[str], offline: bool) -> Iterator[tuple[str, Target]]:
        for locator in locators:
            try:
                for target in self._targets(locator, offline):
                    yield locator, target
            except (StoreError, Permanent, Transient) as error:
                self._note(locator, scrubbed(str(error), locator), error.hint)
            except Exception as error:
                self._note(locator, scrubbed(str(failures.of(error)), locator))

    def _targets(self, locator: str, offline: bool) -> Iterator[Target]:
        check_locator(locator)
        client = self._client(locator)
        read = functools.partial(_local_page, client)
        if not offline:
            read = functools.partial(_page, client, self._bounds.silent)
        for target in targets(locator, self._machine, read, self._note):
            if offline and not target.is_local:
                self._note(target.shown, NEEDS_NETWORK)
            else:
                yield target

    def _note(self, where: str, reason: str, hint: str | None = None) -> None:
        self._reasons[shown(where)] = reason
        if hint:
            self._hints[hint] = None

    def _client(self, locator: str) -> Client:
        """Return the client with the certificates that count for ``locator``."""
        ca_files = (
            ()
            if with_lower_scheme(locator).startswith(("file:", PROJECT))
            else self._machine.ca_files(locator)
        )
        if ca_files not in self._clients:
            self._clients[ca_files] = Client(
                bounds=self._bounds,
                deadline=self._deadline,
                ca_files=ca_files,
                alive=self._alive,
            )
        return self._clients[ca_files]

    def _download(self, locator: str, target: Target) -> None:
        """Get the right bytes from ``target``, asking again as long as answers bring some.

        Raises Permanent, Transient, StoreError.
        """
        end = time.monotonic() + self._bounds.answer
        private = self._receive_all(locator, target, end)
        if not self._part.is_right():
            raise self._mismatch_of(locator, target, private=private)

    def _receive_all(self, locator: str, target: Target, end: float) -> bool:
        """Fill the part to the end of a file; returns whether that file is private."""
        part = self._part
        mixed, broken, restarted = part.size > 0, 0, False
        while True:
            before = part.size
            try:
                private = self._receive(locator, target)
            except Transient as error:
                if part.is_right():  # all had come before it broke
                    return False
                if isinstance(error, Slow):
                    raise
                brought = part.size - before
                broken = 0 if brought >= PROGRESS else broken + 1
                if brought <= 0 or broken >= MOST_BROKEN or time.monotonic() > end:
                    raise
                mixed = True
                time.sleep(RESUME_WAIT)
                continue
            if part.is_right() or not mixed or restarted:
                return private
            # Bytes of several answers: perhaps of several files. Once more, all from this one.
            part.restart()
            mixed, broken, restarted = False, 0, True

    def _mismatch_of(self, locator: str, target: Target, *, private: bool) -> Permanent:
        part, actual = self._part, self._part.hexdigest()
        name = part.set_aside(self._bad, self._name, private=private)
        kept = os.path.join(self._bad_dir, name)
        place = shown(locator)
        where = place if place == target.shown else f"{place} ({target.shown})"
        if self._mismatch is None:
            self._mismatch = HashMismatch(self._name, where, part.sha256, actual, kept)
        return Permanent(f"has the SHA-256 {actual}")

    def _receive(self, locator: str, target: Target) -> bool:
        """Add the bytes of one connection to the part, and return whether it is private.

        Raises Transient, Permanent, StoreError.
        """
        part = self._part
        with self._client(locator).open(target, part.size) as body:
            if body.offset != part.size:
                part.restart()
            try:
                self._check_size(body)
                while chunk := body.read(CHUNK):
                    part.append(chunk)
                    self._check_size(body)
                    self._tell(target, body.total)
            except (_TooLarge, DiskReserve):
                if body.total is None:
                    part.restart()  # there may be no end of it, and nobody will ask for the rest
                raise
            if body.total is not None and part.size < body.total:
                raise Transient(f"the connection ended after {part.size} of {body.total} bytes")
            self._tell(target, body.total, last=True)
            return body.private

    def _check_size(self, body: Body) -> None:
        size = self._part.size if body.total is None else body.total
        if size > self._bounds.size:
            raise _TooLarge(
                f"has more than {self._bounds.size} bytes, the most that a source may have",
                f"${SIZE_VARIABLE} sets another bound",
            )
        if body.total is not None and self._part.size == body.offset:
            self._part.check_room(body.total - self._part.size)

    def _tell(self, target: Target, total: int | None, *, last: bool = False) -> None:
        now = time.monotonic()
        if self._report and (last or now - self._reported >= REPORT_INTERVAL):
            self._reported = now
            self._report(FetchProgress(self._name, target.shown, self._part.size, total))

    def _failure(self, locators: Sequence[str], offline: bool) -> Exception:
        if offline and NEEDS_NETWORK in self._reasons.values():
            return Offline(
                f"{self._name} is not here, and fetching is switched off; it would come from "
                + ", ".join(map(shown, locators)),
                hint="run once without --offline",
            )
        if self._no_room is not None:
            return self._no_room
        reasons = list(self._reasons.items()) or [("locators", "the source has none")]
        if self._mismatch is not None:
            self._mismatch.tried(reasons)
            return self._mismatch
        if self._silent == self._reasons.keys():
            return FetchSilent(self._name, reasons, hint="--max-silent-time sets the bound")
        for kind in dict.fromkeys(locator.partition(":")[0] for locator in locators):
            if kind in _HINTS:
                self._hints[_HINTS[kind]] = None
        hint = "; ".join(list(self._hints)[:MOST_HINTS]) or None
        return FetchFailed(self._name, reasons, hint=hint)


class _TooLarge(Permanent):
    """More bytes than a source may have."""


def _page(client: Client, longest: float, target: Target, accept: str) -> Page:
    for attempt in range(1, PAGE_TRIES):
        try:
            return client.page(target, accept)
        except Slow:
            raise
        except Transient as error:
            time.sleep(min(LONGEST_WAIT, longest, max(error.after, 0.5 * attempt)))
    return client.page(target, accept)


def _local_page(client: Client, target: Target, accept: str) -> Page:
    if not target.is_local:
        raise Permanent(NEEDS_NETWORK)
    return client.page(target, accept)
