"""A chain of builds in one root file system, each with the tools that the ones before it made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from derivations.kit.build import BUILD_TOOLS
from derivations.kit.recipe import Recipe
from derivations.kit.stage import CatalogueBuilder, PackageSet, Stage
from store.model.derivation import Ref

Environment: TypeAlias = tuple[tuple[str, str], ...]


class Links:
    """The links made so far. ``tools`` fills roles for those that follow; a role with no object is
    filled by programs of the root file system."""

    def __init__(self, graph: CatalogueBuilder, root: Ref) -> None:
        self._graph = graph
        self._root = root
        self.tools: dict[str, tuple[Ref, ...]] = dict.fromkeys((*BUILD_TOOLS, "m4"), ())
        self.nodes: frozenset[bytes] = frozenset()

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
        stage = Stage(name, self._root, tools, recipes, env=env, twin=twin, any_seed=True)
        stock = PackageSet(stage, self._graph, given or {})
        self.nodes |= stock.publish()
        return stock

    def use(self, stock: PackageSet, *roles: str) -> None:
        """Build the links that follow with these of the links made."""
        self.tools |= {role: (stock[role],) for role in roles}

    def compile_with(self, stock: PackageSet, tried: Recipe, name: str, env: Environment) -> None:
        """Build the links that follow with the compiler of ``stock``, once ``tried``, a package
        ``NAME.…``, is built with it too."""
        self.use(stock, "cc")
        result = self.add(name, {"tried": tried}, env)["tried"]
        self.tools["cc"] = (*self.tools["cc"], result)
