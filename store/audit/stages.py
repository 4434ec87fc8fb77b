"""Stage against stage, and seed against seed: self-hosting as a comparison of paths.

Which packages have to come out equal is said by the catalogue (``twin`` and ``any_seed``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from store.audit.compare import explained
from store.graph.resolver import Resolver
from store.local.store import Store
from store.model.catalogue import Catalogue, Package
from store.model.names import ObjectId
from store.model.verdict import AuditFinding, Difference, Verdict

NOT_THERE = "one of the two is not in this store any more: their files cannot be compared"


class Ladder:
    """The catalogue on one seed, and what this store knows of it."""

    def __init__(self, store: Store, seed: str, catalogue: Catalogue) -> None:
        self.seed = seed
        self.catalogue = catalogue
        self._resolver = Resolver(store, catalogue)

    def held(self) -> dict[str, Package]:
        """Return the packages that have to equal others, or that others have to equal, by name."""
        packages = self.catalogue.packages
        twins = {package.twin for package in packages.values()}
        return {
            name: package
            for name, package in packages.items()
            if package.twin or package.any_seed or name in twins
        }

    def objects(self, name: str) -> Mapping[str, ObjectId | None]:
        """Return the objects that the package's outputs were realised to here."""
        node = self.catalogue.package(name).node
        self._resolver.identify([node])
        try:
            return self._resolver.objects(node)
        except KeyError:
            return dict.fromkeys(self.catalogue.nodes[node].outputs)

    def is_realised(self) -> bool:
        """Return whether anything that it holds is."""
        return any(None not in self.objects(name).values() for name in self.held())

    def select(self, names: Iterable[str]) -> set[str]:
        """Return the packages that are meant by any of their names, with their twins of every
        stage.

        Raises UnknownPackage.
        """
        held = self.held()
        chosen = {self.catalogue.package(name).node for name in names}
        found = {name for name, package in held.items() if package.node in chosen}
        while True:
            more = {held[name].twin for name in found if held[name].twin}
            more |= {name for name, package in held.items() if package.twin in found}
            if more <= found:
                return found
            found |= more


@dataclass(frozen=True)
class _Side:
    ladder: Ladder
    package: str


def compare(
    store: Store, ladders: Sequence[Ladder], names: Sequence[str] = ()
) -> list[AuditFinding]:
    """Return a finding an output of each pair, by package; all packages when no names are given.

    The pairs are each package and its twin, on every seed; and a package on the first seed and on
    every other. Raises UnknownPackage.
    """
    chosen = {name for ladder in ladders for name in ladder.select(names)} if names else None
    pairs = [*_twins(ladders), *_seeds(ladders)]
    return [
        finding
        for subject, counterpart in sorted(pairs, key=lambda pair: pair[0].package)
        if chosen is None or subject.package in chosen
        for finding in _compared(store, subject, counterpart)
    ]


def _twins(ladders: Sequence[Ladder]) -> Iterator[tuple[_Side, _Side]]:
    for ladder in ladders:
        for name, package in ladder.held().items():
            if package.twin:
                yield _Side(ladder, name), _Side(ladder, package.twin)


def _seeds(ladders: Sequence[Ladder]) -> Iterator[tuple[_Side, _Side]]:
    for ladder in ladders[1:]:
        for name, package in ladder.held().items():
            if package.any_seed and name in ladders[0].catalogue.packages:
                yield _Side(ladder, name), _Side(ladders[0], name)


def _compared(store: Store, subject: _Side, counterpart: _Side) -> Iterator[AuditFinding]:
    ours = subject.ladder.objects(subject.package)
    theirs = counterpart.ladder.objects(counterpart.package)
    seeds = tuple(dict.fromkeys((subject.ladder.seed, counterpart.ladder.seed)))
    twin = "" if subject.package == counterpart.package else counterpart.package
    for output in {**ours, **theirs}:
        actual, expected = ours.get(output), theirs.get(output)
        verdict, detail = Verdict.UNKNOWN, _missing(subject, actual, counterpart, expected)
        differences: tuple[Difference, ...] = ()
        if actual is not None and expected is not None:
            verdict = Verdict.REPRODUCED if actual == expected else Verdict.DIFFERS
            if verdict is Verdict.DIFFERS:
                root = store.layout.root
                differences = explained(root, expected, root, actual)
                detail = "" if differences else NOT_THERE
        yield AuditFinding(
            subject.package,
            output,
            "stages",
            verdict,
            expected,
            actual,
            store.realisations.outcome(subject.ladder.catalogue.package(subject.package).node),
            detail=detail,
            differences=differences,
            counterpart=twin,
            seeds=seeds,
        )


def _missing(
    subject: _Side, actual: ObjectId | None, counterpart: _Side, expected: ObjectId | None
) -> str:
    sides = ((subject, actual), (counterpart, expected))
    lacking = [f"{side.package} on {side.ladder.seed}" for side, oid in sides if oid is None]
    return f"not realised in this store: {', '.join(lacking)}" if lacking else ""
