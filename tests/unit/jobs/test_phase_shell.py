"""The shell before a build: its phases as functions."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from store.errors import UsageError
from store.jobs.lower import SYSTEM
from store.jobs.phase_shell import FOLDER, FUNCTIONS, phase_shell
from store.layout.paths import Layout
from store.model.derivation import Resolved
from store.sandbox.request import BuildRequest

SCRIPT = """source=/store/abc
mkdir "$WORK/obj"
echo '@phase configure'
cd "$WORK/obj"
echo "from $source" > made
echo '@phase build it'
false
echo not reached
echo '@phase install'
echo never
"""


def resolved(*args: str, builder: str = "/bin/sh") -> Resolved:
    """A build of this script."""
    return Resolved(
        name="tool-1",
        system=SYSTEM,
        builder=builder,
        args=args,
        env=(("PATH", "/bin"),),
        rootfs=None,
        inputs=(),
        outputs=("out",),
    )


def request(work: Path, node: Resolved, line: str | None) -> BuildRequest:
    """The request for a shell in it."""
    work.mkdir()
    return phase_shell(Layout("/nowhere"), node, (), str(work), cores=2, line=line)


def run(work: Path, line: str, node: Resolved) -> subprocess.CompletedProcess[str]:
    """Run a line on this system, its folders where the sandbox would have them."""
    asked = request(work, node, line)
    places: Mapping[str, str] = {FOLDER: f"{work}/tmp/phases", "cd /build": f"cd {work}"}
    for path in (work / "tmp" / "phases").iterdir():
        text = path.read_text()
        for inside, outside in places.items():
            text = text.replace(inside, outside)
        path.write_text(text)
    return subprocess.run(
        [asked.builder, asked.args[0], asked.args[1].replace(FOLDER, places[FOLDER])],
        env={"PATH": "/usr/bin:/bin", "WORK": str(work)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_phases_are_functions_and_a_failure_ends_one_alone(tmp_path: Path) -> None:
    node = resolved("-eu", "-c", SCRIPT)
    line = 'ls obj; phase_configure && cat obj/made; phase_build_it; echo "$? $source"; phase_all'
    done = run(tmp_path / "work", line, node)
    assert done.stdout.splitlines() == [
        *("@phase configure", "from /store/abc", "@phase build it", "1 /store/abc"),
        *("@phase configure", "@phase build it"),
    ]
    assert done.returncode == 1


def test_a_builder_without_phases_is_one(tmp_path: Path) -> None:
    done = run(tmp_path / "work", "phase_build", resolved("-c", "echo 'it''s built'"))
    assert done.stdout == "its built\n"


def test_a_shell_to_type_in_reads_the_functions(tmp_path: Path) -> None:
    asked = request(tmp_path / "work", resolved("-eu", "-c", SCRIPT), None)
    assert (asked.builder, asked.args) == ("/bin/sh", ("-i",))
    assert ("ENV", FUNCTIONS) in asked.env


@pytest.mark.parametrize("name", ["functions", "prepare", "all"])
def test_no_phase_takes_the_place_of_a_file_of_the_shell(tmp_path: Path, name: str) -> None:
    script = f"echo '@phase {name}'\necho done\n"
    done = run(tmp_path / "work", f"phase_{name}_0; phase_all", resolved("-c", script))
    assert done.stdout.splitlines() == 2 * [f"@phase {name}", "done"]


def test_an_unpacking_has_no_shell(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no sandbox"):
        request(tmp_path / "work", resolved(builder="builtin:unpack"), None)
