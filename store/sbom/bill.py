"""The content of a bill of materials, whatever its form."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

OUTSTANDING: Final = "unknown"
"""Patches that a package lacks: the store has no index of them; `scripts/pins check` asks one."""


class ComponentUse(StrEnum):
    """The part that a component has in the packages of a bill, the nearest that holds."""

    GOAL = "goal"
    """One of the packages themselves."""
    OUTPUT = "output"
    """Their outputs refer to it, at some remove: it is there when they run."""
    LINKED = "linked"
    """An input beside tools: a library or a text, of which their outputs may hold parts."""
    BUILD = "build"
    """A tool or a root file system of a build, or an input of such."""


class AppliedPatch(NamedTuple):
    """``source`` is the key of the archive of Debian's that has it; empty for one of ours, of which
    ``sha256`` is the text's."""

    name: str
    source: str = ""
    sha256: str = ""


@dataclass(frozen=True, kw_only=True)
class BillSource:
    """A file fixed by hash. ``locators`` hold no secret."""

    key: str
    name: str
    sha256: str
    locators: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class BillComponent:
    """A build, or a tree that was unpacked. ``packages`` are its names in the catalogue; ``paths``
    are pairs of an output and its store path, of those that were realised.

    ``sources``, ``tools`` (on ``$PATH``, and the root file system), ``inputs`` (all others) and
    ``refers`` (references of its outputs) are keys.
    """

    key: str
    name: str
    use: ComponentUse
    kind: str = "build"
    version: str = ""
    description: str = ""
    licence: str = ""
    homepage: str = ""
    group: str = ""
    packages: tuple[str, ...] = ()
    derivation: str = ""
    paths: tuple[tuple[str, str], ...] = ()
    sources: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    refers: tuple[str, ...] = ()
    patches: tuple[AppliedPatch, ...] = ()

    @property
    def below(self) -> tuple[str, ...]:
        """The keys of all that it is made from or refers to, sorted."""
        every = {*self.sources, *self.tools, *self.inputs, *self.refers}
        return tuple(sorted(every))

    @property
    def facts(self) -> list[tuple[str, str]]:
        """Names and values of all for which bills have no field of their own."""
        found = [("use", str(self.use)), ("kind", self.kind)]
        found += [("package", name) for name in self.packages]
        found += [("derivation", self.derivation)] if self.derivation else []
        found += [(f"path:{output}", path) for output, path in self.paths]
        found += [("patch", patch.name) for patch in self.patches]
        found += [("patches-outstanding", OUTSTANDING)] if self.sources else []
        return found


@dataclass(frozen=True, kw_only=True)
class Bill:
    """The parts of packages. ``goals`` are keys of components or sources; ``realised`` says
    whether their outputs are in the store, so that the outputs' references are known. ``engine`` is
    the version of the engine. All is sorted by keys."""

    names: tuple[str, ...]
    seed: str
    engine: str
    goals: tuple[str, ...]
    realised: bool
    components: tuple[BillComponent, ...]
    sources: tuple[BillSource, ...]
