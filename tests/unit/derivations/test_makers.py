"""The text that each maker writes: a change of it rebuilds every package that it makes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import source_hash
from pathlib import Path

import pytest

from derivations.kit import (
    Build,
    autotools,
    bytecode,
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
from derivations.kit.entry_points import WRITER
from store.errors import EvaluationError

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


@pytest.mark.parametrize("option", ["-DA=b", "--a=b", "A", "", "=b", " A=b"])
@pytest.mark.parametrize("maker", [cmake, meson])
def test_an_option_that_is_none_is_refused(maker: Callable[[str], Build], option: str) -> None:
    with pytest.raises(EvaluationError, match="no NAME=value"):
        maker(option)


@pytest.mark.parametrize("setting", ["CONFIG_A", "-A=y", 'CONFIG_A="it\'s"', "CONFIG_A=y\nB=y"])
def test_a_setting_that_no_configuration_has_is_refused(setting: str) -> None:
    with pytest.raises(EvaluationError, match=r"kernel\(\) has the"):
        kernel("defconfig", setting, install=("true",))


def test_a_setting_is_looked_for_as_it_is_written() -> None:
    build = kernel("defconfig", 'CONFIG_A="a*[b"', install=("true",))
    kept = build.phases[0].lines[-1]
    assert kept == """grep -qxF -e 'CONFIG_A="a*[b"' /build/src/.config"""


@pytest.mark.parametrize("name", ["flit-core", "a'b", "a:b:c", "", "a.", "a:"])
def test_a_backend_and_modules_can_be_imported(name: str) -> None:
    with pytest.raises(EvaluationError, match="cannot name a module"):
        python(name)
    with pytest.raises(EvaluationError, match="cannot name a module"):
        imports(name)


def test_each_golden_text_is_of_a_maker() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(MADE)


def test_modules_are_imported_with_those_that_they_need() -> None:
    (line,) = imports("one", "two.three")
    assert line.startswith("PYTHONPATH=/build/needs/lib/python3.13/site-packages python3 ")
    assert line.endswith(' -c "import one, two.three"')


def compiled(out: Path) -> dict[str, bytes]:
    """The bytecode of two modules of an object that is made in the folder ``out``."""
    (out / "lib" / "in").mkdir(parents=True)
    (out / "lib" / "in" / "itself.py").write_text(f"PREFIX = '{out}'\n")
    (out / "lib" / "another.py").write_text("PREFIX = '/usr'\n")
    lines = ["set -eu", *bytecode("$out/lib", python=sys.executable)]
    variables = {"out": str(out), "PATH": os.environ["PATH"], "PYTHONHASHSEED": "0"}
    subprocess.run(["sh", "-c", "\n".join(lines)], env=variables, check=True)
    return {path.name.partition(".")[0]: path.read_bytes() for path in out.rglob("*.pyc")}


def test_bytecode_of_a_source_that_names_its_object_does_not_follow_its_folder(
    tmp_path: Path,
) -> None:
    one, two = (compiled(tmp_path / name) for name in ("one", "two"))
    here, there = (str(tmp_path / name).encode() for name in ("one", "two"))
    assert {name: data.replace(here, there) for name, data in one.items()} == two
    assert one["itself"][8:16] == bytes(8)
    # Another source is not in question: its hash stays, for `--check-hash-based-pycs always`.
    assert one["another"][8:16] == source_hash(b"PREFIX = '/usr'\n")


MODULES = "lib/python3.13/site-packages"
POINTS = """\
[console_scripts]
one = here.of:Main.run

[gui_scripts]
two = here:main

[some.plugins]
three = here:main
"""


def test_a_program_is_written_for_each_entry_point(tmp_path: Path) -> None:
    out, library = tmp_path / "out", tmp_path / "library" / MODULES
    for folder in (out / MODULES / "here", library, tmp_path / "needs" / MODULES):
        folder.mkdir(parents=True)
    (library / "needed.py").write_text("VALUE = 3\n")
    (tmp_path / "needs" / MODULES / "needed.py").symlink_to(library / "needed.py")
    (out / MODULES / "here" / "__init__.py").write_text("main = print\n")
    module = "import sys, needed\n\n\nclass Main:\n    def run():\n        return needed.VALUE\n"
    (out / MODULES / "here" / "of.py").write_text(module)
    about = out / MODULES / "here-1.dist-info"
    scripts = out / MODULES / "here-1.data" / "scripts"
    for folder in (about, scripts):
        folder.mkdir(parents=True)
    (about / "METADATA").write_text("Name: here\nVersion: 1\n")
    (about / "entry_points.txt").write_text(POINTS)
    for name in ("two.py", "old"):
        (scripts / name).write_text("#!python\nimport sys, needed\nsys.exit(4)\n")

    paths = (str(out), str(tmp_path / "needs"), sys.executable)
    subprocess.run((sys.executable, "-", *paths), input=WRITER, text=True, check=True)

    assert {path.name for path in (out / "bin").iterdir()} == {"one", "two", "old"}
    codes = [
        subprocess.run([str(out / "bin" / name)], check=False).returncode
        for name in ("one", "two", "old")
    ]
    assert codes == [3, 0, 4]


@pytest.mark.parametrize("name", ["0-first", "z-last"])
def test_a_program_looks_into_its_own_package_first_wherever_that_is(
    tmp_path: Path, name: str
) -> None:
    modules = "lib/python3.13/site-packages"
    out, other, needs = tmp_path / name, tmp_path / "m-needed", tmp_path / "needs"
    about = out / modules / "here-1.dist-info"
    for folder in (about, other / modules, needs / modules):
        folder.mkdir(parents=True)
    (about / "METADATA").write_text("Name: here\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[console_scripts]\none = here:main\n")
    (other / modules / "needed.py").touch()
    (needs / modules / "needed.py").symlink_to(other / modules / "needed.py")
    paths = (str(out), str(needs), sys.executable)
    subprocess.run((sys.executable, "-", *paths), input=WRITER, text=True, check=True)
    line = (out / "bin" / "one").read_text().splitlines()[3]
    assert line == f"sys.path += {[str(out / modules), str(other / modules)]}"


def test_no_program_is_written_where_a_wheel_has_none(tmp_path: Path) -> None:
    paths = (str(tmp_path / "out"), str(tmp_path / "needs"), sys.executable)
    subprocess.run((sys.executable, "-", *paths), input=WRITER, text=True, check=True)
    assert not list(tmp_path.iterdir())
