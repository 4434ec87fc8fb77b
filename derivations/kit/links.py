"""A chain of builds in one root file system, each with the tools that the ones before it made."""

from __future__ import annotations

from collections.abc import Mapping, Set
from copy import copy
from typing import TypeAlias

from derivations.kit.build import BUILD_TOOLS
from derivations.kit.recipe import Recipe
from derivations.kit.rootfs import rootfs
from derivations.kit.stage import CatalogueBuilder, PackageSet, Stage
from store.errors import EvaluationError
from store.model.derivation import Ref

Environment: TypeAlias = tuple[tuple[str, str], ...]


class Links:
    """The links made so far, in the root file system ``root``. ``tools`` fills roles for those that
    follow; a role with no object is filled by programs of the root."""

    def __init__(self, graph: CatalogueBuilder, root: Ref) -> None:
        self._graph = graph
        self.root = root
        self.tools: dict[str, tuple[Ref, ...]] = dict.fromkeys((*BUILD_TOOLS, "m4"), ())
        self.nodes: frozenset[bytes] = frozenset()
        self._forbidden: frozenset[bytes] = frozenset()
        self._trusted: frozenset[bytes] = frozenset()
        self._programs: Ref | None = None

    def add(
        self,
        name: str,
        recipes: Mapping[str, Recipe],
        env: Environment,
        given: Mapping[str, Ref] | None = None,
        *,
        twin: str = "",
    ) -> PackageSet:
        """Add recipes, by role, as packages ``NAME.…``; they may run the objects ``given``."""
        tools = dict(self.tools)
        stage = Stage(
            name,
            self.root,
            tools,
            recipes,
            env=env,
            forbidden=self._forbidden,
            trusted=self._trusted,
            twin=twin,
            any_seed=True,
        )
        stock = PackageSet(stage, self._graph, given or {})
        self.nodes |= stock.publish()
        return stock

    def branch(self, role: str) -> Links:
        """Return a chain that goes on from the links made so far, with the tools in ``role`` as its
        compiler. This one stays as it is."""
        other = copy(self)
        other.tools = self.tools | {"cc": self.tools[role]}
        return other

    def use(self, stock: PackageSet, *roles: str) -> None:
        """Build the links that follow with these of the links made."""
        self.tools |= {role: (stock[role],) for role in roles}

    def move(self, name: str, stock: PackageSet, role: str, forbidden: Set[bytes]) -> None:
        """Build the links that follow in a root file system, a package ``NAME.userland``, of the
        programs of one link. None of them may be built with the nodes ``forbidden`` any more, but
        through the links made so far."""
        programs = self._programs = stock[role]
        made = rootfs("userland", [programs], shell=programs, coreutils=programs)
        self.root = self._graph.publish_userland(name, made, seconds=1)
        self._forbidden = frozenset(forbidden)
        self._trusted = self.nodes | {self.root.node}

    def root_with(self, name: str, stock: PackageSet, role: str) -> Ref:
        """Return the root file system once more, a package ``NAME``, with the programs of one link
        in the places of others of the same names. EvaluationError before the first ``move``."""
        programs = self._programs
        if programs is None:
            raise EvaluationError(f"{name}: the chain still stands on the root of its seed")
        made = rootfs(
            "userland", [programs], shell=programs, coreutils=programs, instead=(stock[role],)
        )
        root = self._graph.add(made, 1)
        self._graph.publish(name, root, description=f"The same root with another {role}")
        self.nodes |= {root.node}
        return root

    def compile_with(self, stock: PackageSet, tried: Recipe, name: str, env: Environment) -> None:
        """Build the links that follow with the compiler of ``stock``, once ``tried``, a package
        ``NAME.…``, is built with it too."""
        self.use(stock, "cc")
        result = self.add(name, {"tried": tried}, env)["tried"]
        self.tools["cc"] = (*self.tools["cc"], result)
