"""The bootstrap, from top to bottom.

A seed, binaries that somebody else built, is taken as it is. It builds a cross toolchain (stage 0).
That builds the distribution (stage 1), with the seed's userland still around, but not its compiler.
The distribution builds itself (stage 2), with nothing else around. When stage 2's objects are stage
1's, it no longer matters what the seed was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from derivations.bash import BASH
from derivations.binutils import BINUTILS, CROSS_BINUTILS
from derivations.bzip2 import BZIP2
from derivations.chain import CHAIN, add_chain, add_oracles
from derivations.coreutils import COREUTILS
from derivations.diffutils import DIFFUTILS
from derivations.findutils import FINDUTILS
from derivations.gawk import GAWK
from derivations.gcc import CROSS_GCC, GCC
from derivations.grep import GREP
from derivations.gzip import GZIP
from derivations.kit import (
    BUILD_TOOLS,
    CatalogueBuilder,
    Groups,
    Links,
    PackageSet,
    Recipe,
    Seed,
    Stage,
    World,
    rootfs,
    systems,
    variant,
)
from derivations.kit.seed import COMPILER, USERLAND
from derivations.linux_headers import LINUX_HEADERS
from derivations.m4 import M4
from derivations.make import MAKE, MAKE_BY_SCRIPT
from derivations.musl import MUSL
from derivations.patch import PATCH
from derivations.sed import SED
from derivations.tar import TAR
from derivations.tcc import TCC
from derivations.xz import XZ
from derivations.zig_cc import ZIG_CC
from store.model.catalogue import Catalogue
from store.model.derivation import Ref

TOOLCHAIN: dict[str, Recipe] = {
    "kernel-headers": LINUX_HEADERS,
    "libc": MUSL,
    "binutils": BINUTILS,
    "cc": GCC,
}

USERLAND_PACKAGES: dict[str, Recipe] = {
    "sh": BASH,
    "coreutils": COREUTILS,
    "make": MAKE,
    "sed": SED,
    "grep": GREP,
    "awk": GAWK,
    "m4": M4,
    "diffutils": DIFFUTILS,
    "findutils": FINDUTILS,
    "tar": TAR,
    "gzip": GZIP,
    "bzip2": BZIP2,
    "xz": XZ,
    "patch": PATCH,
}

# In every stage that makes the distribution's own packages: static, and without the symbols and
# debug information in which stages would differ.
PACKAGE_FLAGS = (("CFLAGS", "-O2"), ("CXXFLAGS", "-O2"), ("LDFLAGS", "-static -s"))

# In the world no name of a source file in a message is a path of the build.
_OPTIMISED = "-O2 -ffile-prefix-map=/build=."
WORLD_FLAGS = (("CFLAGS", _OPTIMISED), ("CXXFLAGS", _OPTIMISED), ("LDFLAGS", "-static -s"))

# Roles that /bin fills, once what compiles comes from elsewhere.
IN_BIN: dict[str, tuple[Ref, ...]] = {role: () for role in (*BUILD_TOOLS, "m4") if role != "cc"}

# The seed that the chain starts from. On it stage 0 is built by the chain's end.
CHAINED = "tcc"

# Seeds with a gcc and a clang that have nothing to do with the chain, but that compile tcc, too.
ORACLES = ("debian", "zig")

# What a seed has not got in /bin, built with what it has: each with the ones before it.
FURNISHING: dict[str, dict[str, Recipe]] = {
    "zig": {
        "cc": ZIG_CC,
        "make": MAKE_BY_SCRIPT,
        # Not checked to be static, as what runs in the distribution is: there is no readelf yet.
        "m4": variant(M4, programs=()),
        "awk": variant(GAWK, programs=()),
        # busybox's find has no -delete.
        "findutils": variant(FINDUTILS, programs=()),
    },
}


def catalogue(seeds: Mapping[str, Mapping[str, Any]], seed: str = "debian") -> Catalogue:
    """Every package of the ladder that stands on ``seed``; ``seeds`` has each seed.json."""
    graph = CatalogueBuilder()
    roots = add_seeds(graph, seeds)
    strangers = frozenset(graph.nodes)
    links = Links(graph, roots[CHAINED][0]) if CHAINED in seeds else None
    chained = _chained_root(links, strangers) if links is not None else None
    if seed != CHAINED:
        full, userland = roots[seed]
        tools = bootstrap_tools(graph, full, FURNISHING.get(seed, {}))
        ladder(graph, strangers, full, userland, tools)
    elif links is not None and chained is not None:
        tools = {role: links.tools[role] for role in ("cc", "binutils", *IN_BIN)}
        ladder(graph, strangers | links.nodes, links.root, chained, tools)
    if links is not None:
        others = [Links(graph, roots[name][0]) if name in roots else None for name in ORACLES]
        add_oracles(links, *others)
    return graph.catalogue()


def _chained_root(links: Links, strangers: frozenset[bytes]) -> Ref:
    """Add the chain; returns the root file system for stage 1, whose shell is GNU's."""
    shell = add_chain(links, strangers)
    return links.root_with(f"{CHAIN}.userland-bash", shell, "shell")


def ladder(
    graph: CatalogueBuilder,
    untrusted: frozenset[bytes],
    full: Ref,
    userland: Ref,
    tools: dict[str, tuple[Ref, ...]],
) -> None:
    """The stages on a seed's root file systems, with its compiler and without, and the world.
    ``tools`` builds stage 0; stage 2 is to do without the nodes ``untrusted``."""
    tcc_ladder(graph, full, tools)
    cross, made = stage0(graph, full, tools)
    untrusted |= made | {ref.node for refs in tools.values() for ref in refs}
    stage1, made = distribution(graph, "stage1", userland, tools | {"cc": cross})
    stage2, above = by_itself(graph, "stage2", stage1, made, untrusted, twin="stage1")
    # Nobody needs it; that nothing is left to do for it is the proof.
    by_itself(graph, "stage3", stage2, above, untrusted | made, twin="stage2")
    # Before the world: the file of a package there that takes one of these names is named.
    for recipe in (*TOOLCHAIN.values(), *USERLAND_PACKAGES.values()):
        graph.alias(recipe.name, f"stage1.{recipe.name}")
    world(graph, stage2, above, untrusted | made)


def add_seeds(
    graph: CatalogueBuilder, seeds: Mapping[str, Mapping[str, Any]]
) -> dict[str, tuple[Ref, Ref]]:
    """The seeds' root file systems, by name: with the compiler and without."""
    roots = {}
    for name, value in seeds.items():
        seed = Seed.from_json(name, value)
        for source in seed.sources(USERLAND, COMPILER):
            graph.add(source)
        full = graph.add(seed.rootfs("full", USERLAND, COMPILER), seconds=17)
        userland = graph.add(seed.rootfs("userland", USERLAND), seconds=10)
        graph.publish(f"seed.{name}", full, description=seed.description)
        graph.publish(f"seed.{name}-userland", userland, description=seed.description)
        roots[name] = full, userland
    return roots


def tcc_ladder(graph: CatalogueBuilder, full: Ref, tools: dict[str, tuple[Ref, ...]]) -> None:
    """The whole idea in a minute: the seed's compiler builds tcc, which builds tcc, which builds
    tcc. The last two are the same object, and so they are on another seed.
    """
    compiler = tools["cc"]
    for name, twin in (("tcc0", ""), ("tcc1", ""), ("tcc2", "tcc1"), ("tcc3", "tcc2")):
        stage = Stage(
            name,
            full,
            tools | {"cc": compiler, "binutils": ()},
            {"tcc": TCC},
            env=(("CC", "cc"),),
            twin=twin,
            any_seed=name != "tcc0",
        )
        stock = PackageSet(stage, graph)
        stock.publish()
        compiler = (stock["tcc"], *tools["cc"])
    graph.alias("tcc", "tcc2.tcc")


def bootstrap_tools(
    graph: CatalogueBuilder, full: Ref, recipes: Mapping[str, Recipe]
) -> dict[str, tuple[Ref, ...]]:
    """Return the objects that fill each role with ``full`` as the root file system; roles that it
    lacks are built first."""
    tools = {"cc": (), **IN_BIN}
    if not recipes:
        return tools | {"binutils": ()}
    for role, recipe in recipes.items():
        env = (*PACKAGE_FLAGS, ("AWK", "awk"))
        stock = PackageSet(Stage("seed", full, tools, {role: recipe}, env), graph)
        stock.publish()
        tools[role] = (stock[role],)
    return tools


def stage0(
    graph: CatalogueBuilder, full: Ref, tools: dict[str, tuple[Ref, ...]]
) -> tuple[tuple[Ref, ...], frozenset[bytes]]:
    """The cross toolchain, by the seed's compiler; returns the part for ``$PATH``, and all of it.

    It makes static programs for musl, and its programs have the names that native ones have. Where
    the seed has no binutils, the compilers are built with the new ones around.
    """
    recipes = {
        "kernel-headers": LINUX_HEADERS,
        "cross-binutils": CROSS_BINUTILS,
        "cross-gcc": CROSS_GCC,
    }
    stage = Stage("cross", full, tools, recipes)
    if "binutils" not in tools:
        made = PackageSet(stage, graph)["cross-binutils"]
        stage = replace(stage, tools=tools | {"binutils": (made,)})
    stock = PackageSet(stage, graph)
    nodes = stock.publish()
    return (stock["cross-gcc"], stock["cross-binutils"]), nodes


def distribution(
    graph: CatalogueBuilder,
    name: str,
    root: Ref,
    tools: Mapping[str, tuple[Ref, ...]],
    *,
    forbidden: frozenset[bytes] = frozenset(),
    trusted: frozenset[bytes] = frozenset(),
    twin: str = "",
) -> tuple[PackageSet, frozenset[bytes]]:
    """The distribution's packages, made by ``tools`` with ``root`` as the root file system."""
    stage = Stage(
        name=name,
        rootfs=root,
        tools=tools,
        recipes=TOOLCHAIN | USERLAND_PACKAGES,
        env=PACKAGE_FLAGS,
        forbidden=forbidden,
        trusted=trusted,
        twin=twin,
        any_seed=True,
    )
    stock = PackageSet(stage, graph)
    return stock, stock.publish()


def by_itself(
    graph: CatalogueBuilder,
    name: str,
    below: PackageSet,
    made: frozenset[bytes],
    untrusted: frozenset[bytes],
    twin: str,
) -> tuple[PackageSet, frozenset[bytes]]:
    """The distribution again, by itself: a root of its own programs, its own compiler.

    ``made`` is all that the stage below made; its root holds what the seed's userland held for
    stage 1 and no more, so that a configure script finds no program in one stage that it does not
    find in the other.
    """
    root, tools = own_tools(graph, twin, below)
    return distribution(
        graph, name, root, tools, forbidden=untrusted, trusted=made | {root.node}, twin=twin
    )


def own_tools(
    graph: CatalogueBuilder, name: str, below: PackageSet
) -> tuple[Ref, dict[str, tuple[Ref, ...]]]:
    """A root file system of a stage's own programs, and what it builds with."""
    programs = [below[role] for role in IN_BIN]
    made_root = rootfs("userland", programs, shell=below["sh"], coreutils=below["coreutils"])
    root = graph.publish_userland(name, made_root, seconds=2)
    return root, {"cc": (below["cc"], below["binutils"]), **IN_BIN}


def world(
    graph: CatalogueBuilder, below: PackageSet, made: frozenset[bytes], forbidden: frozenset[bytes]
) -> None:
    """Everything else, once: by stage 2, whatever the seed was. Its recipes lie in folders."""
    root, tools = own_tools(graph, "stage2", below)
    others = {role: (below[role],) for role in USERLAND_PACKAGES if role not in tools}
    stage = Stage(
        name="world",
        rootfs=root,
        tools=tools | others,
        recipes={},
        env=WORLD_FLAGS,
        forbidden=forbidden,
        trusted=made | {root.node},
    )
    package = __name__.rpartition(".")[0]
    folder = Path(__file__).parent
    packages = World(graph, stage, below, Groups(package, folder))
    packages.publish()
    systems.publish(packages, package, folder)
