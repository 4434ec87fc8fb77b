"""What a set of recipes evaluates to: packages by name, and the graph below them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

from store.errors import UnknownOutput, UnknownPackage
from store.model.derivation import Derivation, Ref, Source

GraphNode: TypeAlias = Source | Derivation


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


class Barrier(NamedTuple):
    """No build of one of ``nodes`` may have an object of one of ``forbidden`` in its sandbox.

    But what one of ``trusted`` came out as too is theirs: equal objects are one.
    """

    nodes: frozenset[bytes]
    forbidden: frozenset[bytes]
    trusted: frozenset[bytes] = frozenset()


class Catalogue:
    """All packages, and every node in their build closures by digest."""

    def __init__(
        self,
        packages: Mapping[str, Package],
        nodes: Mapping[bytes, GraphNode],
        barriers: tuple[Barrier, ...] = (),
    ) -> None:
        self.packages: Final = packages
        self.nodes: Final = nodes
        self.barriers: Final = barriers

    def package(self, name: str) -> Package:
        """The package called ``name``; UnknownPackage, with near matches, otherwise."""
        try:
            return self.packages[name]
        except KeyError:
            from difflib import get_close_matches

            near = get_close_matches(name, self.packages, n=3, cutoff=0.6)
            raise UnknownPackage(name, near) from None

    def ref(self, text: str) -> Ref:
        """The output that ``NAME`` or ``NAME^OUTPUT`` means; UnknownPackage or UnknownOutput."""
        name, _, output = text.partition("^")
        node = self.nodes[self.package(name).node]
        if output and output not in node.outputs:
            raise UnknownOutput(name, output, node.outputs)
        return node.ref(output or node.outputs[0])

    def inputs(self, node: bytes) -> tuple[Ref, ...]:
        """The references of the node with this digest."""
        value = self.nodes[node]
        return value.refs if isinstance(value, Derivation) else ()

    def barriers_of(self, node: bytes) -> list[Barrier]:
        """What is forbidden to the builds of this node."""
        return [barrier for barrier in self.barriers if node in barrier.nodes]

    def build_closure(
        self, goals: Iterable[bytes], prune: Callable[[bytes], bool] = lambda _: False
    ) -> Iterator[bytes]:
        """The goals and every node below them, each once, inputs before what needs them.

        What stands only below a node for which ``prune`` is true is left out.
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
    """Nodes by digest."""
    return {node.digest: node for node in nodes}
