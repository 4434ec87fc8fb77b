"""Facts about each pin: its suites, newer versions, and updates that its archive lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from scripts.pinning import versions
from scripts.pinning.calls import Pin, archive_of
from scripts.pinning.index import Release, kind_of
from scripts.pinning.python_index import PythonFile
from scripts.pinning.suites import STABLE
from store.errors import EvaluationError

Order: TypeAlias = tuple[Any, ...]
"""A key by which versions of one kind are compared."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A version that a pin could be moved to: the address, and the version as a recipe has it.

    ``listed`` is the version as the index lists it.
    """

    address: str
    sha256: str
    version: str
    listed: str


@dataclass(frozen=True, kw_only=True)
class Finding:
    """All about a pin. ``stable`` and ``newest`` are None where no index has its like.

    ``suites`` list this very SHA-256. ``updates`` is the number of updates that a released suite
    made to this source without another upstream version. ``served`` is None when nobody asked;
    ``refusal`` is the reason that it is not served.
    """

    pin: Pin
    stable: Candidate | None = None
    newest: Candidate | None = None
    suites: tuple[str, ...] = ()
    updates: int = 0
    by_version: bool = False
    """True for a binary package: no index that is read has its SHA-256, only its version."""
    order: tuple[Order, Order] | None = None
    """The keys of the pinned and the stable version; None where they cannot be compared."""
    served: bool | None = None
    refusal: str = ""

    @property
    def state(self) -> str:
        """``current``, ``behind`` (stable has a newer one), ``unlisted`` (no suite lists this very
        file) or ``unknown`` (no index has its like: a plain URL)."""
        if self.pin.kind == "url":
            return "unknown"
        if self.is_behind:
            return "behind"
        return "current" if self.suites else "unlisted"

    @property
    def is_behind(self) -> bool:
        """True if stable has a newer version."""
        return self.order is not None and self.order[0] < self.order[1]

    @property
    def is_good(self) -> bool:
        """True if nothing is to be done."""
        return self.state in ("current", "unknown") and self.served is not False


def check(
    pins: Iterable[Pin],
    releases: Callable[[str], list[Release]],
    projects: Callable[[str], list[PythonFile]],
) -> list[Finding]:
    """Return the facts about each pin, from the ``releases`` of a source package, and the files of
    the project that a Python archive belongs to."""
    found = []
    for pin in pins:
        if pin.kind == "url":
            found.append(Finding(pin=pin))
        elif pin.kind == "pypi":
            found.append(of_python(pin, projects(pin.file)))
        else:
            found.append(of_debian(pin, releases(pin.source)))
    return found


def of_debian(pin: Pin, releases: list[Release]) -> Finding:
    """Return what the suites' ``releases`` of its source, newest first, say of a pin."""
    if pin.file.endswith(".deb"):
        return _of_binary(pin, releases)
    kind = kind_of(pin.file)
    candidates = debian_candidates(pin, releases)
    stable = next((each for release, each in candidates if release.family == STABLE), None)
    same = [
        release
        for release in releases
        if any(file.sha256 == pin.sha256.value for file in release.files)
    ]
    updates = [versions.updates(each.version) for each in same if kind.startswith("orig")]
    pinned = _file_version(pin.file)
    return Finding(
        pin=pin,
        stable=stable,
        newest=candidates[0][1] if candidates else None,
        suites=_suites(same),
        updates=max(updates, default=0),
        order=None if stable is None else (_order(pinned, kind), _order(stable.listed, kind)),
    )


def debian_candidates(pin: Pin, releases: list[Release]) -> list[tuple[Release, Candidate]]:
    """Return the files that are to each release what the pinned one is to its own.

    Changes of Debian's fit the version that they were made for, and no other.
    """
    kind = kind_of(pin.file)
    if kind == "debian":
        pinned = upstream_of(pin.file)
        releases = [each for each in releases if each.upstream == pinned]
    return [
        (
            release,
            Candidate(
                address=release.path(file),
                sha256=file.sha256,
                version=_version(pin, release.path(file)),
                listed=release.version,
            ),
        )
        for release in releases
        if (file := release.file(kind))
    ]


def _of_binary(pin: Pin, releases: list[Release]) -> Finding:
    """Compare a binary package by its version, which is its source's."""
    pinned = _file_version(pin.file)
    same = [each for each in releases if each.version.rpartition(":")[2] == pinned]
    stable = next((each for each in releases if each.family == STABLE), None)
    return Finding(
        pin=pin,
        stable=None if stable is None else _binary(stable),
        newest=_binary(releases[0]) if releases else None,
        suites=_suites(same),
        by_version=True,
        order=None
        if stable is None
        else (versions.debian_order(pinned), versions.debian_order(_plain(stable.version))),
    )


def _binary(release: Release) -> Candidate:
    return Candidate(address="", sha256="", version=release.upstream, listed=release.version)


def _plain(version: str) -> str:
    """Return a version as a file's name has it: without an epoch."""
    return version.partition(":")[2] or version


def _order(version: str, kind: str) -> versions.DebianVersion:
    """Return the key that counts for a file: an upstream archive outlives revisions."""
    plain = _plain(version)
    if kind in ("debian", "native"):
        return versions.debian_order(plain)
    return versions.debian_order(versions.upstream(plain))


def _file_version(file: str) -> str:
    """Return the version in the name of a file of the pool, as a release would have it."""
    text = file.partition("_")[2]
    for mark in (".orig", ".debian.tar", ".tar", "_", ".deb"):
        text = text.partition(mark)[0]
    kind = kind_of(file)
    return f"{text}-0" if kind.startswith("orig") else text


def upstream_of(file: str) -> str:
    """Return the upstream version in the name of a file of the pool."""
    return versions.upstream(_file_version(file))


def _version(pin: Pin, path: str) -> str:
    """Return the version that a recipe would have with a file of the pool."""
    if path == pin.address.value:
        return pin.archive.version
    try:
        return archive_of(pin.kind, path, pin.sha256.value, {}, pin.patches).version
    except EvaluationError:
        return path


def _suites(releases: Iterable[Release]) -> tuple[str, ...]:
    return tuple(sorted({release.suite for release in releases}))


def of_python(pin: Pin, files: list[PythonFile]) -> Finding:
    """Return what an index says of a pin's project."""
    candidates = python_candidates(files)
    newest = candidates[0] if candidates else None
    listed = any(each.name == pin.file and each.sha256 in ("", pin.sha256.value) for each in files)
    orders = (
        versions.python_order(pin.archive.version),
        newest and versions.python_order(newest.version),
    )
    return Finding(
        pin=pin,
        stable=newest,
        newest=newest,
        suites=("index",) if listed else (),
        order=(orders[0], orders[1]) if orders[0] and orders[1] else None,
    )


def python_candidates(files: Iterable[PythonFile]) -> list[Candidate]:
    """Return the archives of final releases that were not withdrawn, the newest first."""
    final = [(each.order, each) for each in files if each.order is not None and not each.yanked]
    final.sort(key=lambda pair: (pair[0], pair[1].name.endswith(".tar.gz")), reverse=True)
    return [
        Candidate(address=each.name, sha256=each.sha256, version=each.version, listed=each.version)
        for _, each in final
    ]
