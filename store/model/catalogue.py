"""The result of evaluating recipes: packages by name, and the graph below them."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

from store import canon
from store.canon import Value
from store.display import quoted
from store.errors import FormatError, UnknownOutput, UnknownPackage, UsageError
from store.model import fields
from store.model.derivation import Derivation, Ref, Source, kind
from store.model.names import object_in, object_name

GraphNode: TypeAlias = Source | Derivation
Buffer: TypeAlias = bytes | memoryview

BASE: Final = "base"
"""The packages of the base set, which every stage builds."""

CHECKS: Final = "checks"
"""Checks of packages: ``NAME.check``, and ``NAME.upstream`` for the tests of its authors."""

SYSTEMS: Final = "systems"
"""Systems, ``system.NAME``: each a tree that is a machine's root, but for the store."""

SYSTEM: Final = "system."

WORLD_SOURCES: Final = "world-sources"
"""Trees of the world's sources."""

MOST_NEAR: Final = 3
"""Packages that are named in the place of one that is not there."""

CHECK: Final = ".check"
UPSTREAM: Final = ".upstream"


class Package(NamedTuple):
    """A name that a user may realise. ``node`` is the digest of its source or derivation.

    ``twin`` names the package, built otherwise, that this one has to come out equal to, and
    ``any_seed`` says that it has to on every seed. Audits hold it to that.
    """

    name: str
    node: bytes
    version: str = ""
    description: str = ""
    licence: str = ""
    twin: str = ""
    any_seed: bool = False
    homepage: str = ""
    group: str = ""


class Barrier(NamedTuple):
    """No build of one of ``nodes`` may have an object of one of ``forbidden`` in its sandbox.

    But what one of ``trusted`` came out as too is theirs: equal objects are one.
    """

    nodes: frozenset[bytes]
    forbidden: frozenset[bytes]
    trusted: frozenset[bytes] = frozenset()


class Catalogue:
    """All packages, and every node in their build closures by digest. ``seconds`` says, of some
    nodes, how long a build usually takes on two processors; no identity depends on it."""

    def __init__(
        self,
        packages: Mapping[str, Package],
        nodes: Mapping[bytes, GraphNode],
        barriers: tuple[Barrier, ...] = (),
        seconds: Mapping[bytes, int] | None = None,
    ) -> None:
        self.packages: Final = packages
        self.nodes: Final = nodes
        self.barriers: Final = barriers
        self.seconds: Final = seconds or {}

    def package(self, name: str) -> Package:
        """Return the package called ``name``; UnknownPackage, with near matches, otherwise."""
        try:
            return self.packages[name]
        except KeyError:
            raise UnknownPackage(name, self._near(name)) from None

    def _near(self, name: str) -> list[str]:
        """Return the packages that a name may have meant: of an object, those that make one of its
        name."""
        from difflib import get_close_matches

        oid = object_in(name)
        if oid is not None:
            return list(self.makers(oid.name))[:MOST_NEAR]
        # A system is asked for by its own name, too.
        names = {each.removeprefix(SYSTEM): each for each in self.packages} | {
            each: each for each in self.packages
        }
        near = [names[each] for each in get_close_matches(name, names, n=MOST_NEAR, cutoff=0.6)]
        return list(dict.fromkeys(near))

    def makers(self, name: str) -> Iterator[str]:
        """Yield, as ``NAME`` or ``NAME^OUTPUT``, all outputs whose objects are called ``name``;
        those of packages with the shortest names first."""
        for package in sorted(self.packages.values(), key=lambda each: (len(each.name), each.name)):
            node = self.nodes[package.node]
            for output in node.outputs:
                if object_name(node.name, output) == name:
                    first = output == node.outputs[0]
                    yield package.name if first else f"{package.name}^{output}"

    def refs(self, text: str) -> tuple[Ref, ...]:
        """Return the outputs that ``NAME``, ``NAME^OUTPUT``, ``NAME^ONE,TWO`` or ``NAME^*`` means,
        each once: the first alone, those named, or all. Raises UnknownPackage or UnknownOutput."""
        name, caret, named = text.partition("^")
        node = self.nodes[self.package(name).node]
        if not caret:
            return (node.ref(node.outputs[0]),)
        wanted = node.outputs if named == "*" else dict.fromkeys(named.split(","))
        for output in wanted:
            if output not in node.outputs:
                raise UnknownOutput(name, output, node.outputs)
        return tuple(node.ref(output) for output in wanted)

    def ref(self, text: str) -> Ref:
        """Return the one output that a text means, as of :meth:`refs`; UsageError for several."""
        first, *more = self.refs(text)
        if more:
            raise UsageError(
                f"{quoted(text)} names {1 + len(more)} outputs, and one is wanted",
                hint=f"name one, such as {text.partition('^')[0]}^{first.output}",
            )
        return first

    def inputs(self, node: bytes) -> tuple[Ref, ...]:
        """Return the references of the node with this digest."""
        value = self.nodes[node]
        return value.refs if isinstance(value, Derivation) else ()

    def kind(self, node: bytes) -> str:
        """Return ``fetch``, ``unpack`` or ``image`` (of builtins), or ``build``."""
        return kind(self.nodes[node])

    def extended(self, node: Derivation) -> Catalogue:
        """Return a catalogue with one more node, the inputs of which are here."""
        nodes = ChainMap({node.digest: node}, self.nodes)  # type: ignore[arg-type]
        return Catalogue(self.packages, nodes, self.barriers, self.seconds)

    def barriers_of(self, node: bytes) -> list[Barrier]:
        """Return the objects forbidden to the builds of this node."""
        return [barrier for barrier in self.barriers if node in barrier.nodes]

    def build_closure(
        self, goals: Iterable[bytes], prune: Callable[[bytes], bool] = lambda _: False
    ) -> Iterator[bytes]:
        """Yield the goals and every node below them, each once, inputs before their users.

        Nodes only below one for which ``prune`` is true are left out.
        """
        seen: set[bytes] = set()
        stack = [(goal, False) for goal in goals]
        while stack:
            node, expanded = stack.pop()
            if expanded:
                yield node
            elif node not in seen:
                seen.add(node)
                stack.append((node, True))
                if not prune(node):
                    stack.extend((ref.node, False) for ref in reversed(self.inputs(node)))


def collect(nodes: Iterable[GraphNode]) -> dict[bytes, GraphNode]:
    """Return nodes by digest."""
    return {node.digest: node for node in nodes}


_AT_ONCE: Final = 64
"""Nodes that are decoded together."""


class _Nodes(Mapping[bytes, GraphNode]):
    """Nodes by digest, decoded at first use. ``places`` has, of each, whether it is a source, and
    its beginning and end in ``encoded``."""

    def __init__(self, encoded: Buffer, places: Mapping[bytes, tuple[bool, int, int]]) -> None:
        self._encoded = memoryview(encoded)
        self._places = places
        self._decoded: dict[bytes, GraphNode] = {}

    def __getitem__(self, key: bytes) -> GraphNode:
        if key not in self._decoded:
            data = self._data(key)
            self._decoded[key] = self._node(key, data, canon.decode(data))
        return self._decoded[key]

    def _data(self, key: bytes) -> bytes:
        _, start, end = self._places[key]
        return bytes(self._encoded[start:end])

    def check(self) -> None:
        """Decode every node; FormatError for one that is not under its own digest."""
        keys = list(self._places)
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            encoded = list(map(self._data, some))
            for key, data, values in zip(some, encoded, canon.decode_all(encoded), strict=True):
                node = self._decoded[key] = self._node(key, data, values)
                if key != node.digest:
                    raise FormatError(f"{quoted(node.name)} under another one's digest")

    def _node(self, key: bytes, data: bytes, values: list[Value]) -> GraphNode:
        node = Source if self._places[key][0] else Derivation
        return node.from_values(values, data)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def to_fields(catalogue: Catalogue) -> tuple[Value, bytes]:
    """Return ``[packages, nodes, barriers]``, and all encoded nodes one after the other. A node is
    ``[digest, is source, length of it encoded, seconds]``, with 0 where the time is unknown.

    The fields alone are short, and so quickly read.
    """
    encoded = [node.encode() for node in catalogue.nodes.values()]
    packages: list[Value] = [
        [
            package.name,
            package.node,
            package.version,
            package.description,
            package.licence,
            package.twin,
            package.any_seed,
            package.homepage,
            package.group,
        ]
        for package in catalogue.packages.values()
    ]
    nodes: list[Value] = [
        [key, isinstance(node, Source), len(data), catalogue.seconds.get(key, 0)]
        for (key, node), data in zip(catalogue.nodes.items(), encoded, strict=True)
    ]
    barriers: list[Value] = [
        [sorted(barrier.nodes), sorted(barrier.forbidden), sorted(barrier.trusted)]
        for barrier in catalogue.barriers
    ]
    return [packages, nodes, barriers], b"".join(encoded)


def from_fields(value: Value, encoded: Buffer, *, checked: bool = False) -> Catalogue:
    """Return the inverse of :func:`to_fields`, but that each node is decoded at its first use.

    Neither then nor now is a node's digest computed anew; with ``checked``, both are done at once.
    Raises FormatError.
    """
    packages, nodes, barriers = fields.array(value, 3)
    found = {}
    for item in fields.array(packages):
        name, node, version, description, licence, twin, any_seed, homepage, group = fields.array(
            item, 9
        )
        package = Package(
            fields.text(name),
            fields.raw(node, 32),
            fields.text(version),
            fields.text(description),
            fields.text(licence),
            fields.text(twin),
            fields.boolean(any_seed),
            fields.text(homepage),
            fields.text(group),
        )
        found[package.name] = package
    places, times, end = {}, {}, 0
    for item in fields.array(nodes):
        key, is_source, length, seconds = fields.array(item, 4)
        start, end = end, end + fields.integer(length)
        places[fields.raw(key, 32)] = (fields.boolean(is_source), start, end)
        if fields.integer(seconds):
            times[fields.raw(key)] = fields.integer(seconds)
    nodes_found = _Nodes(encoded, places)
    if checked:
        nodes_found.check()
    return Catalogue(found, nodes_found, fields.several(barriers, _barrier), times)


def _barrier(value: Value) -> Barrier:
    nodes, forbidden, trusted = fields.array(value, 3)
    return Barrier(_digests(nodes), _digests(forbidden), _digests(trusted))


def _digests(value: Value) -> frozenset[bytes]:
    return frozenset(fields.several(value, lambda item: fields.raw(item, 32)))
