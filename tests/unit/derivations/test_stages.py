"""The ladder as it stands in the tree: sound as a whole."""

from __future__ import annotations

import functools
import json
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from derivations import stages
from derivations.kit import CatalogueBuilder
from store.errors import EvaluationError
from store.model.catalogue import Catalogue
from store.model.derivation import Derivation, Source

TREE = Path(__file__).parents[3]
PLACE = re.compile(
    r"debian:pool/main/(lib)?[a-z0-9]/[a-z0-9.+-]+/[A-Za-z0-9._+~-]+"
    r"|pypi:[A-Za-z0-9._-]+\.(whl|tar\.gz|zip)"
    rf"|project:{re.escape(str(TREE))}(#docs)?"
)


def seeds() -> dict[str, Any]:
    return {
        path.parent.name: json.loads(path.read_text())
        for path in sorted((TREE / "bootstrap-seeds").glob("*/seed.json"))
    }


def ladders() -> list[str]:
    """The seeds that a whole ladder stands on."""
    return sorted(seeds().keys() - {stages.CHAINED})


@functools.cache
def on(seed: str) -> Catalogue:
    """The catalogue on this seed, which no test changes."""
    return stages.catalogue(seeds(), seed)


@pytest.fixture(scope="module", params=ladders())
def catalogue(request: pytest.FixtureRequest) -> Catalogue:
    return on(request.param)


@pytest.mark.slow
def test_every_node_of_every_build_closure_is_there(catalogue: Catalogue) -> None:
    goals = [package.node for package in catalogue.packages.values()]
    for digest in catalogue.build_closure(goals):
        assert digest in catalogue.nodes


@pytest.mark.slow
def test_evaluation_is_deterministic() -> None:
    assert stages.catalogue(seeds()).packages == stages.catalogue(seeds()).packages


def test_each_build_says_how_long_it_usually_takes(catalogue: Catalogue) -> None:
    builds = {
        digest: node.name
        for digest, node in catalogue.nodes.items()
        if isinstance(node, Derivation) and not node.builder.startswith("builtin:")
    }
    assert [name for digest, name in builds.items() if not catalogue.seconds.get(digest)] == []


def test_on_the_chains_seed_stand_the_packages_of_every_other_seed(catalogue: Catalogue) -> None:
    # A seed has packages of its own only where it lacks programs.
    own = {"seed.awk", "seed.findutils", "seed.gawk", "seed.m4", "seed.make", "seed.zig-cc"}
    found = on(stages.CHAINED).packages
    assert {*catalogue.packages} - own == {*found}


def test_stage_0_on_the_chains_seed_is_built_by_the_chain_alone() -> None:
    found = on(stages.CHAINED)
    node = found.packages["cross.gcc"].node
    names = {package.node: name for name, package in found.packages.items()}
    tools = {names[ref.node] for ref in found.inputs(node)} - {"cross.binutils"}
    assert {name for name in tools if not name.startswith(("source.", "cross."))} == {
        f"chain.{name}" for name in ("gcc10", "torture-gcc10", "binutils", "make", "m4")
    } | {"chain.gawk", "chain.findutils", "chain.userland"}


def test_stage_1_on_the_chains_seed_has_the_shell_that_gnus_configure_scripts_know() -> None:
    found = on(stages.CHAINED)
    nodes = {name: package.node for name, package in found.packages.items()}
    root = nodes["chain.userland-bash"]
    recipes = (*stages.TOOLCHAIN.values(), *stages.USERLAND_PACKAGES.values())
    made = {nodes[f"stage1.{recipe.name}"] for recipe in recipes}
    assert made == {
        node for node in nodes.values() if root in {ref.node for ref in found.inputs(node)}
    }
    barrier = next(each for each in found.barriers if nodes["stage2.gcc"] in each.nodes)
    assert root in barrier.forbidden


def test_the_chain_is_the_same_in_the_catalogue_of_every_seed(catalogue: Catalogue) -> None:
    alone = on(stages.CHAINED).packages
    links = {name: package for name, package in alone.items() if name.startswith("chain")}
    assert links == {name: catalogue.packages[name] for name in links}


def test_no_link_is_built_with_another_seed_or_the_ladder() -> None:
    found = on(stages.CHAINED)
    others = {
        package.node
        for name, package in found.packages.items()
        if name.startswith("seed.") and not name.startswith(f"seed.{stages.CHAINED}")
    }
    links = [name for name in found.packages if name.startswith(("chain.", "chain0."))]
    assert "chain.gcc10" in links
    links += ["cross.gcc", "stage1.gcc", "stage2.gcc"]
    goals = [found.packages[name].node for name in links]
    assert others.isdisjoint(found.build_closure(goals))


def test_no_compiler_of_the_chain_is_used_before_the_small_programs_passed() -> None:
    found = on(stages.CHAINED)
    nodes = {name: package.node for name, package in found.packages.items()}
    for compiler in ("tcc", "gcc3-c", "gcc3", "gcc10"):
        tried = nodes[f"chain.torture-{compiler}"]
        users = [
            name
            for name, node in nodes.items()
            if name.startswith(("chain.", "cross."))
            and nodes[f"chain.{compiler}"] in {ref.node for ref in found.inputs(node)}
            and node != tried
        ]
        assert users
        assert all(tried in {ref.node for ref in found.inputs(nodes[name])} for name in users)


def test_each_source_of_the_chain_says_which_of_its_files_programs_wrote() -> None:
    found = on(stages.CHAINED)
    goals = [package.node for name, package in found.packages.items() if name.startswith("chain.")]
    used = {*found.build_closure(goals)}
    sources = {
        name.removeprefix("source.")
        for name, package in found.packages.items()
        if name.startswith("source.") and package.node in used
    }
    table = (TREE / "bootstrap-seeds/tcc/generated.tsv").read_text().splitlines()[1:]
    assert {line.split("\t")[0] for line in table} == sources


def test_once_the_chain_has_a_userland_the_seed_is_out_of_reach() -> None:
    found = on(stages.CHAINED)
    seed = found.packages[f"seed.{stages.CHAINED}"].node
    nodes = {name: package.node for name, package in found.packages.items()}
    with_seed = {
        name
        for name, node in nodes.items()
        if name.startswith(("chain", "cross.", "stage1."))
        and seed in {ref.node for ref in found.inputs(node)}
    }
    assert with_seed == {
        f"chain0.{name}" for name in ("musl", "tcc", "torture-tcc", "make", "busybox")
    }
    later = {nodes[name] for name in ("chain.musl", "chain.gcc3-c", "chain.gcc10")}
    held = [barrier for barrier in found.barriers if seed in barrier.forbidden]
    assert later <= {node for barrier in held for node in barrier.nodes}


@pytest.mark.parametrize("name", ["musl", "tcc", "make", "busybox"])
def test_the_first_links_come_out_the_same_in_the_chains_own_userland(name: str) -> None:
    found = on(stages.CHAINED).packages
    assert found[f"chain.{name}"].twin == f"chain0.{name}"
    assert found[f"chain.{name}"].node != found[f"chain0.{name}"].node


@pytest.mark.parametrize("by", ["chain1", "chain2", "chain5"])
def test_tcc_by_strangers_has_to_come_out_as_the_chains(by: str) -> None:
    found = on(stages.CHAINED).packages
    assert {name: found[name].twin for name in (f"{by}.musl", f"{by}.tcc")} == {
        f"{by}.musl": "chain.musl",
        f"{by}.tcc": "chain.tcc",
    }
    assert found["chain.tcc"].twin == "chain0.tcc"


def test_a_bare_name_is_the_first_stage_of_the_distribution(catalogue: Catalogue) -> None:
    assert catalogue.packages["gcc"].node == catalogue.packages["stage1.gcc"].node


@pytest.mark.parametrize("stage", ["stage2", "stage3"])
def test_later_stages_are_of_the_same_packages_as_stage_1(catalogue: Catalogue, stage: str) -> None:
    def members(prefix: str) -> dict[str, str]:
        return {
            name.removeprefix(prefix): catalogue.nodes[package.node].name
            for name, package in catalogue.packages.items()
            if name.startswith(prefix) and not name.endswith(".userland")
        }

    assert members("stage1.") == members(f"{stage}.")
    for name in members("stage1."):
        twin = catalogue.packages[f"{stage}.{name}"].twin
        assert twin == {"stage2": "stage1", "stage3": "stage2"}[stage] + f".{name}"


@pytest.mark.parametrize("seed", ladders())
def test_stage_1_is_built_in_a_root_without_the_compiler_of_the_seed(seed: str) -> None:
    catalogue = on(seed)
    userland = catalogue.packages[f"seed.{seed}-userland"].node
    for name, package in catalogue.packages.items():
        node = catalogue.nodes[package.node]
        if name.startswith("stage1.") and name != "stage1.userland":
            assert isinstance(node, Derivation)
            assert node.rootfs is not None
            assert node.rootfs.node == userland


@pytest.mark.parametrize("stage", ["stage2", "stage3"])
def test_later_stages_are_built_with_nothing_but_the_one_before_and_sources(
    catalogue: Catalogue, stage: str
) -> None:
    before = {"stage2": "stage1.", "stage3": "stage2."}[stage]
    known = {
        package.node: name
        for name, package in catalogue.packages.items()
        if name.startswith((before, f"{stage}.", "source."))
    }
    for name, package in catalogue.packages.items():
        if name.startswith(f"{stage}."):
            assert all(ref.node in known for ref in catalogue.inputs(package.node))


def untrusted(catalogue: Catalogue) -> set[bytes]:
    """The seeds' and stage 0's nodes."""
    return {
        package.node
        for name, package in catalogue.packages.items()
        if name.startswith(("seed.", "cross."))
    }


def test_every_build_of_a_later_stage_is_held_to_do_without_seeds_and_stage_0(
    catalogue: Catalogue,
) -> None:
    for name, package in catalogue.packages.items():
        if name.startswith(("stage2.", "stage3.")) and not name.endswith(".userland"):
            [barrier] = catalogue.barriers_of(package.node)
            assert untrusted(catalogue) <= barrier.forbidden, name
            assert not untrusted(catalogue) & barrier.trusted, name


@pytest.mark.parametrize("by_way_of", [False, True])
def test_a_stage_2_with_a_tool_of_the_seed_does_not_evaluate(
    monkeypatch: pytest.MonkeyPatch, by_way_of: bool
) -> None:
    """Return whether the seed's object is an input itself, or only built the input."""

    def contaminated(graph: CatalogueBuilder, name: str, *rest: Any, **named: Any) -> Any:
        seed = graph.nodes[graph.packages["seed.debian"].node].ref("out")
        tool = Derivation("tool", "x86_64-linux", f"{seed}/bin/sh", inputs=(seed,))
        planted = graph.add(tool) if by_way_of else seed
        monkeypatch.setattr(stages, "IN_BIN", stages.IN_BIN | {"m4": (planted,)})
        return by_itself(graph, name, *rest, **named)

    by_itself = stages.by_itself
    monkeypatch.setattr(stages, "by_itself", contaminated)
    way = "tool, which is built with seed-debian-full" if by_way_of else "seed-debian-full"
    with pytest.raises(EvaluationError, match=f"stage2.gcc would be built with {way}:"):
        stages.catalogue(seeds())


def test_every_script_is_one_that_a_shell_can_read(catalogue: Catalogue) -> None:
    # Quotes within quotes are easily lost, and a build would tell only when it gets there.
    for node in catalogue.nodes.values():
        if isinstance(node, Derivation) and node.args[:2] == ("-eu", "-c"):
            status, said = read_by_a_shell(node.args[2])
            assert not status, f"{node.name}: {said}"


@functools.cache
def read_by_a_shell(script: str) -> tuple[int, str]:
    """Return how a shell that only reads a script ends, and its complaint. Most scripts are the
    same on each seed."""
    shell = ["/bin/sh", "-n", "-c", script]
    result = subprocess.run(shell, check=False, capture_output=True, text=True)
    return result.returncode, result.stderr


def test_a_seed_of_another_name_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="calls itself"):
        stages.catalogue({"other": seeds()["debian"]}, "other")


def test_a_package_of_a_seed_needs_its_hash() -> None:
    broken = seeds()
    del broken["debian"]["packages"][0]["sha256"]
    with pytest.raises(EvaluationError, match="lacks sha256"):
        stages.catalogue(broken)


def test_sources_are_named_by_a_path_in_the_pool_or_a_file_of_pypi(catalogue: Catalogue) -> None:
    for node in catalogue.nodes.values():
        if isinstance(node, Source):
            assert all(PLACE.fullmatch(locator) for locator in node.locators), node.name


def test_each_source_hash_stands_once_in_the_tree() -> None:
    recipes = [*(TREE / "derivations").rglob("*.py")]
    # The chain's seed is of files that the others have too, until it has none of anybody's.
    for left_out in (stages.CHAINED, "debian", "zig"):
        pins = (TREE / f"bootstrap-seeds/{name}/seed.json" for name in seeds() if name != left_out)
        text = "\n".join(file.read_text() for file in (*recipes, *pins))
        hashes = re.findall(r"\b[0-9a-f]{64}\b", text)
        twice = {value for value, n in Counter(hashes).items() if n > 1}
        assert twice <= (set() if left_out == stages.CHAINED else _shared())


def _shared() -> set[str]:
    """The hashes that the chain's seed shares with another seed."""
    pins = {name: {each["sha256"] for each in seed["packages"]} for name, seed in seeds().items()}
    own = pins.pop(stages.CHAINED)
    return {value for others in pins.values() for value in others & own}


def test_no_recipe_decides_anything() -> None:
    # Data only: what would need a condition belongs to the kit, or to a stage.
    logic = re.compile(r"^\s*(def|class|while|try|with|if|elif|else)\b|\blambda\b", re.MULTILINE)
    for file in sorted((TREE / "derivations").glob("*.py")):
        if file.name != "stages.py":
            code = re.sub(r'""".*?"""', "", file.read_text(), flags=re.DOTALL)
            assert not logic.search(code), file.name
