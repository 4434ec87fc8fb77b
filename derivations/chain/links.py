"""The order of the chain: which links there are, and the tools that build each."""

from __future__ import annotations

from collections.abc import Set

from derivations.chain import oracles
from derivations.chain.binutils import BINUTILS_BY_TCC
from derivations.chain.gcc3 import GCC3, GCC3_BY_TCC, RANDOM_SEED
from derivations.chain.gcc10 import GCC10, M4
from derivations.chain.gcc_tests import TESTS_GCC3, TESTS_GCC10
from derivations.chain.make import MAKE
from derivations.chain.musl_by_gcc import MUSL_BY_GCC
from derivations.chain.musl_by_tcc import MUSL_BY_TCC
from derivations.chain.regenerated import REGENERATED
from derivations.chain.tcc import MUSL_BY_SEED, TCC, TCC_BY_SEED
from derivations.chain.torture import TORTURE_GCC3, TORTURE_GCC3_C, TORTURE_GCC10, TORTURE_TCC
from derivations.chain.userland import BASH, BUSYBOX_BY_TCC, FINDUTILS, GAWK
from derivations.kit import Links, PackageSet, Recipe

CHAIN = "chain"

# tcc links and archives by itself. The seed's shell would take its own `ar` for a bare name.
_BY_TCC = (
    ("AR", "tcc -ar"),
    ("AWK", "awk"),
    ("CC", "cc"),
    ("CXX", "no"),
    ("LD", "true"),
    ("RANLIB", "true"),
)

# The C of the year 1999 is not yet what it takes by itself.
_BY_GCC3 = (
    ("AR", "x86_64-linux-musl-ar"),
    ("AWK", "awk"),
    ("CC", "cc -std=gnu99"),
    ("CXX", f"c++ {RANDOM_SEED}"),
)

# gcc 10 is made as a compiler for musl is, and all that it compiles is static.
_BY_GCC10 = (
    ("AWK", "awk"),
    ("CFLAGS", "-O1"),
    ("CXXFLAGS", "-O1"),
    ("LDFLAGS", "-static -s"),
)


def add_chain(links: Links, seeds: Set[bytes]) -> PackageSet:
    """Add every link, in order. A compiler is used when it has compiled the small programs. Returns
    the last one, a ``shell`` of GNU's for stage 1.

    ``seeds`` are the nodes of which no link may make use once the chain has a userland.
    """
    _begin(links, "chain0", MUSL_BY_SEED, TCC_BY_SEED)
    first = links.add("chain0", {"busybox": BUSYBOX_BY_TCC}, _BY_TCC)
    links.move("chain0", first, "busybox", seeds)
    tcc = _begin(links, CHAIN, MUSL_BY_TCC, TCC, twin="chain0")
    own = links.add(CHAIN, {"busybox": BUSYBOX_BY_TCC}, _BY_TCC, twin="chain0")
    links.move(CHAIN, own, "busybox", seeds)
    links.tools["tcc"] = links.tools["cc"]
    for role, recipe in (("awk", GAWK), ("binutils", BINUTILS_BY_TCC)):
        links.use(links.add(CHAIN, {role: recipe}, _BY_TCC), role)

    given = {"libc": tcc["libc"], "binutils": links.tools["binutils"][0]}
    c = links.add(CHAIN, {"cc": GCC3_BY_TCC}, _BY_TCC, given)
    links.compile_with(c, TORTURE_GCC3_C, CHAIN, _BY_TCC)
    given["libc"] = links.add(CHAIN, {"musl": MUSL_BY_GCC}, _BY_TCC, given)["musl"]
    gcc3 = links.add(CHAIN, {"cc": GCC3}, _BY_TCC, given)
    links.compile_with(gcc3, TORTURE_GCC3, CHAIN, _BY_GCC3)
    links.add(CHAIN, {"tests": TESTS_GCC3, "regenerated": REGENERATED}, _BY_GCC3)
    links.use(links.add(CHAIN, {"m4": M4}, _BY_GCC3), "m4")
    gcc10 = links.add(CHAIN, {"cc": GCC10}, _BY_GCC3, given)
    links.compile_with(gcc10, TORTURE_GCC10, CHAIN, _BY_GCC3)
    links.add(CHAIN, {"tests": TESTS_GCC10}, _BY_GCC3)
    links.tools["cc"] += links.tools["binutils"]
    links.use(links.add(CHAIN, {"findutils": FINDUTILS}, _BY_GCC10), "findutils")
    return links.add(CHAIN, {"shell": BASH}, _BY_GCC10)


def _begin(links: Links, name: str, libc: Recipe, cc: Recipe, twin: str = "") -> PackageSet:
    """Add a C library, tcc and make as packages ``NAME.…``, and build the links that follow with
    the last two."""
    tcc = links.add(name, {"libc": libc, "cc": cc}, _BY_TCC, twin=twin)
    links.compile_with(tcc, TORTURE_TCC, name, _BY_TCC)
    links.use(links.add(name, {"make": MAKE}, _BY_TCC, twin=twin), "make")
    return tcc


def add_oracles(links: Links, by_gcc: Links | None, by_clang: Links | None) -> None:
    """Add musl and tcc once more, by a tcc that a compiler of another seed has compiled; each of
    the last two works in that seed's root file system. And by a tcc without wide numbers, which
    needs two rounds more."""
    given = links.add(CHAIN, {"sources": oracles.SOURCES}, _BY_TCC)
    for name, others, command in (
        ("chain1", by_gcc, oracles.GCC),
        ("chain2", by_clang, oracles.CLANG),
    ):
        if others is not None:
            recipes = oracles.by_stranger(command)
            others.add(name, recipes, _BY_TCC, {"sources": given["sources"]}, twin=CHAIN)

    rounds = links.branch("tcc")
    made = rounds.add("chain3", oracles.by_narrow(), _BY_TCC, {"sources": given["sources"]})
    for name, twin in (("chain4", ""), ("chain5", CHAIN)):
        rounds.use(made, "cc")
        made = rounds.add(name, {"libc": MUSL_BY_TCC, "cc": TCC}, _BY_TCC, twin=twin)
