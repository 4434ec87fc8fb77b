"""The differences between two systems: the packages in them, and their services."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from store.errors import UnknownObject
from store.local.store import Store
from store.model.file_tree import NodeKind
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.model.tree_paths import below, find

SERVICES: Final = b"etc/sv"
_VERSIONED: Final = re.compile(r"(.+?)-(\d.*)", re.DOTALL)


class SystemDifference(NamedTuple):
    """A package or service (``kind``) that one of two systems has otherwise. ``before`` is None
    where it is new, ``after`` where it is no longer there; of a package they are versions."""

    kind: str
    name: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        """Return it for people: ``+ curl 8.14``, ``- curl 8.14``, ``curl 8.14 → 8.15``."""
        name = self.name if self.kind == "package" else f"service {self.name}"
        if self.before is None:
            return f"+ {name} {self.after}".rstrip()
        if self.after is None:
            return f"- {name} {self.before}".rstrip()
        if self.before == self.after:
            return f"{name} {self.after}".rstrip() + ": changed"
        return f"{name} {self.before} → {self.after}"

    def to_record(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return self._asdict()


def differences(store: Store, before: ObjectId | None, after: ObjectId) -> list[SystemDifference]:
    """Return the differences between two systems of the store, packages first; of None, all is
    new."""
    one = _packages(store, before)
    two = _packages(store, after)
    found = [
        SystemDifference("package", name, _versions(one.get(name)), _versions(two.get(name)))
        for name in sorted({*one, *two})
        if one.get(name) != two.get(name)
    ]
    old, new = (_services(store, each) for each in (before, after))
    return found + [
        SystemDifference("service", name, "" if name in old else None, "" if name in new else None)
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]


def _packages(store: Store, system: ObjectId | None) -> dict[str, frozenset[ObjectId]]:
    found: dict[str, set[ObjectId]] = {}
    for oid in store.objects.closure([system]) if system is not None else ():
        if oid != system:
            match = _VERSIONED.fullmatch(oid.name)
            found.setdefault(match[1] if match else oid.name, set()).add(oid)
    return {name: frozenset(oids) for name, oids in found.items()}


def _versions(oids: Iterable[ObjectId] | None) -> str | None:
    if oids is None:
        return None
    versions = {match[2] for oid in oids if (match := _VERSIONED.fullmatch(oid.name))}
    return ", ".join(sorted(versions))


def _services(store: Store, system: ObjectId | None) -> dict[str, bytes]:
    if system is None:
        return {}
    manifest = store.objects.manifest(system)
    return {name.decode(): digest for name, digest in _entries(manifest)}


def _entries(manifest: Manifest) -> Iterable[tuple[bytes, bytes]]:
    try:
        top = find(manifest, SERVICES, follow=False)
    except UnknownObject:
        return
    for each in below(manifest, top):
        if each.node.kind is NodeKind.DIRECTORY:
            yield each.name, each.node.payload
