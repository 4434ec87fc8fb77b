"""The text that each maker writes: a change of it rebuilds every package that it makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from derivations.kit import (
    Build,
    autotools,
    cmake,
    configure,
    data,
    imports,
    kernel,
    makefile,
    meson,
    perl,
    python,
)

GOLDEN = Path(__file__).parents[2] / "golden" / "makers"

MADE = {
    "autotools": autotools("--one", "--two=2", finish=("true",)),
    "autotools-reconf": autotools(reconf=True, folder="sub", build="all", install="install-strip"),
    "cmake": cmake("ONE=ON", folder="sub"),
    "configure": configure("--static", env={"LDFLAGS": ""}, prepare=("true",), build="all"),
    "data": data('cp -R . "$out/share"'),
    "kernel": kernel(
        "defconfig", "CONFIG_STATIC=y", "CONFIG_PAM=n", variables=("V=1",), install=("true",)
    ),
    "makefile": makefile("A=b", 'MANDIR="$out/man"', folder="src", prepare=("true",)),
    "meson": meson("tests=false", finish=("true",)),
    "perl": perl("NO_XS=1"),
    "python": python("flit_core.buildapi", tools=("flit-core",)),
    "python-prepare": python("here:backend", prepare=("PYTHONPATH=/build/src/src",)),
}


def text(build: Build) -> str:
    lines = [f"tools: {' '.join(build.tools)}", f"in tree: {build.in_tree}"]
    for phase in build.phases:
        lines += [f"[{phase.name}]", *phase.lines]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", MADE)
def test_a_maker_writes_its_golden_text(name: str) -> None:
    assert text(MADE[name]) == (GOLDEN / f"{name}.txt").read_text()


def test_each_golden_text_is_of_a_maker() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(MADE)


def test_modules_are_imported_with_those_that_they_need() -> None:
    (line,) = imports("one", "two.three")
    assert line.startswith("PYTHONPATH=/build/needs/lib/python3.13/site-packages python3 ")
    assert line.endswith(' -c "import one, two.three"')
