"""The order of the chain: which links there are, and the tools that build each."""

from __future__ import annotations

from derivations.chain.binutils import BINUTILS_BY_TCC
from derivations.chain.gcc3 import GCC3, GCC3_BY_TCC
from derivations.chain.make import MAKE
from derivations.chain.musl_by_gcc import MUSL_BY_GCC
from derivations.chain.musl_by_tcc import MUSL_BY_TCC
from derivations.chain.tcc import MUSL_BY_SEED, TCC, TCC_BY_SEED
from derivations.kit import Links

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


def add_chain(links: Links) -> None:
    """Add every link, in order."""
    first = links.add("chain0", {"libc": MUSL_BY_SEED, "cc": TCC_BY_SEED}, _BY_TCC)
    links.use(first, "cc")
    tcc = links.add(CHAIN, {"libc": MUSL_BY_TCC, "cc": TCC}, _BY_TCC, twin="chain0")
    links.use(tcc, "cc")
    links.use(links.add(CHAIN, {"make": MAKE}, _BY_TCC), "make")
    binutils = links.add(CHAIN, {"binutils": BINUTILS_BY_TCC}, _BY_TCC)
    given = {"libc": tcc["libc"], "binutils": binutils["binutils"]}
    links.use(links.add(CHAIN, {"cc": GCC3_BY_TCC}, _BY_TCC, given), "cc")
    libc = links.add(CHAIN, {"musl": MUSL_BY_GCC}, _BY_TCC, given)
    given["libc"] = libc["musl"]
    links.use(links.add(CHAIN, {"cc": GCC3}, _BY_TCC, given), "cc")
