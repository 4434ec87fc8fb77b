"""What every command needs: the store, the catalogue, and objects by whatever name a user gives."""

from __future__ import annotations

import os
import re
import sys
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from store.digest import ALPHABET
from store.errors import (
    EvaluationError,
    FormatError,
    InvalidName,
    NoStore,
    NotRealised,
    UnknownObject,
    UnknownPackage,
    UsageError,
    printable,
    quoted,
)
from store.layout.paths import Layout, default_recipes, default_root
from store.model.names import STORE_DIR, ObjectId
from store.system.home import expand_home

if TYPE_CHECKING:
    from store.local.store import Store
    from store.model.catalogue import Catalogue
    from store.recipes.catalogues import Unkept

DEFAULT_SEED = "debian"

Absent = Literal["refuse", "make", "empty"]
"""Where there is no store: an error; a new one; or an empty one in its stead, which nobody sees."""

# Compiled where they are used: that takes longer than all else that is done with them.
_SEED = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"

_DIGEST = f"[{ALPHABET}]{{4,32}}(-.*)?"


class Context:
    """Lazily opened: a command that needs no store opens none."""

    def __init__(
        self, root: str | None, recipes: str | None, debug: bool, seed: str | None = None
    ) -> None:
        self.root = os.path.abspath(expand_home(root)) if root else default_root()
        self.recipes = os.path.abspath(expand_home(recipes)) if recipes else default_recipes()
        self.debug = debug
        self.collecting = False
        self.absent: Absent = "refuse"
        self._unkept: list[Unkept] = []
        self.seed = seed or os.environ.get("STORE_SEED") or DEFAULT_SEED

    @cached_property
    def store(self) -> Store:
        """The store. A command that frees space sets ``collecting`` before, and so can open a
        store on a full disk; ``absent`` says what happens where there is none.

        Raises NoStore, and what ``Store.open`` raises.
        """
        from store.local.store import Store

        if self.absent == "empty" and not may_be_store(self.root):
            return _open_empty()
        self.check_store()
        _say_of_links(self.root)
        store = Store.open(self.root, collecting=self.collecting)
        while self._unkept:  # evaluated before there was a store
            self._unkept.pop().keep()
        _warn_of_way(store.layout)
        return store

    def check_store(self) -> None:
        """Raise NoStore unless there is a store, or the command makes one."""
        if self.absent != "make" and not may_be_store(self.root):
            raise NoStore(self.root)

    @cached_property
    def catalogue(self) -> Catalogue:
        """What the recipes evaluate to, on the chosen seed."""
        return self.catalogue_on(self.seed)

    def catalogue_on(self, seed: str) -> Catalogue:
        """What the recipes evaluate to on this seed; EvaluationError when there is none such."""
        if not re.fullmatch(_SEED, seed):
            raise EvaluationError(f"{quoted(seed)} cannot name a seed")
        from store.recipes import catalogues

        # A package may be misspelt: that alone makes no store.
        layout = self.store.layout if may_be_store(self.root) else Layout(self.root)
        return catalogues.load(
            f"{layout.index}/catalogue-{seed}",
            self.recipes,
            seed,
            seconds=_evaluation_seconds(),
            said=_say,
            unkept=self._unkept,
        )

    def object(self, text: str) -> ObjectId:
        """The object that a path, a digest, the beginning of one, a link, or a package means.

        UnknownObject when the store does not hold it; NotRealised for a package.
        """
        oid = self._by_path(text) or self._by_digest(text)
        if oid is not None:
            return oid
        try:
            ref = self.catalogue.ref(text)
        except UnknownPackage as error:
            near = f"; did you mean {', '.join(error.near)}?" if error.near else ""
            raise UnknownObject(
                f"{quoted(text)} is neither an object of this store nor a package{near}",
                hint="give a path below /store, the beginning of a digest, or a package",
            ) from None
        return self.package_object(text, ref.node, ref.output)

    def objects(self, text: str) -> list[ObjectId]:
        """As :meth:`object`; a package with ``^`` may mean several outputs."""
        if "^" not in text or "/" in text:
            return [self.object(text)]
        return [
            self.package_object(text, ref.node, ref.output) for ref in self.catalogue.refs(text)
        ]

    def package_object(self, text: str, node: bytes, output: str) -> ObjectId:
        """The object that a package's output is realised to; NotRealised when it is not yet."""
        from store.graph.knowledge import Knowledge

        knowledge = Knowledge(self.store, self.catalogue)
        knowledge.identify([node])
        try:
            oid = knowledge.objects(node)[output]
        except KeyError:
            oid = None
        if oid is None or not self.store.present(oid):
            raise NotRealised(text)
        return oid

    def _by_path(self, text: str) -> ObjectId | None:
        objects = self.store.layout.objects
        # A link may lead through another: the one that was left where the store stood before.
        prefixes = (STORE_DIR, objects, os.path.realpath(objects))
        for path in _places(text):
            for prefix in prefixes:
                if path.startswith(prefix + "/"):
                    return self._present(path[len(prefix) + 1 :].partition("/")[0])
        return None

    def _present(self, name: str) -> ObjectId:
        try:
            oid = ObjectId.parse(name)
        except (FormatError, InvalidName):
            raise UnknownObject(f"this store holds no object {quoted(name)}") from None
        if not self.store.present(oid):
            raise UnknownObject(f"this store holds no object {oid}")
        return oid

    def _by_digest(self, text: str) -> ObjectId | None:
        if not re.fullmatch(_DIGEST, text):
            return None
        found = self.store.find(text.partition("-")[0])
        if len(found) > 1:
            names = ", ".join(map(str, found[:5]))
            raise UnknownObject(f"{quoted(text)} begins several digests: {names}")
        return found[0] if found else None


def may_be_store(root: str) -> bool:
    """Whether anything of a store is at ``root``, or that cannot be seen."""
    layout = Layout(root)
    for path in (layout.index, layout.objects):
        try:
            os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            pass
        return True
    return False


def _say_of_links(root: str) -> None:
    """Say why opening a store of an earlier version takes long."""
    if os.path.lexists(Layout(root).links):
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


def _open_empty() -> Store:
    """A store that is removed already; its open index serves until the process ends."""
    import tempfile

    from store.local.store import Store

    with tempfile.TemporaryDirectory(prefix="fixpoint-") as folder:
        return Store.open(f"{folder}/store")


def _evaluation_seconds() -> float | None:
    """``$STORE_EVALUATION_TIMEOUT``; None where it is not set. Raises UsageError."""
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
    """A line that recipes printed: standard output is for results."""
    print(f"recipes: {printable(line)}", file=sys.stderr)


def _places(text: str) -> list[str]:
    """What a text may mean as a path: as it stands, and where it leads. A name without a slash is
    one only if a link is called that."""
    if "/" not in text:
        return [os.path.realpath(text)] if os.path.islink(text) else []
    return [os.path.abspath(text), os.path.realpath(text)]
