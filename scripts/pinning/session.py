"""The pins of a folder of recipes, and the indices that they are compared with."""

from __future__ import annotations

import contextlib
import functools
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path

from scripts.pinning import (
    bumping,
    calls,
    checking,
    drafting,
    index,
    packaged,
    python_index,
    serving,
    trees,
)
from scripts.pinning.bumping import Move
from scripts.pinning.calls import Pin
from scripts.pinning.suites import AptState
from scripts.pinning.trees import SourceTree
from store.display import printable, quoted
from store.errors import StoreError
from store.fetch.locate import Machine
from store.job_errors import FetchFailed
from store.system.home import cache_folder

_SOURCE = re.compile(r"pypi:[A-Za-z0-9][A-Za-z0-9._-]*|[a-z0-9][a-z0-9+.-]*")
MOST_TRIES = 3
"""Archives of Debian's changes that are asked for until a server has one."""

MOST_NEAR = 5
"""Names of sources that an error has."""


def say(line: str) -> None:
    """Write a line that is no finding."""
    text = "\n".join(map(printable, line.splitlines()))
    print(f"pins: {text}", file=sys.stderr, flush=True)


class Pins:
    """The pins of a folder of recipes, and the indices that they are compared with."""

    def __init__(self, recipes: Path) -> None:
        self.recipes = recipes.resolve()
        self.machine = Machine()
        self.refresh: bool | None = None  # ask for new indices: when they are old
        self.pins, self.unreadable = calls.find(self.recipes)

    def named(self, names: Sequence[str]) -> list[Pin]:
        """Return the pins that are called so, or whose module is; all without names.

        Raises StoreError for a name that is no pin's.
        """
        found = []
        for name in names:
            own = [pin for pin in self.pins if pin.name == name]
            stem = name.replace("-", "_")
            own = own or [pin for pin in self.pins if pin.module.replace("-", "_") == stem]
            if not own:
                known = {each for pin in self.pins for each in (pin.name, pin.module)}
                near = get_close_matches(name, sorted(known), 3)
                raise StoreError(
                    f"no pin is called {quoted(name)}, and no recipe with one",
                    hint=f"did you mean {', '.join(near)}?" if near else None,
                )
            found += own
        return list(dict.fromkeys(found)) if names else self.pins

    @functools.cached_property
    def sources(self) -> index.Sources:
        """The suites' indices."""
        folder = Path(cache_folder()) / "fixpoint" / "pins"
        state = AptState(folder / "apt")
        indices, warnings = state.indices(refresh=self.refresh)
        for line in warnings:
            say(line)
        return index.read(folder / "sources.db", state, indices)

    def releases(self, source: str) -> list[index.Release]:
        """Return what the suites have of a source package."""
        return self.sources.of(source)

    def project(self, file: str) -> list[python_index.PythonFile]:
        """Return the files of a Python project."""
        return python_index.files(file, self.machine)

    def listed(self, file: str) -> list[python_index.PythonFile]:
        """Return the files of a Python project; none, with a warning, where it cannot be asked."""
        try:
            return self.project(file)
        except StoreError as error:
            say(error.message)
            return []

    def target(self, pin: Pin, version: str | None) -> Move:
        """Return the move of a pin to a version, or to the newest."""
        if pin.kind == "url":
            raise StoreError(f"{pin.name} is at a URL, of which no index knows; pin it by hand")
        if pin.kind == "pypi":
            return Move(pin, bumping.python_target(pin, self.project(pin.file), version))
        return Move(pin, bumping.debian_target(pin, self.releases(pin.source), version))

    def pinned(self, source: str, version: str | None) -> drafting.Pinned:
        """Return the pins for a source that no recipe has yet. Raises StoreError for none."""
        if not _SOURCE.fullmatch(source):
            raise StoreError(
                f"{quoted(source)} is no source",
                hint="name a source package of Debian's, or pypi:PROJECT",
            )
        kind, _, project = source.partition(":")
        if kind == "pypi" and project:
            files = self.project(f"{project}-0.tar.gz")
            target = bumping.chosen(project, checking.python_candidates(files), version)
            return drafting.Pinned(kind="pypi", address=target.address, sha256=target.sha256)
        releases = self.releases(source)
        if not releases:
            near = self.sources.alike(source)[:MOST_NEAR]
            raise StoreError(
                f"no suite lists a source package {source}",
                hint=f"did you mean {', '.join(near)}?" if near else None,
            )
        return drafting.of_release(bumping.release_of(source, releases, version), releases)

    def listed_files(self, source: str) -> Iterator[tuple[str, str]]:
        """Yield the versions of a source that the suites list, each with its archive's address."""
        for release in self.releases(source):
            with contextlib.suppress(StoreError):  # one without an archive
                yield release.upstream, drafting.of_release(release).address

    def is_served(self, address: str) -> bool:
        """Return whether a server has the file that is pinned by this address."""
        archive = calls.archive_of("debian", address, "0" * 64, {})
        return serving.refusal(archive.source.locators[0], self.machine) is None

    def debians(self, pinned: drafting.Pinned, tree: SourceTree) -> packaged.Packaged:
        """Return Debian's words on a source, from its changes or from the ``tree`` of the source.

        That these cannot be had is no error.
        """
        if not pinned.changes:
            return packaged.read(tree, pinned.name)
        for address, sha256 in pinned.changes[:MOST_TRIES]:
            changes = calls.archive_of("debian_patches", address, sha256, {}, ("none",))
            with contextlib.suppress(StoreError), bumping.fetched(changes.source) as path:
                return packaged.read(trees.read(path), pinned.name)
        say("no server has Debian's words on it")
        return packaged.Packaged()


@contextmanager
def fetching(pins: Pins, source: str, tried: str) -> Iterator[None]:
    """Add the versions that a server has to the error of a file that none has; ``tried`` is the
    file's address."""
    try:
        yield
    except FetchFailed as error:
        others = {version: each for version, each in pins.listed_files(source) if each != tried}
        served = [version for version, each in others.items() if pins.is_served(each)]
        if served:
            error.hint = f"--to takes another version; a server has {', '.join(served)}"
        elif others:
            error.hint = (
                f"no server has {', '.join(others)} either, which the suites list too; "
                "`url(ADDRESS, SHA256, name=, version=)` pins a file of any other server"
            )
        raise
