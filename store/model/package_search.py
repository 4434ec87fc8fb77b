"""Packages that words describe, the likeliest first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from store.model.catalogue import Package

_NOWHERE = 9


def search(packages: Iterable[Package], words: Sequence[str]) -> list[Package]:
    """Return the packages that have all words in their names and descriptions, in any case.

    First come those with the words as their names, then those with them in their names, then the
    rest. Of several names of one node, the one that fits best stands for all.
    """
    wanted = [word.casefold() for part in words for word in part.split()]
    found: dict[bytes, Package] = {}
    ranked = [(ranks, package) for package in packages if (ranks := _ranks(package, wanted))]
    for _, package in sorted(ranked, key=lambda pair: (pair[0], len(pair[1].name), pair[1].name)):
        found.setdefault(package.node, package)
    return list(found.values())


def _ranks(package: Package, words: Sequence[str]) -> tuple[int, ...]:
    """Return the sum of the words' ranks, and the worst; empty unless all words are there."""
    ranks = [_rank(package, word) for word in words]
    return (sum(ranks), max(ranks)) if ranks and max(ranks) < _NOWHERE else ()


def _rank(package: Package, word: str) -> int:
    name, description = package.name.casefold(), package.description.casefold()
    if word == name:
        return 0
    if word in name.split("."):
        return 1
    if any(part.startswith(word) for part in re.split(r"[.-]", name)):
        return 2
    if word in name:
        return 3
    terms = re.split(r"\W+", description)
    if word in terms:
        return 4
    if any(term.startswith(word) for term in terms):
        return 5
    return 6 if word in description else _NOWHERE
