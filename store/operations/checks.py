"""The checks that packages of the world passed, and their findings."""

from __future__ import annotations

import os
from typing import Final, NamedTuple

from store.graph.resolver import Resolver
from store.local.object_files import opened_file
from store.local.store import Store
from store.model.catalogue import CHECK, UPSTREAM, Catalogue, Package
from store.model.file_tree import NodeKind
from store.model.names import ObjectId
from store.model.package_groups import check_names, checked
from store.model.tree_paths import below, find
from store.operations.session import Session

LARGEST: Final = 64 << 10
"""Bytes of a file of findings that are read."""


class CheckResult(NamedTuple):
    """The findings of a package's check. ``check`` is its output, None if it has not passed.
    ``versions`` are lines of programs that say theirs. ``linked`` are libraries that a program was
    linked with. ``waived`` are pairs of a check that was left out and the reason. ``upstream`` is
    true if the tests of the package's authors passed, and None if the recipe runs none."""

    package: Package
    check: ObjectId | None
    versions: tuple[str, ...]
    linked: tuple[str, ...]
    waived: tuple[tuple[str, str], ...]
    upstream: bool | None


def check(session: Session, *packages: str, upstream: bool = False) -> list[CheckResult]:
    """Run the checks of packages of the world, and with ``upstream`` the tests of their authors;
    returns the findings.

    Raises UsageError for a package without a check, and the errors of realising.
    """
    chosen = checked(session.catalogue, packages, ())
    session.realise(*check_names(session.catalogue, chosen, upstream=upstream))
    survey = CheckSurvey(session.store, session.catalogue)
    return [survey.result(package) for package in chosen]


class CheckSurvey:
    """Looks for the outputs of checks in a store."""

    def __init__(self, store: Store, catalogue: Catalogue) -> None:
        self._store = store
        self._catalogue = catalogue
        self._resolver = Resolver(store, catalogue)

    def result(self, package: Package) -> CheckResult:
        """Return the findings of a package that has a check. Raises CorruptObject."""
        name = package.name
        check = self._output(name + CHECK)
        upstream = None
        if name + UPSTREAM in self._catalogue.packages:
            upstream = self._output(name + UPSTREAM) is not None
        found = {} if check is None else self._findings(check)
        pairs = (line.partition("\t") for line in found.get(b"waived", ()))
        return CheckResult(
            package=package,
            check=check,
            versions=found.get(b"versions", ()),
            linked=found.get(b"linked", ()),
            waived=tuple((check, reason) for check, _, reason in pairs),
            upstream=upstream,
        )

    def _output(self, name: str) -> ObjectId | None:
        node = self._catalogue.packages[name].node
        self._resolver.identify([node])
        if not self._resolver.present(node):
            return None
        return next(iter(self._resolver.objects(node).values()))

    def _findings(self, oid: ObjectId) -> dict[bytes, tuple[str, ...]]:
        """Return the lines of each file of a check's output."""
        manifest = self._store.objects.manifest(oid)
        top = find(manifest, b"", follow=False)
        if top.node.kind is not NodeKind.DIRECTORY:
            return {}
        return {
            entry.path: self._lines(oid, entry.path)
            for entry in below(manifest, top, recursive=False)
            if entry.node.kind is NodeKind.FILE
        }

    def _lines(self, oid: ObjectId, path: bytes) -> tuple[str, ...]:
        with opened_file(self._store, oid, path) as fd:
            data = os.read(fd, LARGEST)
        return tuple(line.strip() for line in data.decode("utf-8", "replace").splitlines())
