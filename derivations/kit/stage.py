"""Stages: recipes become derivations by having their roles filled."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass, field
from types import MappingProxyType

from derivations.kit.recipe import Recipe
from derivations.kit.script import check_variables, script, shell_name
from derivations.kit.sources import SYSTEM
from store.errors import Cycle, EvaluationError, UnfilledRole
from store.model.catalogue import BASE, Barrier, Catalogue, GraphNode, Package
from store.model.derivation import Derivation, Ref, sorted_refs
from store.model.identity import scratch_path

NAMES_OF_TOOLS = (
    ("AR", "ar"),
    ("AS", "as"),
    ("AWK", "gawk"),
    ("CC", "gcc"),
    ("CXX", "g++"),
    ("LD", "ld"),
    ("NM", "nm"),
    ("OBJCOPY", "objcopy"),
    ("OBJDUMP", "objdump"),
    ("RANLIB", "ranlib"),
    ("READELF", "readelf"),
    ("STRIP", "strip"),
)
"""Set outright, so that no configure script finds another name in one stage than in the next: such
a name ends in the output (gcc hashes it into its checksum for precompiled headers)."""

SHELL = "/bin/sh"
PATCHING = "patch"
"""The role whose program applies patches: no seed has it, so each stage builds it first."""


@dataclass(frozen=True)
class Stage:
    """A set of recipes, and the tools that they are built with.

    ``tools`` names, by role, the objects whose ``bin`` comes onto ``$PATH``; a role with none is
    filled by programs in ``/bin`` of ``rootfs``. ``recipes`` fill roles with packages of this stage
    itself. No derivation here may be built with one in ``forbidden``, at however many removes, but
    for those below one in ``trusted``, the work of the stage before (32-byte digests). Audits hold
    the packages to it that they come out as those of the stage ``twin``, and on ``any_seed``.
    """

    name: str
    rootfs: Ref
    tools: Mapping[str, tuple[Ref, ...]]
    recipes: Mapping[str, Recipe]
    env: tuple[tuple[str, str], ...] = ()
    forbidden: frozenset[bytes] = frozenset()
    trusted: frozenset[bytes] = frozenset()
    twin: str = ""
    any_seed: bool = False


@dataclass
class CatalogueBuilder:
    """The nodes and packages evaluated so far."""

    nodes: dict[bytes, GraphNode] = field(default_factory=dict)
    packages: dict[str, Package] = field(default_factory=dict)
    barriers: list[Barrier] = field(default_factory=list)
    seconds: dict[bytes, int] = field(default_factory=dict)

    def add(self, node: GraphNode, seconds: int = 0) -> Ref:
        """Take up a node, which usually takes so long; the reference to its first output."""
        self.nodes[node.digest] = node
        if seconds:
            self.seconds[node.digest] = seconds
        return node.ref(node.outputs[0])

    def publish(
        self,
        name: str,
        ref: Ref,
        version: str = "",
        description: str = "",
        licence: str = "",
        *,
        homepage: str = "",
        group: str = "",
        twin: str = "",
        any_seed: bool = False,
    ) -> None:
        """Make a node known to users by ``name``; EvaluationError when the name is taken."""
        if name in self.packages:
            raise EvaluationError(f"two packages are named {name!r}")
        self.packages[name] = Package(
            name, ref.node, version, description, licence, twin, any_seed, homepage, group
        )

    def publish_userland(self, name: str, root: Derivation, seconds: int) -> Ref:
        """Make a root file system known as ``NAME.userland``, once: of the programs of ``NAME``."""
        ref = self.add(root, seconds)
        if f"{name}.userland" not in self.packages:
            description = f"A root file system of {name}'s programs"
            self.publish(f"{name}.userland", ref, description=description)
        return ref

    def alias(self, name: str, package: str) -> None:
        """Make a package known by another name too."""
        known = self.packages[package]
        self.publish(
            name,
            self.nodes[known.node].ref(),
            known.version,
            known.description,
            known.licence,
            homepage=known.homepage,
            group=known.group,
        )

    def catalogue(self) -> Catalogue:
        """All of it, as a value."""
        return Catalogue(
            dict(self.packages), dict(self.nodes), tuple(self.barriers), dict(self.seconds)
        )

    def way_to(self, start: Derivation, goals: Set[bytes], ends: Set[bytes]) -> list[Ref]:
        """References that lead from ``start`` to one of ``goals``, not passing one of ``ends``.

        Empty when there is no such way.
        """
        ways = [[ref] for ref in start.refs]
        seen: set[bytes] = set()
        while ways:
            way = ways.pop()
            node = way[-1].node
            if node in goals:
                return way
            if node not in ends and node not in seen:
                seen.add(node)
                value = self.nodes.get(node)
                ways += [
                    [*way, ref] for ref in (value.refs if isinstance(value, Derivation) else ())
                ]
        return []


class PackageSet:
    """The packages of one stage, each made when it is first asked for. Objects that
    were made elsewhere fill the roles in ``given``."""

    def __init__(
        self, stage: Stage, graph: CatalogueBuilder, given: Mapping[str, Ref] = MappingProxyType({})
    ) -> None:
        self._stage = stage
        self._graph = graph
        self._made = dict(given)
        self._stack: list[str] = []

    def __getitem__(self, role: str) -> Ref:
        """Return what fills ``role``; UnfilledRole, or Cycle when it needs itself."""
        if role in self._stack:
            first = self._stack.index(role)
            chain = [*self._stack[first:], role]
            raise Cycle([f"{self._stage.name}.{self._stage.recipes[r].name}" for r in chain])
        if role not in self._made:
            recipe = self._stage.recipes.get(role)
            if recipe is None:
                user = self._stage.recipes[self._stack[-1]].name if self._stack else role
                raise UnfilledRole(role, user, self._stage.name, self._stage.recipes)
            self._stack.append(role)
            self._made[role] = self._make(recipe)
            self._stack.pop()
        return self._made[role]

    @property
    def roles(self) -> Collection[str]:
        """All roles that its recipes fill."""
        return self._stage.recipes.keys()

    def publish(self) -> frozenset[bytes]:
        """Make every recipe's package known as ``<stage>.<name>``; the derivations' digests.

        A recipe that is of its stage by name (``cross-gcc``) does not say so twice (``cross.gcc``).
        """
        stage, twin = self._stage.name, self._stage.twin
        for role, recipe in self._stage.recipes.items():
            name = recipe.name.removeprefix(stage.rstrip("0123456789") + "-")
            self._graph.publish(
                f"{stage}.{name}",
                self[role],
                recipe.version,
                recipe.description,
                recipe.licence,
                homepage=recipe.homepage,
                group=BASE,
                twin=f"{twin}.{name}" if twin else "",
                any_seed=self._stage.any_seed,
            )
        made = frozenset(ref.node for ref in self._made.values())
        if self._stage.forbidden:
            self._graph.barriers.append(
                Barrier(made, self._stage.forbidden, self._stage.trusted | made)
            )
        return made

    def _make(self, recipe: Recipe) -> Ref:
        graph, stage = self._graph, self._stage
        if any(isinstance(patch, str) for patch in recipe.patches):
            raise EvaluationError(
                f"{stage.name}.{recipe.name} has patches of this project's: they are files beside"
                " the recipes, which packages of the world alone have"
            )
        if recipe.outputs != ("out",):
            raise EvaluationError(
                f"{stage.name}.{recipe.name} has several outputs, which packages of the world"
                " alone have"
            )
        sources = add_sources(graph, recipe)
        inputs = {shell_name(role): self[role] for role in recipe.runs}
        tools = self._tools(recipe)
        variables = {name: str(ref) for name, ref in (sources | inputs).items()}
        variables["out"] = scratch_path(recipe.label)
        if recipe.sources:
            variables["source"] = str(next(iter(sources.values())))
        derivation = Derivation(
            name=recipe.label,
            system=SYSTEM,
            builder=SHELL,
            args=("-eu", "-c", script(recipe, variables)),
            env=environment(stage, recipe, tools),
            rootfs=stage.rootfs,
            inputs=sorted_refs((*sources.values(), *inputs.values(), *tools)),
        )
        check_allowed(graph, stage, recipe, derivation)
        return graph.add(derivation, recipe.seconds)

    def _tools(self, recipe: Recipe) -> tuple[Ref, ...]:
        """The objects on ``$PATH``, each once, in the order in which the stage names them; last
        what applies patches, where there are any, which is the stage's own."""
        wanted = recipe.every_tool
        for role in wanted:
            if role not in self._stage.tools:
                raise UnfilledRole(role, recipe.name, self._stage.name, self._stage.tools)
        filled = (self._stage.tools[role] for role in self._stage.tools if role in wanted)
        own = (self[PATCHING],) if recipe.patches else ()
        return tuple(dict.fromkeys((*(ref for refs in filled for ref in refs), *own)))


def add_sources(graph: CatalogueBuilder, recipe: Recipe, group: str = "") -> dict[str, Ref]:
    """Take up the sources of a recipe, as packages of a group; returns their trees by the variables
    that name them."""
    check_variables(recipe)
    sources = {}
    for archive in recipe.sources:
        graph.add(archive.source)
        ref = graph.add(archive.derivation(), archive.seconds)
        sources[f"{shell_name(archive.name)}_source"] = ref
        if f"source.{archive.name}" not in graph.packages:
            graph.publish(f"source.{archive.name}", ref, archive.version, group=group)
    return sources


def check_allowed(
    graph: CatalogueBuilder,
    stage: Stage,
    recipe: Recipe,
    derivation: Derivation,
    checked: Set[bytes] = frozenset(),
) -> None:
    """EvaluationError for a build with something that the stage is to do without. All below the
    nodes in ``checked`` was looked at before."""
    way = graph.way_to(derivation, stage.forbidden, checked or stage.trusted)
    if way:
        names = ", which is built with ".join(ref.name for ref in way)
        raise EvaluationError(
            f"{stage.name}.{recipe.name} would be built with {names}: "
            f"{stage.name} is to do without that"
        )


def environment(stage: Stage, recipe: Recipe, tools: Iterable[Ref]) -> tuple[tuple[str, str], ...]:
    """Return the environment of a build: tools by name, the stage's variables, the recipe's."""
    path = ":".join([*(f"{ref}/bin" for ref in tools), "/bin"])
    merged = {**_NAMES, "PATH": path} | dict(stage.env) | dict(recipe.env)
    return tuple(sorted(merged.items()))


_NAMES = dict(sorted((("CONFIG_SHELL", SHELL), ("PATH", ""), ("SHELL", SHELL), *NAMES_OF_TOOLS)))
"""Variables of each build. They are sorted here, so that those of a build are nearly so."""
