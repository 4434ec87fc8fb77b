"""The root file systems in which a chain of builds goes on."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from derivations.kit import CatalogueBuilder, Links, PackageSet, Recipe, phase, phases, rootfs
from store.errors import EvaluationError
from store.model.derivation import Derivation, Source

ROOT = Source("root", "0" * 64, ("https://example.org/root",))


def programs(links: Links, name: str) -> PackageSet:
    made = Recipe(
        name=f"chain-{name}",
        version="1",
        description="Programs",
        licence="MIT",
        homepage="https://example.org/",
        build=phases(phase("install", 'mkdir -p "$out/bin"'), tools=("sh",)),
    )
    return links.add("chain", {name: made}, ())


def test_a_root_with_other_programs_needs_one_of_the_chains_own() -> None:
    links = Links(CatalogueBuilder(), ROOT.ref())
    with pytest.raises(EvaluationError, match="stands on the root of its seed"):
        links.root_with("chain.other", programs(links, "shell"), "shell")


def test_a_root_with_other_programs_is_a_package_and_of_the_chain() -> None:
    graph = CatalogueBuilder()
    links = Links(graph, ROOT.ref())
    links.move("chain", programs(links, "usual"), "usual", frozenset())
    before = links.root
    shell = programs(links, "shell")
    root = links.root_with("chain.other", shell, "shell")
    assert links.root == before != root
    assert root.node in links.nodes
    found = graph.catalogue()
    assert found.packages["chain.other"].node == root.node
    assert shell["shell"] in found.inputs(root.node)


def test_programs_of_one_name_are_an_error_but_where_one_is_to_stand_instead(
    tmp_path: Path,
) -> None:
    usual, shell = (replace(ROOT, name=name).ref() for name in ("usual", "shell"))

    def build(made: Derivation) -> subprocess.CompletedProcess[str]:
        script = made.args[-1]
        for place, ref in (("usual", usual), ("shell", shell)):
            script = script.replace(str(ref), str(tmp_path / place))
        lines = script.splitlines()[1:]
        return subprocess.run(
            ["/bin/sh", "-eu", "-c", "\n".join(lines)],
            env={**os.environ, "out": str(tmp_path / "out")},
            capture_output=True,
            text=True,
            check=False,
        )

    for place in ("usual", "shell"):
        (tmp_path / place / "bin").mkdir(parents=True)
        (tmp_path / place / "bin" / "sh").symlink_to("/bin/sh")
    (tmp_path / "usual/bin/cp").symlink_to("/bin/cp")
    clash = build(rootfs("userland", [usual, shell], shell=usual, coreutils=usual))
    assert clash.returncode != 0
    assert "sh" in clash.stderr
    subprocess.run(["rm", "-r", tmp_path / "out"], check=True)
    done = build(rootfs("userland", [usual], shell=usual, coreutils=usual, instead=(shell,)))
    assert done.returncode == 0, done.stderr
    assert os.readlink(tmp_path / "out/bin/sh") == f"{tmp_path}/shell/bin/sh"
    assert os.readlink(tmp_path / "out/bin/cp") == f"{tmp_path}/usual/bin/cp"
