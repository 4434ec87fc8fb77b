"""The ledger: each package's derivation, and its path where the recipes are kept. Anyone with the
recipes can compare.

It is a file of tab-separated lines, made to be read in diffs: seed, package, output, the
derivation's digest in hex, and the store path, ``-`` when it was not built there. Sorted.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from store.audit.compare import explained
from store.display import quoted, reason
from store.errors import EvaluationError, FormatError, InvalidName, storage_error
from store.graph.resolver import Resolver
from store.local.store import Store
from store.model.catalogue import BASE, Catalogue, Package
from store.model.names import ObjectId, check_output
from store.model.verdict import AuditFinding, Difference, Verdict
from store.system.small import read_small

COLUMNS = ("seed", "package", "output", "derivation", "path")
NOT_BUILT = "-"

LEDGER_LIMIT = 16 << 20
"""Bytes of a ledger, at most: some hundred thousand outputs. Ten times as many of memory."""

UPDATE = "`store audit ledger --update` writes it anew"


@dataclass(frozen=True)
class LedgerEntry:
    """One output of a package on a seed. ``derivation`` has 32 bytes."""

    seed: str
    package: str
    output: str
    derivation: bytes
    object: ObjectId | None

    @property
    def place(self) -> tuple[str, str, str]:
        """The key that no two entries share; they are sorted by it."""
        return self.seed, self.package, self.output


def path_of(recipes: str) -> str:
    """Return where the ledger of a folder of recipes lies."""
    return os.path.join(recipes, "ledger.tsv")


def read(path: str) -> dict[tuple[str, str, str], LedgerEntry]:
    """Return the entries by their places; EvaluationError when there is no ledger, or it is not
    one."""
    try:
        lines = read_small(path, LEDGER_LIMIT).decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationError(
            f"the ledger cannot be read: {reason(error)}", file=path, hint=UPDATE
        ) from None
    if not lines or tuple(lines[0].split("\t")) != COLUMNS:
        raise EvaluationError("not a ledger", file=path, line=1, hint=UPDATE)
    entries = {}
    for number, line in enumerate(lines[1:], 2):
        try:
            entry = _entry(line)
        except (ValueError, FormatError, InvalidName) as error:
            raise EvaluationError(str(error), file=path, line=number, hint=UPDATE) from None
        entries[entry.place] = entry
    return entries


def _entry(line: str) -> LedgerEntry:
    seed, package, output, derivation, path = line.split("\t")
    digest = bytes.fromhex(derivation)
    if len(digest) != 32:
        raise FormatError(f"{quoted(derivation)} is not a derivation's digest")
    made = None if path == NOT_BUILT else ObjectId.from_path(path)
    return LedgerEntry(seed, package, check_output(output), digest, made)


def write(path: str, entries: Iterable[LedgerEntry]) -> None:
    """Replace the ledger. Raises StorageError."""
    lines = ["\t".join(COLUMNS)]
    for entry in sorted(entries, key=lambda entry: entry.place):
        made = NOT_BUILT if entry.object is None else entry.object.path
        lines.append("\t".join((*entry.place, entry.derivation.hex(), made)))
    fresh = f"{path}.{os.getpid()}.new"
    try:
        with open(fresh, "x", encoding="utf-8", newline="\n") as stream:
            stream.write("\n".join(lines) + "\n")
        os.replace(fresh, path)
    except OSError as error:
        raise storage_error(error, "cannot write the ledger") from error


LADDER: Final = frozenset(("", BASE))
"""Groups of the packages that are built in every stage, and of their sources."""


def packages(catalogue: Catalogue) -> dict[str, Package]:
    """Return the packages that the ledger has, those of the ladder: of several names for one node,
    only the longest."""
    longest: dict[bytes, str] = {}
    for name, package in catalogue.packages.items():
        if package.group not in LADDER:
            continue
        known = longest.get(package.node, "")
        longest[package.node] = max(known, name, key=lambda text: (len(text), text))
    return {name: catalogue.packages[name] for name in sorted(longest.values())}


def outline(catalogue: Catalogue, seed: str) -> dict[tuple[str, str, str], LedgerEntry]:
    """Return the entries of a seed's ladder as far as the recipes tell: nothing is built."""
    return {
        (seed, name, output): LedgerEntry(seed, name, output, package.node, None)
        for name, package in packages(catalogue).items()
        for output in catalogue.nodes[package.node].outputs
    }


def updated(
    store: Store,
    catalogues: Mapping[str, Catalogue],
    old: Mapping[tuple[str, str, str], LedgerEntry],
) -> list[LedgerEntry]:
    """Return the ledger as it would be now. A package that was not built here keeps its path, as
    long as its derivation is the same."""
    entries = []
    for seed, catalogue in catalogues.items():
        resolver = Resolver(store, catalogue)
        for place, entry in outline(catalogue, seed).items():
            made = _made(resolver, entry)
            if made is not None and not _built_here(store, entry, made):
                made = None
            before = old.get(place)
            if made is None and before is not None and before.derivation == entry.derivation:
                made = before.object
            entries.append(LedgerEntry(*place, entry.derivation, made))
    return entries


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
    ledger: Mapping[tuple[str, str, str], LedgerEntry],
    names: Iterable[str] = (),
) -> list[AuditFinding]:
    """Compare the realised packages of this store with the ledger: a finding for each output.

    ``names`` are packages, by whatever of their names; all of them when there is none.
    """
    resolver = Resolver(store, catalogue)
    nodes = {catalogue.ref(name).node for name in names}
    return [
        _finding(store, resolver, entry, ledger.get(place))
        for place, entry in outline(catalogue, seed).items()
        if not nodes or entry.derivation in nodes
    ]


def _finding(
    store: Store, resolver: Resolver, here: LedgerEntry, noted: LedgerEntry | None
) -> AuditFinding:
    made = _made(resolver, here)
    key = store.realisations.outcome(here.derivation) if made is not None else None
    expected = None if noted is None else noted.object

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
            seeds=(here.seed,),
            differences=_differences(store, expected, actual) if verdict is Verdict.DIFFERS else (),
        )

    if noted is None:
        return finding(Verdict.UNKNOWN, "the ledger does not have it")
    if noted.derivation != here.derivation:
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
