"""The context of every command: a session with the store and the recipes that the options name."""

from __future__ import annotations

import os
import sys
from functools import cached_property
from typing import TYPE_CHECKING

from store.display import printable, quoted
from store.errors import UsageError
from store.layout.paths import Layout
from store.model.names import ObjectId
from store.operations.session import Absent, Session

if TYPE_CHECKING:
    from store.local.store import Store
    from store.model.catalogue import Catalogue
    from store.operations.lookup import Lookup


class Context:
    """Lazily opened: a command that needs no store opens none."""

    def __init__(
        self, root: str | None, recipes: str | None, debug: bool, seed: str | None = None
    ) -> None:
        self._session = Session(root, recipes, seed, absent="refuse", said=_say)
        self.debug = debug

    @cached_property
    def session(self) -> Session:
        """The session, whose evaluations take as long as the environment allows. Raises UsageError
        where that is no duration."""
        self._session.evaluation_seconds = _evaluation_seconds()
        return self._session

    @property
    def root(self) -> str:
        """The store's folder."""
        return self._session.root

    @property
    def recipes(self) -> str:
        """The folder of recipes."""
        return self._session.recipes

    @property
    def seed(self) -> str:
        """The chosen seed."""
        return self._session.seed

    @seed.setter
    def seed(self, seed: str) -> None:
        self._session.seed = seed

    @property
    def collecting(self) -> bool:
        """True if the command frees space, and opens a store on a full disk too."""
        return self._session.collecting

    @collecting.setter
    def collecting(self, collecting: bool) -> None:
        self._session.collecting = collecting

    @property
    def absent(self) -> Absent:
        """The action where there is no store."""
        return self._session.absent

    @absent.setter
    def absent(self, absent: Absent) -> None:
        self._session.absent = absent

    @cached_property
    def store(self) -> Store:
        """The store. Raises NoStore, and what ``Store.open`` raises."""
        _say_of_links(self.root)
        store = self._session.store
        if store.layout.root == self.root:  # and not one that is there for the look of it
            _warn_of_way(store.layout)
        return store

    def check_store(self) -> None:
        """Raise NoStore unless there is a store, or the command makes one."""
        self._session.check_store()

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue of the recipes, on the chosen seed."""
        return self.session.catalogue

    def catalogue_on(self, seed: str) -> Catalogue:
        """Return the catalogue of the recipes on this seed; EvaluationError when there is no such
        seed."""
        return self.session.catalogue_on(seed)

    def object(self, text: str) -> ObjectId:
        """Return the object that a path, a digest, the beginning of one, a link, or a package
        means.

        UnknownObject when the store does not hold it; NotRealised for a package.
        """
        return self._lookup.object(text)

    def registered(self, text: str) -> ObjectId:
        """Act as :meth:`object`; a path also means an object that is damaged, or missing on
        disk."""
        return self._lookup.registered(text)

    def objects(self, text: str) -> list[ObjectId]:
        """Act as :meth:`object`; a package with ``^`` may mean several outputs."""
        return self._lookup.objects(text)

    def within(self, text: str) -> tuple[ObjectId, bytes]:
        """Return the object that the beginning of a text means, as :meth:`object`, and the path
        below it."""
        return self._lookup.within(text)

    def package_object(self, text: str, node: bytes, output: str) -> ObjectId:
        """Return the object that a package's output is realised to; NotRealised when it is not
        yet."""
        return self._lookup.package_object(text, node, output)

    @property
    def _lookup(self) -> Lookup:
        self.store  # noqa: B018 (it warns of where it is)
        return self.session.lookup


def _say_of_links(root: str) -> None:
    """Say why opening a store of an earlier version takes long."""
    links = Layout(root).links
    if os.path.lexists(links) and os.lstat(links).st_uid == os.geteuid():
        print("store: removing the second names of files, once…", file=sys.stderr)


def _warn_of_way(layout: Layout) -> None:
    """Say so where others could put a store of theirs in the place of this one."""
    from store.layout.opening import open_way

    if (path := open_way(layout)) is not None:
        print(
            "store: warning: other users can put another store in the place of "
            f"{printable(layout.root)}: {printable(path)} is theirs, or they can write to it",
            file=sys.stderr,
        )


def _evaluation_seconds() -> float | None:
    """Return ``$STORE_EVALUATION_TIMEOUT``; None where it is not set. Raises UsageError."""
    given = os.environ.get("STORE_EVALUATION_TIMEOUT")
    if not given:
        return None
    from store.gc.settings import parse_duration

    seconds = parse_duration(given)
    if not seconds:
        raise UsageError(
            f"STORE_EVALUATION_TIMEOUT is no duration: {quoted(given)}",
            hint="one is 90, 90s, 10m or 2h",
        )
    return seconds


def _say(line: str) -> None:
    """Print a line of recipes on standard error: standard output is for results."""
    print(f"recipes: {printable(line)}", file=sys.stderr)
