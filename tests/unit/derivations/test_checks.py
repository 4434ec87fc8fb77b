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
    programs=("""tool -c "$v\"""",),
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
    text = text.replace("/build/needs", f"{build}/needs")
    pc = f"{out}/lib/pkgconfig"
    environment = {"PATH": path, "v": "1", "CXX": "g++", "PKG_CONFIG_PATH": pc}
    return subprocess.run(
        ["/bin/sh", "-c", text], env=environment, capture_output=True, text=True, check=False
    )


def test_a_sound_package_passes(out: Path) -> None:
    done = checked(out)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1.5" in (out.parents[1] / "result/versions").read_text()


FAULTS: dict[str, tuple[str, Callable[[Path], object], str, str]] = {
    "a program that is loaded": (
        "static",
        lambda out: shutil.copy("/bin/true", out / "bin/a b"),
        "bin/a b: ",
        "link it statically (does its build heed $LDFLAGS?), or waive=(('static', 'the reason'),)",
    ),
    "a shared library": (
        "static",
        lambda out: (out / "liba.so.1").write_text(""),
        "is a shared library: @out@/liba.so.1",
        "--disable-shared",
    ),
    "no folder": ("programs", shutil.rmtree, "@out@: is no folder", "install files below $out"),
    "no program": (
        "programs",
        lambda out: (out / "bin/tool").rename(out / "bin/other"),
        "@out@/bin/tool: there is no such program; bin has other",
        "programs names tool: install it, or write the name that it has",
    ),
    "another version": (
        "programs",
        lambda out: script(out / "bin/tool", "#!/bin/sh\necho 1.4\n"),
        '@out@/bin/tool: with -c "$v" it does not say 1.5, but: 1.4',
        "programs=('tool WORDS',), with the words that make it say its version, or"
        " waive=(('version tool', 'the reason'),)",
    ),
    "a library that is not there": (
        "pkg-config",
        lambda out: library(out, "Requires: none-such"),
        "@out@/lib/pkgconfig/a.pc: pkg-config does not find all that it requires",
        "add it to needs, or waive=(('pc a', 'the reason'),)",
    ),
    "a library that does not link": (
        "pkg-config",
        lambda out: library(out, "Libs: -lnone-such"),
        "@out@/lib/pkgconfig/a.pc: no program links with -lnone-such",
        "add the library that is missing to needs, or waive=(('pc a', 'the reason'),)",
    ),
    "a path of the build": (
        "paths",
        lambda out: (out / "text").write_text("in /build/src"),
        "holds a path of the build: @out@/text",
        "a line that changes the file (sed -i); or waive=(('paths', 'the reason'),)",
    ),
    "a file of libtool": (
        "paths",
        lambda out: (out / "liba.la").write_text(""),
        "is a file of libtool: @out@/liba.la",
        "a line of build that removes it, or waive=(('paths', 'the reason'),)",
    ),
    "manuals that nothing reads": (
        "paths",
        lambda out: (out / "share/info").mkdir(),
        "that nothing here reads: @out@/share/info",
        "a line of build that removes it",
    ),
    "no licence": (
        "paths",
        lambda out: shutil.rmtree(out / "share/licenses"),
        "@out@/share/licenses: no licence is installed",
        "licences=('FILE',), the files of the source that hold it",
    ),
    "another interpreter": (
        "scripts",
        lambda out: script(out / "bin/a b", "#!/usr/bin/perl\n"),
        "@out@/bin/a b: its interpreter is neither in /bin nor of a package that it runs: #!/usr",
        "runs=('ROLE',) and a line of build that writes its path",
    ),
    "another object": (
        "references",
        lambda out: (out / "a text").write_bytes(b"in \0 " + f"{OTHER}-other".encode()),
        f"@out@/a text: refers to @store@/{OTHER}-other",
        "runs=('ROLE',) if its programs run or read that",
    ),
    "a package that does not work": (
        "check",
        lambda out: (out / "works").unlink(),
        """this line of check in the recipe fails: test -f "$out/works\"""",
        "",
    ),
}


def library(out: Path, line: str) -> None:
    """Install what pkg-config knows as the library ``a``."""
    (out / "lib/pkgconfig").mkdir(parents=True)
    head = "Name: a\nDescription: a\nVersion: 1\n"
    (out / "lib/pkgconfig/a.pc").write_text(f"{head}{line}\n")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fails_its_check_and_names_file_and_remedy(out: Path, fault: str) -> None:
    name, plant, wrong, remedy = FAULTS[fault]
    if name == "pkg-config" and shutil.which("pkg-config") is None:
        pytest.skip("there is no pkg-config here")
    plant(out)
    done = checked(out)
    assert done.returncode != 0
    last = done.stdout.rpartition("@phase ")[2].splitlines()
    assert last[0] == name, done.stdout
    wrong = wrong.replace("@out@", str(out)).replace("@store@", str(out.parent))
    assert any(wrong in line for line in last), done.stdout
    if remedy:
        assert last[-1].startswith("  in the recipe: ")
        assert remedy in last[-1]


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
