"""The object that a user means by a path, a digest, the beginning of one, a link, or a package."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from store.digest import ALPHABET
from store.display import quoted
from store.errors import FormatError, InvalidName, NotRealised, UnknownObject, UnknownPackage
from store.model.names import STORE_DIR, ObjectId

if TYPE_CHECKING:
    from store.local.store import Store
    from store.model.catalogue import Catalogue

# Compiled where it is used: that takes longer than all else that is done with it.
_DIGEST = f"[{ALPHABET}]{{4,32}}(-.*)?"

_LISTED = "`store list --objects` lists all objects of this store"


class Lookup:
    """Finds objects in a store by what a user says. ``catalogue`` evaluates the recipes, which only
    the name of a package needs."""

    def __init__(self, store: Store, catalogue: Callable[[], Catalogue]) -> None:
        self._store = store
        self._catalogue = catalogue

    def object(self, text: str) -> ObjectId:
        """Return the object that ``text`` means. UnknownObject when the store does not hold it;
        NotRealised for a package."""
        oid = _by_path(self._store, text) or _by_digest(self._store, text)
        if oid is not None:
            return oid
        try:
            ref = self._catalogue().ref(text)
        except UnknownPackage as error:
            near = f"; did you mean {', '.join(error.near)}?" if error.near else ""
            raise UnknownObject(
                f"{quoted(text)} is neither an object of this store nor a package{near}",
                hint="give a path below /store, the beginning of a digest, or a package",
            ) from None
        return self.package_object(text, ref.node, ref.output)

    def registered(self, text: str) -> ObjectId:
        """Act as :meth:`object`; a path also means an object that is damaged, or missing on
        disk."""
        for prefix in (STORE_DIR, self._store.layout.objects):
            if text.startswith(prefix + "/"):
                with contextlib.suppress(FormatError, InvalidName):
                    oid = ObjectId.parse(text.removeprefix(prefix + "/").partition("/")[0])
                    if oid in self._store.objects.find(oid.text):
                        return oid
        return self.object(text)

    def objects(self, text: str) -> list[ObjectId]:
        """Act as :meth:`object`; a package with ``^`` may mean several outputs."""
        if "^" not in text or "/" in text:
            return [self.object(text)]
        refs = self._catalogue().refs(text)
        return [self.package_object(text, ref.node, ref.output) for ref in refs]

    def within(self, text: str) -> tuple[ObjectId, bytes]:
        """Return the object that the beginning of ``text`` means, and the path below it: after
        ``/store/NAME/``, a link to an object, a digest or a package. Raises as :meth:`object`."""
        for head, rest in _splits(text):
            name = _object_name(self._store, head)
            if name is not None:
                return _present(self._store, name), os.fsencode(rest)
        head, _, rest = text.partition("/")
        # Of a path that leads nowhere near the store, the whole is shown.
        return self.object(text if head in ("", ".", "..") else head), os.fsencode(rest)

    def package_object(self, text: str, node: bytes, output: str) -> ObjectId:
        """Return the object that a package's output is realised to; NotRealised when it is not
        yet."""
        from store.graph.resolver import Resolver

        resolver = Resolver(self._store, self._catalogue())
        resolver.identify([node])
        try:
            oid = resolver.objects(node)[output]
        except KeyError:
            oid = None
        if oid is None or not self._store.objects.present(oid):
            raise NotRealised(text)
        return oid


def _by_path(store: Store, text: str) -> ObjectId | None:
    below = _below_store(store, text)
    return None if below is None else _present(store, below.partition("/")[0])


def _below_store(store: Store, text: str) -> str | None:
    """Return the part of a path after the store's folder; None if it leads elsewhere."""
    objects = store.layout.objects
    # A link may lead through another: the one that was left where the store stood before.
    prefixes = (STORE_DIR, objects, os.path.realpath(objects))
    for path in _places(text):
        for prefix in prefixes:
            if path.startswith(prefix + "/"):
                return path[len(prefix) + 1 :]
    return None


def _object_name(store: Store, text: str) -> str | None:
    """Return the name of the entry of the store's folder that a path means, no more and no less."""
    below = _below_store(store, text)
    return None if below is None or "/" in below else below


def _splits(text: str) -> Iterator[tuple[str, str]]:
    """Yield a text cut in two at each slash, and whole at the end; the shortest head first.

    Nothing is below a missing file, so that no longer head is tried then: there may be thousands.
    """
    in_store = os.path.abspath(text).startswith(f"{STORE_DIR}/")  # which need not be there
    for at, char in enumerate(text):
        if char == "/" and at:
            yield text[:at], text[at + 1 :]
            if not in_store and not os.path.lexists(text[:at]):
                break
    yield text, ""


def _present(store: Store, name: str) -> ObjectId:
    try:
        oid = ObjectId.parse(name)
    except (FormatError, InvalidName):
        raise UnknownObject(f"this store holds no object {quoted(name)}", hint=_LISTED) from None
    if not store.objects.present(oid):
        raise UnknownObject(f"this store holds no object {oid}", hint=_LISTED)
    return oid


def _by_digest(store: Store, text: str) -> ObjectId | None:
    if not re.fullmatch(_DIGEST, text):
        return None
    found = store.objects.find(text.partition("-")[0])
    if len(found) > 1:
        names = ", ".join(map(str, found[:5]))
        raise UnknownObject(
            f"{quoted(text)} begins several digests: {names}", hint="give more of the digest"
        )
    return found[0] if found else None


def _places(text: str) -> list[str]:
    """Return the possible meanings of a text as a path: as it stands, and its target. A name
    without a slash is one only if a link is called that."""
    if "/" not in text:
        return [os.path.realpath(text)] if os.path.islink(text) else []
    return [os.path.abspath(text), os.path.realpath(text)]
