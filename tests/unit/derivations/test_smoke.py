"""The world over the stand-in for stage 2: the same packages, and nothing of the ladder."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from smoke.compiler import SMOKE_CC
from store.model.catalogue import CHECKS, Catalogue
from store.model.derivation import Source


@pytest.fixture(scope="module")
def catalogues(evaluated: Callable[[str, str], Catalogue]) -> tuple[Catalogue, Catalogue]:
    """The distribution, and the recipes for a smoke test."""
    return evaluated("derivations", "debian"), evaluated("smoke", "debian")


@pytest.mark.slow
def test_each_package_of_the_world_can_be_built_and_checked(
    catalogues: tuple[Catalogue, Catalogue],
) -> None:
    checks, stand_ins = (
        {name for name, package in each.packages.items() if package.group == CHECKS}
        for each in catalogues
    )
    assert checks == stand_ins


@pytest.mark.slow
def test_nothing_but_sources_is_shared_with_the_ladder(
    catalogues: tuple[Catalogue, Catalogue],
) -> None:
    real, smoke = catalogues
    shared = real.nodes.keys() & smoke.nodes.keys()
    kinds = {smoke.kind(node) for node in shared}
    assert kinds == {"fetch", "unpack"}
    assert all(
        isinstance(smoke.nodes[node], Source) or "-source-" in smoke.nodes[node].name
        for node in shared
    )


@pytest.fixture
def compiler(tmp_path: Path) -> list[str | Path]:
    """The script in the place of gcc, with a zig that prints its arguments, one a line."""
    text = dict(SMOKE_CC.files)["compiler"]
    (tmp_path / "cache").mkdir()
    script, zig = tmp_path / "gcc", tmp_path / "zig"
    script.write_text(text.replace("/tmp/zig", f"{tmp_path}/copy").replace("HERE", str(tmp_path)))
    zig.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    zig.chmod(0o755)
    return ["/bin/bash", script]


def arguments(compiler: list[str | Path], *words: str) -> list[str]:
    """Return the arguments that zig gets, but for those that it always gets."""
    env = {"PATH": f"{Path(compiler[1]).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        [*compiler, *words], env=env, check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout.split()[6:]


def test_each_link_is_with_the_c_library_that_was_made(compiler: list[str | Path]) -> None:
    ways = ("-Os", "-g", "-O0", "-fPIC", "-fPIE", "-fomit-frame-pointer", "-ggdb")
    assert arguments(compiler, *ways, "-o", "a", "a.o", "-lm") == ["-o", "a", "a.o", "-lm", "-O2"]
    assert arguments(compiler, "a.o") == ["a.o", "-O2"]


def test_an_object_is_compiled_as_it_was_asked_for(compiler: list[str | Path]) -> None:
    words = ["-Os", "-g", "-fPIC", "-fomit-frame-pointer", "-c", "a.c", "-o", "a.o"]
    assert arguments(compiler, *words) == ["-x", "c", *words][2:]
