"""The ladder as it stands in the tree: sound as a whole."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from derivations import stages
from store.errors import EvaluationError
from store.model.catalogue import Catalogue
from store.model.derivation import Derivation, Source

TREE = Path(__file__).parents[3]
POOL = re.compile(r"debian:pool/main/(lib)?[a-z0-9]/[a-z0-9.+-]+/[A-Za-z0-9._+~-]+")


def seeds() -> dict[str, Any]:
    return {
        path.parent.name: json.loads(path.read_text())
        for path in sorted((TREE / "bootstrap-seeds").glob("*/seed.json"))
    }


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return stages.catalogue(seeds())


def test_every_node_of_every_build_closure_is_there(catalogue: Catalogue) -> None:
    goals = [package.node for package in catalogue.packages.values()]
    for digest in catalogue.build_closure(goals):
        assert digest in catalogue.nodes


def test_evaluation_is_deterministic(catalogue: Catalogue) -> None:
    assert stages.catalogue(seeds()).packages == catalogue.packages


def test_a_bare_name_is_the_first_stage_of_the_distribution(catalogue: Catalogue) -> None:
    assert catalogue.packages["gcc"].node == catalogue.packages["stage1.gcc"].node


def test_stage_2_is_of_the_same_packages_as_stage_1(catalogue: Catalogue) -> None:
    def members(stage: str) -> set[str]:
        names = (name for name in catalogue.packages if name.startswith(stage))
        return {name.removeprefix(stage) for name in names} - {"userland"}

    assert members("stage1.") == members("stage2.")


def test_both_stages_give_a_package_the_same_name(catalogue: Catalogue) -> None:
    def name(package: str) -> str:
        return catalogue.nodes[catalogue.packages[package].node].name

    for package in catalogue.packages:
        if package.startswith("stage2."):
            assert name(package) == name(package.replace("stage2.", "stage1."))


def test_stage_1_is_built_in_a_root_without_the_compiler_of_the_seed(catalogue: Catalogue) -> None:
    userland = catalogue.packages["seed.debian-userland"].node
    for name, package in catalogue.packages.items():
        node = catalogue.nodes[package.node]
        if name.startswith("stage1.") and name != "stage1.userland":
            assert isinstance(node, Derivation)
            assert node.rootfs is not None
            assert node.rootfs.node == userland


def test_stage_2_is_built_with_nothing_but_stage_1_and_sources(catalogue: Catalogue) -> None:
    known = {
        package.node: name
        for name, package in catalogue.packages.items()
        if name.startswith(("stage1.", "stage2.", "source."))
    }
    for name, package in catalogue.packages.items():
        if name.startswith("stage2."):
            assert all(ref.node in known for ref in catalogue.inputs(package.node))


def test_every_script_is_one_that_a_shell_can_read(catalogue: Catalogue) -> None:
    # Quotes within quotes are easily lost, and a build would tell only when it gets there.
    for node in catalogue.nodes.values():
        if isinstance(node, Derivation) and node.args[:2] == ("-eu", "-c"):
            shell = ["/bin/sh", "-n", "-c", node.args[2]]
            result = subprocess.run(shell, check=False, capture_output=True, text=True)
            assert not result.returncode, f"{node.name}: {result.stderr}"


def test_a_seed_of_another_name_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="calls itself"):
        stages.catalogue({"other": seeds()["debian"]}, "other")


def test_a_package_of_a_seed_needs_its_hash() -> None:
    broken = seeds()
    del broken["debian"]["packages"][0]["sha256"]
    with pytest.raises(EvaluationError, match="lacks sha256"):
        stages.catalogue(broken)


def test_sources_are_named_by_a_path_in_the_pool(catalogue: Catalogue) -> None:
    for node in catalogue.nodes.values():
        if isinstance(node, Source):
            assert all(POOL.fullmatch(locator) for locator in node.locators), node.name


def test_each_source_hash_stands_once_in_the_tree() -> None:
    files = [*(TREE / "derivations").rglob("*.py"), *(TREE / "bootstrap-seeds").rglob("*.json")]
    text = "\n".join(file.read_text() for file in files)
    twice = [value for value, n in Counter(re.findall(r"\b[0-9a-f]{64}\b", text)).items() if n > 1]
    assert not twice


def test_no_recipe_decides_anything() -> None:
    # Data only: what would need a condition belongs to the kit, or to a stage.
    logic = re.compile(r"^\s*(def|class|while|try|with|if|elif|else)\b|\blambda\b", re.MULTILINE)
    for file in sorted((TREE / "derivations").glob("*.py")):
        if file.name != "stages.py":
            code = re.sub(r'""".*?"""', "", file.read_text(), flags=re.DOTALL)
            assert not logic.search(code), file.name
