"""The groups of packages."""

from __future__ import annotations

import pytest

from store.errors import UsageError
from store.model.catalogue import Catalogue, Package, collect
from store.model.derivation import Derivation, Source
from store.model.package_groups import (
    check_names,
    checked,
    default_list,
    groups,
    listed,
    members,
)

SOURCE = Source("tool.tar", "0" * 64, ("https://example.test/tool.tar",))
TOOL = Derivation("tool-1", "x86_64-linux", "/bin/sh")
CATALOGUE = Catalogue(
    {
        name: Package(name, node.digest, group=group)
        for name, node, group in (
            ("tool", TOOL, "cli"),
            ("tool.check", TOOL, "checks"),
            ("source.tool", TOOL, "world-sources"),
            ("source.gcc", TOOL, ""),
            ("file", SOURCE, ""),
            ("gcc", TOOL, "base"),
        )
    },
    collect([SOURCE, TOOL]),
)


def names(packages: list[Package]) -> list[str]:
    """Their names, in their order."""
    return [package.name for package in packages]


def test_groups_are_named_once() -> None:
    assert groups(CATALOGUE) == ["base", "checks", "cli", "world-sources"]


def test_a_list_leaves_checks_and_sources_of_the_world_out() -> None:
    assert names(default_list(CATALOGUE, sources=False)) == ["gcc", "source.gcc", "tool"]
    assert names(default_list(CATALOGUE, sources=True)) == [
        *("file", "gcc", "source.gcc", "source.tool", "tool")
    ]
    assert "tool.check" not in names(listed(CATALOGUE.packages.values()))


def test_groups_have_members_by_name() -> None:
    assert names(members(CATALOGUE, ("checks", "base"))) == ["gcc", "tool.check"]
    with pytest.raises(UsageError, match=r"'cl\\x1b'") as caught:
        members(CATALOGUE, ("base", "cl\x1b"))
    assert caught.value.hint == "groups: base, checks, cli, world-sources"


def test_packages_with_checks_are_chosen_by_name_and_group() -> None:
    assert names(checked(CATALOGUE, (), ())) == ["tool"]
    assert names(checked(CATALOGUE, ("tool",), ("cli",))) == ["tool"]
    with pytest.raises(UsageError, match="'gcc' has no check"):
        checked(CATALOGUE, ("gcc",), ())
    with pytest.raises(UsageError, match="no package of base"):
        checked(CATALOGUE, (), ("base",))
    tool = CATALOGUE.packages["tool"]
    assert check_names(CATALOGUE, [tool], upstream=True) == ["tool.check"]
