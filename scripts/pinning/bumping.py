"""Moving a pin to another version: chosen from an index, fetched to prove that it is served, and
written into the recipe."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.pinning import calls, checking
from scripts.pinning.calls import Pin
from scripts.pinning.checking import Candidate
from scripts.pinning.index import Release
from scripts.pinning.python_index import PythonFile
from scripts.pinning.suites import STABLE
from store.display import printable
from store.errors import EvaluationError, StoreError
from store.fetch.attempts import Report, fetch
from store.model.catalogue import Catalogue
from store.model.derivation import Source
from store.system.whole_file import replace_file


@dataclass(frozen=True)
class Move:
    """A pin, and the file that it is to name from now on."""

    pin: Pin
    target: Candidate

    @property
    def changes(self) -> list[tuple[calls.Literal, str]]:
        """The literals that change, each with its new text."""
        changes = [
            (self.pin.address, self.target.address),
            (self.pin.sha256, self.target.sha256),
        ]
        if self.pin.version is not None:
            changes.append((self.pin.version, self.target.version))
        return changes

    @property
    def locator(self) -> str:
        """Where the store fetches the new file from."""
        old, new = self.pin.address.value, self.target.address
        return self.pin.locator.removesuffix(old) + new


def debian_target(pin: Pin, releases: Sequence[Release], version: str | None) -> Candidate:
    """Return the file of this ``version``, or stable's newest. Raises StoreError without one."""
    if pin.file.endswith(".deb"):
        raise StoreError(
            f"{pin.name} is a binary package, which no index of sources has",
            hint="pin another one by hand",
        )
    if version is None:
        _check_forward(checking.of_debian(pin, list(releases)))
    candidates = checking.debian_candidates(pin, list(releases))
    found = [
        (release, each)
        for release, each in candidates
        if (version is None and release.family == STABLE)
        or version in (each.version, each.listed, release.upstream)
    ]
    if not found:
        raise _none(pin.name, version, [each.version for _, each in candidates])
    # A release's files stay in the pool for years.
    found.sort(key=lambda pair: pair[0].family != STABLE)
    return found[0][1]


def python_target(pin: Pin, files: Sequence[PythonFile], version: str | None) -> Candidate:
    """Return the archive of this ``version``, or the newest release's. Raises StoreError."""
    if version is None:
        _check_forward(checking.of_python(pin, list(files)))
    return chosen(pin.name, checking.python_candidates(files), version)


def _check_forward(finding: checking.Finding) -> None:
    """Raise StoreError for a pin that is ahead of the version that it would be moved to."""
    if finding.order is not None and finding.order[0] > finding.order[1]:
        pin, stable = finding.pin, finding.stable
        assert stable is not None, "it was compared with something"
        raise StoreError(
            f"{pin.name} is pinned at {pin.archive.version}, which is newer than {stable.version}",
            hint=f"--to {stable.version} goes back to it",
        )


def chosen(name: str, candidates: Sequence[Candidate], version: str | None) -> Candidate:
    """Return the first candidate of a ``version`` (None: of any). Raises StoreError without one."""
    found = [each for each in candidates if version in (None, each.version)]
    if not found:
        raise _none(name, version, [each.version for each in candidates])
    if not found[0].sha256:
        raise StoreError(f"the index does not say the SHA-256 of {found[0].address}")
    return found[0]


def release_of(source: str, releases: Sequence[Release], version: str | None) -> Release:
    """Return the release of this ``version``, or stable's newest. Raises StoreError without one."""
    found = [
        release
        for release in releases
        if (version is None and release.family == STABLE)
        or version in (release.version, release.upstream)
    ]
    if not found:
        raise _none(source, version, [release.upstream for release in releases])
    return min(found, key=lambda release: release.family != STABLE)


def _none(name: str, version: str | None, known: Iterable[str]) -> StoreError:
    wanted = (
        f"lists {printable(name)} {printable(version)}"
        if version
        else f"of {STABLE} lists {printable(name)}"
    )
    there = ", ".join(dict.fromkeys(known))
    return StoreError(f"no index {wanted}", hint=f"there are {there}" if there else None)


def prove(moves: Iterable[Move], report: Report | None = None) -> None:
    """Download the new file of each move, and throw it away. Raises StoreError when one cannot be
    had, or is another than the index says."""
    for move in moves:
        file = move.target.address.rpartition("/")[2].replace("~", "-")
        with fetched(Source(file, move.target.sha256, (move.locator,)), report):
            pass


@contextmanager
def fetched(source: Source, report: Report | None = None) -> Iterator[Path]:
    """Fetch a file as the store does; it is removed in the end. Raises StoreError."""
    with tempfile.TemporaryDirectory(prefix="pins.") as folder:
        found = fetch(
            source.name,
            source.sha256,
            source.locators,
            partial_dir=f"{folder}/partial",
            bad_dir=f"{folder}/bad",
            report=report,
        )
        yield Path(found.path)


def apply(moves: Sequence[Move], evaluate: Callable[[], Catalogue]) -> list[str]:
    """Write moves into the recipes; returns the packages whose derivation is another one then.

    Recipes that do not evaluate with the new files get their old text again. Raises StoreError,
    also for a recipe that was changed since its pins were read: a download may take minutes.
    """
    before = evaluate()
    old = {move.pin.path: move.pin.path.read_bytes() for move in moves}
    for move in moves:
        if not all(calls.holds(old[move.pin.path], literal) for literal, _ in move.changes):
            raise StoreError(
                f"{move.pin.path} was changed in the meantime, and is left as it is",
                hint="the same command again reads it anew",
            )
    try:
        for path, data in old.items():
            here = [change for move in moves if move.pin.path == path for change in move.changes]
            replace_file(str(path), calls.rewrite(data, here), follow=True)
        return changed(before, evaluate())
    except BaseException as error:
        for path, data in old.items():
            replace_file(str(path), data, follow=True)
        if isinstance(error, EvaluationError):
            error.hint = "the recipes are as they were"
        raise


def left_behind(moves: Sequence[Move], pins: Iterable[Pin]) -> list[Pin]:
    """Return the pins of Debian's changes that were for the versions that ``moves`` leave."""
    moved = {(move.pin.path, move.pin.source): move.target.address for move in moves}
    return [
        pin
        for pin in pins
        if pin.kind == "debian_patches"
        and (address := moved.get((pin.path, pin.source)))
        and checking.upstream_of(pin.file) != checking.upstream_of(address.rpartition("/")[2])
    ]


def changed(before: Catalogue, after: Catalogue) -> list[str]:
    """Return the packages that would be built anew, by name."""
    old: Mapping[str, bytes] = {name: each.node for name, each in before.packages.items()}
    return [name for name, each in after.packages.items() if old.get(name) != each.node]
