"""Collect a bill: the build closure of packages, and the references of their outputs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from store.graph.resolver import Resolver
from store.local.store import Store
from store.model.catalogue import Catalogue, Package
from store.model.derivation import BUILTIN, Derivation, Ref, Source, kind
from store.model.locators import PROJECT, shown
from store.model.names import ObjectId
from store.sbom.bill import AppliedPatch, Bill, BillComponent, BillSource, ComponentUse

PATCHES = "patches/"
"""In front of the names of patches: among the files of a build, and in Debian's archives."""


def collect(
    store: Store, catalogue: Catalogue, packages: Sequence[str], *, seed: str, engine: str
) -> Bill:
    """Return the bill of packages (``NAME``, ``NAME^OUTPUT``, ``NAME^*``), built or not.

    Raises UnknownPackage or UnknownOutput.
    """
    goals = tuple(dict.fromkeys(ref for text in packages for ref in catalogue.refs(text)))
    return _Collector(store, catalogue, goals).bill(packages, seed, engine)


@dataclass(frozen=True)
class _Below:
    """The nodes below a derivation, by their part in the build."""

    sources: tuple[Source, ...]
    tools: tuple[bytes, ...]
    inputs: tuple[bytes, ...]


class _Collector:
    """``_objects`` has the objects of each node in the build closure by output, as far as they are
    known; ``_refers`` the direct references of each object at which the goals' outputs arrive."""

    def __init__(self, store: Store, catalogue: Catalogue, goals: Sequence[Ref]) -> None:
        self._catalogue = catalogue
        self._goals = goals
        closure = list(catalogue.build_closure(ref.node for ref in goals))
        resolver = Resolver(store, catalogue)
        resolver.identify(closure)
        self._objects = {node: _objects(resolver, node) for node in closure}
        # Of equal objects of several stages, those count that are nearest to the goals.
        self._makers = {oid: node for node in closure for oid in self._objects[node].values()}
        outputs = (self._objects[ref.node].get(ref.output) for ref in goals)
        there = [oid for oid in outputs if oid is not None and store.objects.present(oid)]
        self._realised = len(there) == len(goals)
        self._refers = {oid: store.objects.references(oid) for oid in store.objects.closure(there)}
        self._below = {node: self._inputs(node) for node in self._component_nodes()}
        self._linked = set(self._linked_nodes())
        self._packages = _packages(catalogue)

    def bill(self, names: Sequence[str], seed: str, engine: str) -> Bill:
        """Return the bill of the goals, which have these names."""
        foreign = {oid for node in self._below for oid in self._derivation(node).objects}
        foreign |= self._refers.keys() - self._makers.keys()
        components = [*map(self._component, self._below), *map(self._foreign, foreign)]
        goals = {self._key(ref.node) for ref in self._goals}
        wanted = goals.union(*(each.below for each in components))
        files = (each for each in self._catalogue.nodes.values() if isinstance(each, Source))
        sources = [_source(each) for each in files if self._key(each.digest) in wanted]
        return Bill(
            names=tuple(names),
            seed=seed,
            engine=engine,
            goals=tuple(sorted(goals)),
            realised=self._realised,
            components=tuple(sorted(components, key=lambda each: each.key)),
            sources=tuple(sorted(sources, key=lambda each: each.key)),
        )

    def _derivation(self, node: bytes) -> Derivation:
        value = self._catalogue.nodes[node]
        assert isinstance(value, Derivation)
        return value

    def _is_source(self, node: bytes) -> bool:
        return isinstance(self._catalogue.nodes[node], Source)

    def _key(self, node: bytes) -> str:
        return f"{'source' if self._is_source(node) else 'derivation'}:{node.hex()}"

    def _key_of_object(self, oid: ObjectId) -> str:
        return self._key(self._makers[oid]) if oid in self._makers else f"object:{oid}"

    def _component_nodes(self) -> Iterator[bytes]:
        """Yield the goals, the makers of all that they refer to, and all builds below these; trees
        of sources are a part of the build that has them."""
        made = (self._makers[oid] for oid in self._refers if oid in self._makers)
        left = [*(ref.node for ref in self._goals), *made]
        seen: set[bytes] = set()
        while left:
            node = left.pop()
            if node not in seen and not self._is_source(node):
                yield node
                below = self._inputs(node)
                left += [*below.tools, *below.inputs]
            seen.add(node)

    def _inputs(self, node: bytes) -> _Below:
        derivation = self._derivation(node)
        path = dict(derivation.env).get("PATH", "").split(":")
        sources: list[Source] = []
        tools: list[bytes] = []
        inputs: list[bytes] = []
        for ref in derivation.refs:
            value = self._catalogue.nodes[ref.node]
            if isinstance(value, Source):
                sources.append(value)
            elif ref == derivation.rootfs or f"{ref}/bin" in path:
                tools.append(ref.node)
            elif value.builder.startswith(BUILTIN):
                sources += self._inputs(ref.node).sources
            else:
                inputs.append(ref.node)
        found = (tuple(dict.fromkeys(each)) for each in (tools, inputs))
        return _Below(tuple(dict.fromkeys(sources)), *found)

    def _linked_nodes(self) -> Iterator[bytes]:
        """Yield the nodes of which the outputs may hold parts."""
        left = [ref.node for ref in self._goals]
        seen: set[bytes] = set()
        while left:
            node = left.pop()
            if node in self._below and node not in seen:
                yield node
                left += self._below[node].inputs
            seen.add(node)

    def _use(self, node: bytes) -> ComponentUse:
        if any(ref.node == node for ref in self._goals):
            return ComponentUse.GOAL
        objects = self._objects[node].values()
        if any(self._makers[oid] == node for oid in objects if oid in self._refers):
            return ComponentUse.OUTPUT
        return ComponentUse.LINKED if node in self._linked else ComponentUse.BUILD

    def _component(self, node: bytes) -> BillComponent:
        derivation, below = self._derivation(node), self._below[node]
        named = self._packages.get(node, ())
        facts = named[0] if named else Package(derivation.name, node)
        objects = self._objects[node]
        refers = {each for oid in objects.values() for each in self._refers.get(oid, ())}
        return BillComponent(
            key=self._key(node),
            name=derivation.name.removesuffix(f"-{facts.version}"),
            use=self._use(node),
            kind=kind(derivation),
            version=facts.version,
            description=facts.description,
            licence=facts.licence,
            homepage=facts.homepage,
            group=facts.group,
            packages=tuple(package.name for package in named),
            derivation=node.hex(),
            paths=tuple(sorted((output, oid.path) for output, oid in objects.items())),
            sources=tuple(sorted(self._key(source.digest) for source in below.sources)),
            tools=self._keys(below.tools),
            inputs=self._keys(below.inputs, derivation.objects),
            refers=tuple(sorted({*map(self._key_of_object, refers)} - {self._key(node)})),
            patches=tuple(self._patches(derivation)),
        )

    def _keys(self, nodes: Iterable[bytes], objects: Iterable[ObjectId] = ()) -> tuple[str, ...]:
        return tuple(sorted([*map(self._key, nodes), *(f"object:{oid}" for oid in objects)]))

    def _foreign(self, oid: ObjectId) -> BillComponent:
        """Return the component of an object that no node of the closure is known to have made."""
        refers = map(self._key_of_object, self._refers.get(oid, ()))
        return BillComponent(
            key=f"object:{oid}",
            name=oid.name,
            use=ComponentUse.OUTPUT if oid in self._refers else ComponentUse.BUILD,
            kind="object",
            paths=(("out", oid.path),),
            refers=tuple(sorted(refers)),
        )

    def _patches(self, derivation: Derivation) -> Iterator[AppliedPatch]:
        """Yield the patches among the files of a build, and those unpacked from Debian's archives;
        each maker of the kit applies all that it has."""
        for path, text in derivation.files:
            if path.startswith(PATCHES):
                sha256 = hashlib.sha256(text.encode()).hexdigest()
                yield AppliedPatch(path.removeprefix(PATCHES), sha256=sha256)
        for ref in derivation.inputs:
            value = self._catalogue.nodes[ref.node]
            if isinstance(value, Derivation) and value.builder.startswith(BUILTIN):
                for name in _unpacked_patches(value.args):
                    yield AppliedPatch(name, source=self._key(value.refs[0].node))


def _unpacked_patches(args: Iterable[str]) -> Iterator[str]:
    for arg in args:
        if arg.startswith(f"include={PATCHES}"):
            yield arg.removeprefix(f"include={PATCHES}")


def _objects(resolver: Resolver, node: bytes) -> Mapping[str, ObjectId]:
    try:
        return resolver.objects(node)
    except KeyError:
        return {}


def _packages(catalogue: Catalogue) -> dict[bytes, tuple[Package, ...]]:
    """Return the packages of each node, the one with the shortest name first."""
    found: dict[bytes, tuple[Package, ...]] = {}
    for name in sorted(catalogue.packages, key=lambda name: (len(name), name)):
        package = catalogue.packages[name]
        found[package.node] = (*found.get(package.node, ()), package)
    return found


def _source(source: Source) -> BillSource:
    return BillSource(
        key=f"source:{source.digest.hex()}",
        name=source.name,
        sha256=source.sha256,
        locators=tuple(_place(locator) for locator in source.locators),
    )


def _place(locator: str) -> str:
    """Return a locator without secrets; of the project's own source, without its folder here."""
    return PROJECT if locator.startswith(PROJECT) else shown(locator)
