"""The world over a seed, where the ladder would stand: to see in minutes whether a recipe builds.

In the place of stage 2 stand zig's compilers with their musl, the programs of Debian's seed, and
its binutils; in the place of the kernel, Debian's. The packages of the distribution are those of
``derivations``, and none is built here. The systems among them boot.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import derivations
from derivations.kit import (
    CatalogueBuilder,
    Groups,
    PackageSet,
    Recipe,
    Seed,
    Stage,
    World,
    systems,
    variant,
)
from derivations.kit.seed import COMPILER, USERLAND, Part
from derivations.stages import IN_BIN, PACKAGE_FLAGS, USERLAND_PACKAGES, WORLD_FLAGS
from smoke.compiler import SMOKE_CC
from smoke.kernel import LINUX
from store.errors import EvaluationError
from store.model.catalogue import Catalogue
from store.model.derivation import Ref

BINUTILS = (
    *("binutils-x86-64-linux-gnu", "libbinutils", "libctf0", "libctf-nobfd0", "libjansson4"),
    *("libzstd1", "zlib1g"),
)
"""Files of Debian's seed that are no part of its userland: zig has neither readelf nor nm."""

STAND_INS = {"linux": LINUX}


def catalogue(seeds: Mapping[str, Mapping[str, Any]], seed: str = "debian") -> Catalogue:
    """The world's packages, over the stand-in for stage 2; the same whatever the ``seed`` is."""
    graph = CatalogueBuilder()
    root = stand_in(graph, seeds)
    inside: dict[str, tuple[Ref, ...]] = {"cc": (), "binutils": (), **IN_BIN}
    compiler = PackageSet(Stage("smoke", root, inside, {"cc": SMOKE_CC}, PACKAGE_FLAGS), graph)
    compiler.publish()
    tools = inside | {"cc": (compiler["cc"],)}
    # What the root lacks, such as patch, is built when a recipe of the world wants it.
    others = {role: variant(recipe, programs=()) for role, recipe in USERLAND_PACKAGES.items()}
    below = PackageSet(Stage("smoke", root, tools, others, PACKAGE_FLAGS), graph)
    stage = Stage("smoke", root, tools, {}, WORLD_FLAGS)
    folder = Path(derivations.__file__ or "").parent
    world = World(graph, stage, below, StandIns(derivations.__name__, folder))
    world.publish()
    systems.publish(world, derivations.__name__, folder)
    return graph.catalogue()


class StandIns(Groups):
    """The world's recipes, but for those that take too long to build and have a stand-in."""

    def __getitem__(self, role: str) -> Recipe:
        return STAND_INS.get(role) or super().__getitem__(role)


def stand_in(graph: CatalogueBuilder, seeds: Mapping[str, Mapping[str, Any]]) -> Ref:
    """The root file system: Debian's programs and binutils, and zig."""
    debian, zig = (Seed.from_json(name, seeds[name]) for name in ("debian", "zig"))
    parts = (
        *(part for part in debian.parts if part.role == USERLAND),
        *(_named(debian, name) for name in BINUTILS),
        *(part for part in zig.parts if part.role == COMPILER),
    )
    mixed = Seed("smoke", "Debian's programs and zig's compilers", debian.links, parts)
    for source in mixed.sources(USERLAND, COMPILER):
        graph.add(source)
    root = graph.add(mixed.rootfs("root", USERLAND, COMPILER), seconds=20)
    graph.publish("smoke.root", root, description=mixed.description)
    return root


def _named(seed: Seed, name: str) -> Part:
    for part in seed.parts:
        if part.source.name.partition("_")[0] == name:
            return part
    raise EvaluationError(f"the seed {seed.name!r} has no file of {name!r}")
