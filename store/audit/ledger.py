"""The ledgers: each package's derivation, and its path where the recipes are kept. Anyone with the
recipes can compare.

The ladder and the world have one each. Packages that are made from the project's own source change
with each commit; they are in none, and nor are those that are built with one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from store.audit.compare import explained
from store.audit.ledger_file import LADDER, WORLD, LedgerEntry, LedgerKind, Place
from store.display import quoted
from store.errors import UsageError
from store.graph.resolver import Resolver
from store.local.store import Store
from store.model.catalogue import BASE, CHECKS, Catalogue, GraphNode, Package
from store.model.derivation import Source
from store.model.locators import PROJECT
from store.model.names import ObjectId
from store.model.verdict import AuditFinding, Difference, Verdict

LADDER_GROUPS: Final = frozenset(("", BASE))
"""Groups of the packages that are built in every stage, and of their sources."""


def kind_of(catalogue: Catalogue, name: str) -> LedgerKind:
    """Return the ledger that has a package; UsageError if none has, and UnknownPackage."""
    package = catalogue.package(name.partition("^")[0])
    if package.group in LADDER_GROUPS:
        return LADDER
    if package.node in {each.node for each in packages(catalogue, WORLD).values()}:
        return WORLD
    raise UsageError(
        f"{quoted(name)} is in no ledger",
        hint="checks, packages of the project itself, and those built with one, are in none",
    )


def packages(catalogue: Catalogue, kind: LedgerKind = LADDER) -> dict[str, Package]:
    """Return the packages that a ledger has, by name: of several names for one node, only the
    longest."""
    changing = _changing(catalogue) if kind is WORLD else frozenset()
    longest: dict[bytes, str] = {}
    for name, package in catalogue.packages.items():
        of_ladder = package.group in LADDER_GROUPS
        if of_ladder is not (kind is LADDER) or package.group == CHECKS:
            continue
        if package.node not in changing:
            known = longest.get(package.node, "")
            longest[package.node] = max(known, name, key=lambda text: (len(text), text))
    return {name: catalogue.packages[name] for name in sorted(longest.values())}


def _changing(catalogue: Catalogue) -> frozenset[bytes]:
    """Return the project's own source, and all nodes that are built with it."""
    own = {key for key, node in catalogue.nodes.items() if _is_project(node)}
    if not own:
        return frozenset()
    every = catalogue.build_closure(package.node for package in catalogue.packages.values())
    for node in every:  # inputs before their users
        if any(ref.node in own for ref in catalogue.inputs(node)):
            own.add(node)
    return frozenset(own)


def _is_project(node: GraphNode) -> bool:
    return isinstance(node, Source) and any(each.startswith(PROJECT) for each in node.locators)


def outline(catalogue: Catalogue, seed: str, kind: LedgerKind = LADDER) -> dict[Place, LedgerEntry]:
    """Return the entries of a seed as far as the recipes tell: nothing is built."""
    entries = [
        LedgerEntry(seed if kind.has_seeds else "", name, output, package.node, None)
        for name, package in packages(catalogue, kind).items()
        for output in catalogue.nodes[package.node].outputs
    ]
    return {entry.place: entry for entry in entries}


def updated(
    store: Store,
    catalogues: Mapping[str, Catalogue],
    old: Mapping[Place, LedgerEntry],
    kind: LedgerKind = LADDER,
) -> list[LedgerEntry]:
    """Return the ledger as it would be now. A package that was not built here keeps its path, as
    long as its derivation is the same."""
    entries: dict[Place, LedgerEntry] = {}
    for seed, catalogue in catalogues.items():
        resolver = Resolver(store, catalogue)
        for place, entry in outline(catalogue, seed, kind).items():
            made = _made(resolver, entry)
            if made is not None and not _built_here(store, entry, made):
                made = None
            before = old.get(place)
            if made is None and before is not None and before.derivation == entry.derivation:
                made = before.object
            entries[place] = replace(entry, object=made)
    return list(entries.values())


def _made(resolver: Resolver, entry: LedgerEntry) -> ObjectId | None:
    resolver.identify([entry.derivation])
    try:
        return resolver.objects(entry.derivation)[entry.output]
    except KeyError:
        return None


def _built_here(store: Store, entry: LedgerEntry, made: ObjectId) -> bool:
    key = store.realisations.outcome(entry.derivation)
    records = () if key is None else store.realisations.of(key, entry.output)
    return any(record.object == made and record.origin.built_here for record in records)


def compare(
    store: Store,
    catalogue: Catalogue,
    seed: str,
    ledger: Mapping[Place, LedgerEntry],
    names: Iterable[str] = (),
    kind: LedgerKind = LADDER,
) -> list[AuditFinding]:
    """Compare the realised packages of this store with a ledger: a finding for each output.

    ``names`` are packages, by whatever of their names; all of them when there is none.
    """
    resolver = Resolver(store, catalogue)
    nodes = {catalogue.ref(name).node for name in names}
    entries = [
        entry
        for entry in outline(catalogue, seed, kind).values()
        if not nodes or entry.derivation in nodes
    ]
    return [
        _finding(store, resolver, seed, entry, noted) for entry, noted in _noted(entries, ledger)
    ]


class _Noted(NamedTuple):
    """``entry`` is the ledger's line for an output, if there is one by its derivation; ``known``
    says whether there is one at all, and ``object`` is the path that it came out as."""

    known: bool
    entry: LedgerEntry | None
    object: ObjectId | None


def _noted(
    entries: Iterable[LedgerEntry], ledger: Mapping[Place, LedgerEntry]
) -> Iterator[tuple[LedgerEntry, _Noted]]:
    """Yield each entry with its line. The world comes out the same on each seed: where its path is
    not noted, one that is noted for another seed will do."""
    lines: dict[tuple[str, str, str], list[LedgerEntry]] = {}
    for line in ledger.values():
        lines.setdefault((line.seed, line.package, line.output), []).append(line)
    for entry in entries:
        found = lines.get((entry.seed, entry.package, entry.output), [])
        own = [line for line in found if line.derivation == entry.derivation]
        paths = (line.object for line in (*own, *found) if line.object is not None)
        yield entry, _Noted(bool(found), next(iter(own), None), next(paths, None))


def _finding(
    store: Store, resolver: Resolver, seed: str, here: LedgerEntry, noted: _Noted
) -> AuditFinding:
    made = _made(resolver, here)
    key = store.realisations.outcome(here.derivation) if made is not None else None
    expected = noted.object

    def finding(verdict: Verdict, detail: str = "", actual: ObjectId | None = made) -> AuditFinding:
        return AuditFinding(
            here.package,
            here.output,
            "ledger",
            verdict,
            expected,
            actual,
            key,
            detail=detail,
            seeds=(seed,),
            differences=_differences(store, expected, actual) if verdict is Verdict.DIFFERS else (),
        )

    if not noted.known:
        return finding(Verdict.UNKNOWN, "the ledger does not have it")
    if noted.entry is None:
        return finding(Verdict.UNKNOWN, "its recipe has changed since the ledger was written")
    if made is None or key is None:
        return finding(Verdict.UNKNOWN, "it is not realised in this store")
    if expected is None:
        return finding(Verdict.UNKNOWN, "it was not built where the ledger was written")
    records = [item for item in store.realisations.of(key, here.output) if item.origin.built_here]
    if not records:
        return finding(Verdict.UNKNOWN, "it was imported, and not built here")
    other = next((item.object for item in records if item.object != expected), None)
    if other is None:
        return finding(Verdict.REPRODUCED)
    return finding(Verdict.DIFFERS, "", other)


def _differences(
    store: Store, expected: ObjectId | None, actual: ObjectId | None
) -> tuple[Difference, ...]:
    if expected is None or actual is None:
        return ()
    return explained(store.layout.root, expected, store.layout.root, actual)
