"""The checks of packages fail for the faults that they are there for: their text is run here."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from derivations.kit import Recipe, phase, phases
from derivations.kit.checks import check_script
from store.model.derivation import Source

PACKAGE = Source("package-1.5", "0" * 64, ("https://example.org/a",)).ref()
OTHER = "0123456789abcdfghijklmnpqrsvwxyz"

RECIPE = Recipe(
    name="package",
    version="1.5",
    description="A package",
    licence="MIT",
    homepage="https://example.org/",
    build=phases(phase("install", 'mkdir "$out"')),
    programs=("tool",),
    check=('test -f "$out/works"',),
)


def script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A sound package, beside another object."""
    made = tmp_path / "store" / f"{'1' * 32}-package"
    (made / "bin").mkdir(parents=True)
    (made / "share/licenses/package").mkdir(parents=True)
    (made / "share/licenses/package/COPYING").write_text("Do as you like\n")
    (made / "works").write_text("")
    script(made / "bin/tool", "#!/bin/sh\necho package 1.5\n")
    (tmp_path / "store" / f"{OTHER}-other").mkdir()
    return made


def checked(out: Path, path: str = os.environ["PATH"]) -> subprocess.CompletedProcess[str]:
    """Run the check with the folders of a build elsewhere."""
    top = out.parents[1]
    build = top / "work"
    shutil.rmtree(build, ignore_errors=True)
    shutil.rmtree(top / "result", ignore_errors=True)
    build.mkdir()
    text = check_script(RECIPE, PACKAGE, str(top / "result"), [], [])
    # The path that is looked for stays; those that are written to are elsewhere.
    text = text.replace("cd /build", f"cd {build}").replace("mkdir /build/obj", "mkdir obj")
    text = text.replace(str(PACKAGE), str(out)).replace("/store/*", f"{top}/store/*")
    text = text.replace("s|/store/||", f"s|{top}/store/||")
    return subprocess.run(
        ["/bin/sh", "-c", text], env={"PATH": path}, capture_output=True, text=True, check=False
    )


def test_a_sound_package_passes(out: Path) -> None:
    done = checked(out)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1.5" in (out.parents[1] / "result/versions").read_text()


FAULTS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "a program that is loaded": ("static", lambda out: shutil.copy("/bin/true", out / "bin/a b")),
    "a shared library": ("static", lambda out: (out / "liba.so.1").write_text("")),
    "no program": ("programs", lambda out: (out / "bin/tool").unlink()),
    "another version": (
        "programs",
        lambda out: script(out / "bin/tool", "#!/bin/sh\necho 1.4\n"),
    ),
    "a path of the build": ("paths", lambda out: (out / "text").write_text("in /build/src")),
    "a file of libtool": ("paths", lambda out: (out / "liba.la").write_text("")),
    "no licence": ("paths", lambda out: shutil.rmtree(out / "share/licenses/package")),
    "another interpreter": (
        "scripts",
        lambda out: script(out / "bin/a b", "#!/usr/bin/perl\n"),
    ),
    "another object": ("references", lambda out: (out / "text").write_text(f"in {OTHER}-other")),
    "a package that does not work": ("check", lambda out: (out / "works").unlink()),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fails_the_check_for_it(out: Path, fault: str) -> None:
    name, plant = FAULTS[fault]
    plant(out)
    done = checked(out)
    assert done.returncode != 0
    assert done.stdout.rpartition("@phase ")[2].split()[0] == name, done.stdout


def test_without_a_reader_of_programs_nothing_passes(out: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("cat", "find", "grep", "head", "ls", "mkdir", "sed", "tr"):
        found = shutil.which(name)
        assert found is not None
        (tools / name).symlink_to(found)
    done = checked(out, str(tools))
    assert done.returncode != 0
    assert done.stdout.endswith("@phase static\n")
