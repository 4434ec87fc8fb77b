"""The world: packages that are built once, above the last stage, and found by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import TypeAlias

from derivations.kit.checks import check_script
from derivations.kit.groups import Groups
from derivations.kit.recipe import Recipe
from derivations.kit.script import shell_name
from derivations.kit.sources import SYSTEM
from derivations.kit.stage import (
    SHELL,
    CatalogueBuilder,
    PackageSet,
    Stage,
    add_sources,
    check_allowed,
    environment,
)
from derivations.kit.world_script import (
    ENVIRONMENT,
    NAME,
    PATCHES,
    build_script,
    upstream_script,
)
from store.errors import Cycle, EvaluationError, StoreError, UnfilledRole
from store.model.catalogue import CHECK, CHECKS, UPSTREAM, WORLD_SOURCES, Barrier
from store.model.derivation import Derivation, Ref, sorted_refs
from store.model.identity import scratch_path

BUILDER = (SHELL, ("-eu", f"/build/{NAME}"))
ScriptMaker: TypeAlias = Callable[[Recipe, Mapping[str, str], Sequence[Ref], Sequence[str]], str]
"""Makes the text of a build from a recipe, its variables, its libraries, and paths of patches."""

_QUOTED = re.compile(r"['`]([^'`]+)['`]")
"""The quotations in a message: texts of the recipe, among others."""

CHECK_TOOLS = ("awk", "cc", "coreutils", "diffutils", "findutils", "grep", "pkgconf", "sed", "sh")
"""Their programs are run by the checks of any package."""


class World:
    """The packages of the world, each made when it is first asked for.

    ``stage`` has the tools and root file system that they are built with; ``below`` fills roles
    that no recipe of the world has.
    """

    def __init__(
        self, graph: CatalogueBuilder, stage: Stage, below: PackageSet, groups: Groups
    ) -> None:
        self._graph = graph
        self._stage = replace(stage, env=(*stage.env, *ENVIRONMENT))
        self._below = below
        self._groups = groups
        self._made: dict[str, Ref] = {}
        self._checks: dict[str, Ref] = {}
        self._allowed = {*stage.trusted}
        self._stack: list[str] = []

    def __getitem__(self, role: str) -> Ref:
        """Return what fills ``role``; UnfilledRole, or Cycle when it needs itself."""
        if role not in self._made:
            if role in self._stack:
                raise Cycle([*self._stack[self._stack.index(role) :], role])
            if role not in self._groups:
                self._made[role] = self._from_below(role)
            else:
                with self._at_work(role):
                    self._made[role] = self._make(self._groups[role])
        return self._made[role]

    def __contains__(self, role: object) -> bool:
        return role in self._groups or role in self._below.roles

    @contextmanager
    def _at_work(self, role: str) -> Iterator[None]:
        """Note which role is made. An error that names no file gets that of the recipe, and the
        line of what it speaks of there."""
        self._stack.append(role)
        try:
            yield
        except StoreError as error:
            if isinstance(error, EvaluationError) and error.file:
                raise
            file = str(self._groups.file(role))
            needed = error.chain[-1:] if isinstance(error, Cycle) else ()
            line = self._groups.line(role, (*needed, *_QUOTED.findall(error.message)))
            if not isinstance(error, EvaluationError):
                raise EvaluationError(
                    error.message, file=file, line=line, hint=error.hint
                ) from error
            error.locate(file, line)
            raise
        self._stack.pop()

    @property
    def roles(self) -> Collection[str]:
        """All roles that are filled, by its own recipes or below."""
        return {*self._groups, *self._below.roles}

    def _from_below(self, role: str) -> Ref:
        try:
            return self._below[role]
        except UnfilledRole:
            user = self._stack[-1] if self._stack else role
            error = UnfilledRole(role, user, self._stage.name, self._groups)
            if role in self._stage.tools:
                error.hint = f"{role} is a tool, whose programs alone are there: see `tools`"
            raise error from None

    def publish(self) -> None:
        """Make every package known by its name, and its check as ``NAME.check``."""
        for role in self._groups:
            ref = self[role]  # first: an error on the way to the recipe gets its file
            recipe = self._groups[role]
            with self._at_work(role):  # it is the one that needs the tools of its checks
                self._graph.publish(
                    role,
                    ref,
                    recipe.version,
                    recipe.description,
                    recipe.licence,
                    homepage=recipe.homepage,
                    group=self._groups.group(role),
                    any_seed=True,
                )
                self._publish_check(role + CHECK, self._check(role), f"Checks of {role}")
                if recipe.upstream:
                    tests = f"Tests that the authors of {role} wrote"
                    self._publish_check(role + UPSTREAM, self._upstream(role), tests)
        made = frozenset(self._made[role].node for role in self._groups)
        made |= {ref.node for ref in self._checks.values()}
        self._graph.barriers.append(
            Barrier(made, self._stage.forbidden, self._stage.trusted | made)
        )

    def publish_script(
        self, name: str, label: str, files: Mapping[str, str], inputs: Iterable[Ref], **facts: str
    ) -> None:
        """Make known as ``name`` what the script ``build.sh`` among ``files`` writes, with the
        objects ``inputs`` there; ``facts`` are the package's."""
        shell, args = BUILDER
        tools = self._tools(("coreutils", "sh"))
        derivation = Derivation(
            name=label,
            system=SYSTEM,
            builder=shell,
            args=args,
            env=(("PATH", ":".join([*(f"{ref}/bin" for ref in tools), "/bin"])),),
            rootfs=self._stage.rootfs,
            inputs=sorted_refs((*inputs, *tools)),
            files=tuple(sorted(files.items())),
        )
        ref = self._graph.add(derivation, 2)
        self._graph.publish(name, ref, any_seed=True, **facts)
        made = frozenset((ref.node,))
        self._graph.barriers.append(
            Barrier(made, self._stage.forbidden, self._stage.trusted | self._allowed | made)
        )

    def _publish_check(self, name: str, check: Ref, description: str) -> None:
        version = self._groups[name.rpartition(".")[0]].version
        self._graph.publish(name, check, version, description, group=CHECKS, any_seed=True)

    # -- derivations --

    def _make(self, recipe: Recipe) -> Ref:
        paths = {output: scratch_path(recipe.label, output) for output in recipe.outputs}
        derivation = self._build(recipe, recipe.label, paths, build_script, outputs=recipe.outputs)
        check_allowed(self._graph, self._stage, recipe, derivation, self._allowed)
        self._allowed.add(derivation.digest)
        return self._graph.add(derivation, recipe.seconds)

    def _upstream(self, role: str) -> Ref:
        """The build again, where upstream's own tests are run: the package is there, too."""
        recipe, label = self._groups[role], f"{self._groups[role].label}-upstream"
        node = self._graph.nodes[self[role].node]
        outputs = {output: node.ref(output) for output in recipe.outputs}
        paths = {output: str(ref) for output, ref in outputs.items()}
        paths["result"] = scratch_path(label)
        derivation = self._build(
            recipe,
            label,
            paths,
            upstream_script,
            inputs=outputs.values(),
            tools=recipe.upstream_tools,
        )
        self._checks[f"{role}{UPSTREAM}"] = self._graph.add(derivation, recipe.seconds)
        return self._checks[f"{role}{UPSTREAM}"]

    def _build(
        self,
        recipe: Recipe,
        label: str,
        paths: Mapping[str, str],
        script: ScriptMaker,
        *,
        inputs: Iterable[Ref] = (),
        tools: Iterable[str] = (),
        outputs: tuple[str, ...] = ("out",),
    ) -> Derivation:
        """Return the derivation that runs a script with the source, patches, libraries and tools of
        a recipe; ``paths`` are further variables of it, ``inputs`` and ``tools`` further ones."""
        sources = add_sources(self._graph, recipe, WORLD_SOURCES)
        libraries = self._libraries(recipe.needs)
        runs = {shell_name(role): self[role] for role in recipe.runs}
        patches = {
            f"{PATCHES}/{name}": self._groups.patch(name)
            for name in recipe.patches
            if isinstance(name, str)
        }
        on_path = self._tools((*_tools_of(recipe), *tools))
        variables = {name: str(ref) for name, ref in (sources | runs).items()} | dict(paths)
        if sources:
            variables["source"] = str(next(iter(sources.values())))
        text = script(recipe, variables, libraries, tuple(patches))
        used = {*sources.values(), *runs.values(), *libraries, *inputs}
        return self._derivation(label, text, recipe, on_path, used, patches, outputs)

    def _check(self, role: str) -> Ref:
        recipe = self._groups[role]
        package = self[role]
        libraries = [package, *self._libraries(recipe.needs)]
        label = f"{recipe.label}-check"
        runs = [self[each] for each in recipe.runs]
        node = self._graph.nodes[package.node]
        others = {output: node.ref(output) for output in recipe.outputs[1:]}
        text = check_script(recipe, package, scratch_path(label), libraries, runs, others)
        tools = self._tools((*CHECK_TOOLS, *recipe.tools))
        used = {*libraries, *runs, *others.values()}
        derivation = self._derivation(label, text, recipe, tools, used)
        self._checks[f"{role}{CHECK}"] = self._graph.add(derivation, 5)
        return self._checks[f"{role}{CHECK}"]

    def _derivation(
        self,
        label: str,
        text: str,
        recipe: Recipe,
        tools: Iterable[Ref],
        inputs: set[Ref],
        patches: Mapping[str, str] = MappingProxyType({}),
        outputs: tuple[str, ...] = ("out",),
    ) -> Derivation:
        shell, args = BUILDER
        files = {NAME: text, **patches, **dict(recipe.files)}
        return Derivation(
            name=label,
            system=SYSTEM,
            builder=shell,
            args=args,
            env=environment(self._stage, recipe, tools),
            rootfs=self._stage.rootfs,
            inputs=sorted_refs((*inputs, *tools)),
            outputs=outputs,
            files=tuple(sorted(files.items())),
        )

    def _libraries(self, roles: Iterable[str]) -> list[Ref]:
        """Return the libraries that fill these roles, and all that these need in turn."""
        found: dict[str, Ref] = {}
        left = list(roles)
        while left:
            role = left.pop(0)
            if role not in found:
                found[role] = self[role]
                if role in self._groups:
                    left += self._groups[role].needs
        return list(found.values())

    def _tools(self, roles: Iterable[str]) -> tuple[Ref, ...]:
        """Return the objects on ``$PATH``: those of the world first, each once."""
        wanted = dict.fromkeys(roles)
        ours = [self[role] for role in wanted if role not in self._stage.tools]
        stages = [ref for role, refs in self._stage.tools.items() if role in wanted for ref in refs]
        return tuple(dict.fromkeys((*ours, *stages)))


def _tools_of(recipe: Recipe) -> tuple[str, ...]:
    """Return the roles of the programs that a build runs."""
    implied = ("pkgconf",) if recipe.needs else ()
    patching = ("patch",) if recipe.patches else ()
    if recipe.name in implied:
        raise EvaluationError("pkgconf needs a library")
    return (*recipe.every_tool, *implied, *patching)
