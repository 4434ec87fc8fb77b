"""A new store with what a rebuild begins with, and nothing else.

For packages of the base set, these are the sources as they were fetched, and the objects of stage 1
by which stage 2 is built. There is no seed among them, no stage 0, and no record of a build of
stage 2. For packages above the base set, stage 2 is there, and nothing that was built by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from store import Session
from store.errors import CorruptObject, UnknownPackage, UsageError
from store.graph.resolver import Resolver
from store.index.schema import Node
from store.index.writing import Writer
from store.local.store import Store
from store.model.catalogue import Catalogue
from store.model.derivation import Ref, Source
from store.model.names import ObjectId
from store.model.origin import How, Origin
from store.model.realisation import Realisation
from store.substitute.belief import checked_source, unlike_source
from store.substitute.directory import StoreDirectory
from store.substitute.importing import import_objects

STAGE = "stage2."
"""The stage that is built inside."""

SEEDS = "seed."
_BELOW = ("", "base")
"""Groups of packages below the world; a name with a point is no package of its own there."""


@dataclass(frozen=True)
class Supplies:
    """Outputs of the stage below, and sources; ``builds`` is the number of builds that they are
    for."""

    made: tuple[Ref, ...]
    sources: tuple[Ref, ...]
    builds: int

    @property
    def refs(self) -> tuple[Ref, ...]:
        """All of them."""
        return self.made + self.sources


def base_set(catalogue: Catalogue) -> list[str]:
    """Return the names of the base set's packages, without their stage, in their order."""
    names = [name for name, package in catalogue.packages.items() if package.twin]
    return [name.removeprefix(STAGE) for name in names if name.startswith(STAGE)]


def rebuilt(catalogue: Catalogue, name: str) -> str:
    """Return the name by which a package is built inside."""
    return f"{STAGE}{name}" if name in base_set(catalogue) else name


def supplies(catalogue: Catalogue, names: Sequence[str]) -> Supplies:
    """Return what building these packages begins with: all of the base set, or all above it.

    Raises UnknownPackage for other names, and UsageError for some of each.
    """
    every = base_set(catalogue)
    own = not set(every).isdisjoint(names)
    if own and not set(every).issuperset(names):
        message = "packages of the base set and others are not built inside in one go"
        raise UsageError(message, hint=f"the base set is {', '.join(every)}")
    for name in names:
        if not own and (catalogue.package(name).group in _BELOW or "." in name):
            raise UnknownPackage(name, every)
    below_it = (twin_of(catalogue, name) if own else f"{STAGE}{name}" for name in every)
    given = {catalogue.ref(name).node for name in below_it}
    goals = [catalogue.ref(rebuilt(catalogue, name)).node for name in names]
    below = list(catalogue.build_closure(goals, given.__contains__))
    seeds = {package.node for name, package in catalogue.packages.items() if SEEDS in name[:5]}
    assert seeds.isdisjoint(below), "a stage that is built by itself needs a seed"
    values = [catalogue.nodes[node] for node in below if node not in given]
    made = [catalogue.nodes[node] for node in below if node in given]
    return Supplies(
        made=tuple(value.ref(output) for value in made for output in value.outputs),
        sources=tuple(value.ref() for value in values if isinstance(value, Source)),
        builds=sum(not isinstance(value, Source) for value in values),
    )


def twin_of(catalogue: Catalogue, name: str) -> str:
    """Return the name of the package outside that the rebuilt one has to be equal to."""
    return catalogue.package(rebuilt(catalogue, name)).twin or name


def supply(outside: Session, root: str, wanted: Supplies) -> None:
    """Make a store in the folder ``root``, with the supplies, which ``outside`` has."""
    resolver = Resolver(outside.store, outside.catalogue)
    resolver.identify(ref.node for ref in wanted.refs)
    objects = list(dict.fromkeys(resolver.object(ref) for ref in wanted.refs))
    records = [_record(outside.store, ref, resolver.object(ref)) for ref in wanted.made]
    told = Origin(How.TRUSTED, outside.root.encode())
    with closing(Store.open(root)) as inside:
        import_objects(inside, StoreDirectory(outside.root), objects)
        files = [_checked(inside, outside, ref, resolver.object(ref)) for ref in wanted.sources]

        def tell(txn: Writer) -> None:
            txn.nodes.put(node for _, node in records)
            for record in (*files, *(replace(record, origin=told) for record, _ in records)):
                txn.realisations.add(record)
            keys = (record.key for record, _ in records)
            txn.nodes.put_outcomes(dict(zip((ref.node for ref in wanted.made), keys, strict=True)))

        inside.index.write(tell)


def _checked(store: Store, outside: Session, ref: Ref, oid: ObjectId) -> Realisation:
    """Return the record of a source, whose file was looked at. Raises CorruptObject."""
    source = outside.catalogue.nodes[ref.node]
    assert isinstance(source, Source)
    unlike = unlike_source(store.layout, oid, store.objects.manifest(oid).root, source, {})
    if unlike:
        raise CorruptObject(unlike)
    return checked_source(ref.node, ref.output, oid, outside.root.encode())


def _record(store: Store, ref: Ref, oid: ObjectId) -> tuple[Realisation, Node]:
    """Return a build that made the object: of this derivation, and not of its twin's."""
    key = store.realisations.outcome(ref.node)
    assert key is not None
    with store.index.read() as txn:
        node = txn.nodes.get(key)
    assert node is not None
    records = store.realisations.of(key, ref.output)
    return next(each for each in records if each.object == oid), node
