"""The groups of packages: folders of the world's recipes, and those that the kit itself fills."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from store.display import quoted
from store.errors import UsageError
from store.model.catalogue import CHECKS, WORLD_SOURCES, Catalogue, Package
from store.model.derivation import Source

UNLISTED: Final = frozenset({CHECKS, WORLD_SOURCES})
"""Groups that are listed only when they are asked for: each package has one or more in them."""


def groups(catalogue: Catalogue) -> list[str]:
    """Return the names of all groups, sorted."""
    return sorted({package.group for package in catalogue.packages.values()} - {""})


def listed(packages: Iterable[Package]) -> list[Package]:
    """Return the packages that a list has where no group is named, in their order."""
    return [package for package in packages if package.group not in UNLISTED]


def members(catalogue: Catalogue, wanted: Collection[str]) -> list[Package]:
    """Return the packages of these groups by name; UsageError for a group that has none."""
    known = groups(catalogue)
    for group in wanted:
        if group not in known:
            raise UsageError(
                f"no package is in the group {quoted(group)}", hint=f"groups: {', '.join(known)}"
            )
    return [package for _, package in sorted(catalogue.packages.items()) if package.group in wanted]


def default_list(catalogue: Catalogue, *, sources: bool) -> list[Package]:
    """Return the packages that are listed where no group is named, by name; with ``sources``, the
    fetched files and the trees of sources too."""
    packages = [package for _, package in sorted(catalogue.packages.items())]
    if sources:
        return [package for package in packages if package.group != CHECKS]
    return [
        package
        for package in listed(packages)
        if not isinstance(catalogue.nodes[package.node], Source)
    ]
