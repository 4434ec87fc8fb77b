"""The package of the project itself: it follows each edit, and takes no other package along."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from store.fetch.project import archive_of
from store.model.catalogue import Catalogue
from store.model.derivation import Source
from store.recipes import catalogues

TREE = Path(__file__).resolve().parents[3]
OWN = {
    *("fixpoint", "fixpoint.check", "source.fixpoint", "system.workshop"),
    *("site-pages", "site-pages.check", "site-programs", "site-programs.check", "system.site"),
}
"""The project's own packages, and the systems that they are in."""


@pytest.mark.slow
def test_an_edit_of_the_engine_changes_its_own_package_alone(tmp_path: Path) -> None:
    top = tmp_path / "project"
    for part in ("bootstrap-seeds", "derivations", "store"):
        shutil.copytree(TREE / part, top / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(TREE / "LICENSE", top)

    def load() -> dict[str, bytes]:
        found = catalogues.load(str(tmp_path / "kept"), str(top / "derivations"), "debian")
        return {name: package.node for name, package in found.packages.items()}

    before = load()
    assert load() == before
    with (top / "store" / "cli" / "main.py").open("a") as stream:
        stream.write("# edited\n")
    after = load()
    assert {name for name, node in after.items() if before[name] != node} == OWN


def test_its_locator_is_the_folder_of_the_recipes(
    evaluated: Callable[[str, str], Catalogue],
) -> None:
    found = evaluated("derivations", "debian")
    sources = [node for node in found.nodes.values() if isinstance(node, Source)]
    own = [node.locators for node in sources if node.name.startswith("fixpoint-")]
    assert own == [(f"project:{TREE}",)]


@pytest.mark.slow
def test_a_folder_with_any_name_is_named(tmp_path: Path) -> None:
    top = tmp_path / os.fsdecode(b"f\xc3\xbcr \xff\n")
    for part in ("bootstrap-seeds", "derivations", "store"):
        shutil.copytree(TREE / part, top / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(TREE / "LICENSE", top)
    found = catalogues.load(str(tmp_path / "kept"), str(top / "derivations"), "debian")
    sources = [node for node in found.nodes.values() if isinstance(node, Source)]
    own = next(node for node in sources if node.name.startswith("fixpoint-"))
    assert own.locators[0].endswith("/f%C3%BCr%20%FF%0A")
    assert hashlib.sha256(archive_of(own.locators[0])).hexdigest() == own.sha256
