"""Names of objects for people: by the recipes where they evaluate, and by their makers."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

from store.errors import StoreError, UnknownObject
from store.graph.resolver import Resolver
from store.local.store import Store
from store.model.derivation import kind as node_kind
from store.model.realisation import Realisation
from store.operations.session import Session
from store.usage.shares import NOBODY, Share

LEVELS = {"fetch": "sources", "builtin": "unpacked"}
"""The kind of an object by its build, when no recipe says more."""

IMAGES = "images"
"""The kind of images."""

DEAD = "dead"
"""The kind of objects that nothing keeps."""


@dataclass(frozen=True)
class Labels:
    """``kinds`` says what each object is, such as the stage that it is of; ``names`` by what a user
    knows it, where that is not the object's own name."""

    kinds: Mapping[bytes, str]
    names: Mapping[bytes, str]

    def kind(self, share: Share) -> str:
        """Return the group that an object is drawn in."""
        return DEAD if share.owner == NOBODY else self.kinds.get(share.id.digest, "other")

    def name(self, share: Share) -> str:
        """Return the label of an object."""
        return self.names.get(share.id.digest, share.id.name)


def labels_of(session: Session) -> Labels:
    """Return labels for the objects of a session's store. Recipes that do not evaluate say
    nothing."""
    kinds, names = _made(session.store), {}
    try:
        known = _recipes(session)
    except StoreError:
        known = {}
    for digest, package in known.items():
        stage, dot, _ = package.partition(".")
        names[digest] = package
        if dot:
            kinds[digest] = {"seed": "seeds", "source": "sources"}.get(stage, stage)
    return Labels(kinds, names)


def _made(store: Store) -> dict[bytes, str]:
    kinds = {oid.digest: "added" for oid, _ in store.objects.all()}
    for record in store.realisations.all():
        if record.object.digest in kinds:
            kinds[record.object.digest] = _kind(store, record)
    return kinds


def _kind(store: Store, record: Realisation) -> str:
    """Return the kind of an object that was made so. An unpacked archive is the other builtin."""
    if record.level == "builtin":
        with contextlib.suppress(UnknownObject):  # of a record without its derivation
            if node_kind(store.realisations.node(record.key)) == "image":
                return IMAGES
    return LEVELS.get(record.level, "built")


def _recipes(session: Session) -> dict[bytes, str]:
    """Return packages by the objects that they are realised to; of twins in two stages, the
    first."""
    catalogue = session.catalogue
    resolver = Resolver(session.store, catalogue)
    resolver.identify(package.node for package in catalogue.packages.values())
    found: dict[bytes, str] = {}
    # A name with its stage says more than one without.
    for name in sorted(catalogue.packages, key=lambda name: ("." not in name, name)):
        with contextlib.suppress(KeyError):  # not realised yet
            for output, oid in resolver.objects(catalogue.packages[name].node).items():
                found.setdefault(oid.digest, name if output == "out" else f"{name}^{output}")
    return found
