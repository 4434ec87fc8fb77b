"""The groups of packages: folders of the world's recipes, and those that the kit itself fills."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from store.display import quoted
from store.errors import UsageError
from store.model.catalogue import CHECK, CHECKS, UPSTREAM, WORLD_SOURCES, Catalogue, Package
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


def checked(catalogue: Catalogue, names: Collection[str], wanted: Collection[str]) -> list[Package]:
    """Return the packages of these names and groups that have a check, each once; without any,
    all.

    Raises UsageError for an unknown group and for a named package without a check, and
    UnknownPackage.
    """
    named = [catalogue.package(name) for name in names]
    for package in named:
        if package.name + CHECK not in catalogue.packages:
            raise UsageError(
                f"{quoted(package.name)} has no check of its own",
                hint="packages of the base set are checked in their builds; "
                "`store list --group checks` names the checks",
            )
    if wanted:
        named += members(catalogue, wanted)
    elif not names:
        named = [package for _, package in sorted(catalogue.packages.items())]
    found = dict.fromkeys(
        package for package in named if package.name + CHECK in catalogue.packages
    )
    if not found:
        raise UsageError(f"no package of {', '.join(wanted) or 'the recipes'} has a check")
    return list(found)


def check_names(catalogue: Catalogue, packages: Iterable[Package], *, upstream: bool) -> list[str]:
    """Return the names of the checks of packages, with ``upstream`` those of authors' tests too."""
    suffixes = (CHECK, UPSTREAM) if upstream else (CHECK,)
    names = (package.name + suffix for package in packages for suffix in suffixes)
    return [name for name in names if name in catalogue.packages]
