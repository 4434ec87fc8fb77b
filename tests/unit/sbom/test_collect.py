"""Bills from a catalogue: which part each node has."""

from __future__ import annotations

import hashlib

import pytest

from store.errors import UnknownOutput, UnknownPackage
from store.local.store import Store
from store.model.catalogue import Catalogue
from store.sbom.bill import AppliedPatch, Bill, BillComponent
from store.sbom.collect import collect


def bill(store: Store, catalogue: Catalogue, *names: str) -> Bill:
    return collect(store, catalogue, names, seed="debian", engine="0")


def by_name(found: Bill) -> dict[str, BillComponent]:
    return {part.name: part for part in found.components}


def test_tools_are_told_from_libraries_and_sources(store: Store, catalogue: Catalogue) -> None:
    found = bill(store, catalogue, "app")
    parts = by_name(found)
    assert {name: part.use for name, part in parts.items()} == {
        "app": "goal",
        "lib": "linked",
        "tool": "build",
        "root": "build",
    }
    app, lib = parts["app"], parts["lib"]
    assert found.goals == (app.key,)
    assert not found.realised
    assert app.inputs == (lib.key,)
    assert set(app.tools) == {parts["tool"].key, parts["root"].key}
    names = {source.key: source.name for source in found.sources}
    assert {names[key] for key in app.sources} == {"app_2.orig.tar.xz", "app_2-1.debian.tar.xz"}
    assert [names[key] for key in lib.sources] == ["lib-1.tar.gz"]
    assert [names[key] for key in parts["root"].sources] == ["seed_1_amd64.deb"]


def test_facts_are_those_of_the_package_with_the_shortest_name(
    store: Store, catalogue: Catalogue
) -> None:
    tool = by_name(bill(store, catalogue, "app"))["tool"]
    assert tool.packages == ("stage1.tool", "stage2.long-tool")
    assert (tool.version, tool.licence) == ("3", "MIT OR Zlib")
    assert tool.derivation == catalogue.packages["stage1.tool"].node.hex()


def test_patches_are_ours_by_their_text_and_debians_by_their_archive(
    store: Store, catalogue: Catalogue
) -> None:
    found = bill(store, catalogue, "app")
    [archive] = [each.key for each in found.sources if "debian" in each.name]
    ours = hashlib.sha256(b"why\n--- a\n").hexdigest()
    assert set(by_name(found)["app"].patches) == {
        AppliedPatch("ours.patch", sha256=ours),
        AppliedPatch("CVE-1.patch", source=archive),
    }


def test_no_secret_of_a_locator_is_in_a_bill(store: Store, catalogue: Catalogue) -> None:
    assert "secret" not in repr(bill(store, catalogue, "lib"))
    [ours] = bill(store, catalogue, "ours").sources
    assert ours.locators == ("project:",)


def test_a_file_alone_is_a_goal(store: Store, catalogue: Catalogue) -> None:
    found = bill(store, catalogue, "file")
    assert found.components == ()
    assert [source.key for source in found.sources] == list(found.goals)


def test_names_that_mean_nothing_are_refused(store: Store, catalogue: Catalogue) -> None:
    with pytest.raises(UnknownPackage):
        bill(store, catalogue, "app", "ap")
    with pytest.raises(UnknownOutput):
        bill(store, catalogue, "app^lib")
