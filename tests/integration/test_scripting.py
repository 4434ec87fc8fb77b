"""docs/scripting.md: its example is a program, and what it prints is so."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.faults.subjects import pack_rootfs, small_recipes
from tests.integration.conftest import TOP

PAGE = TOP / "docs" / "scripting.md"


def example() -> str:
    """The first program of the page."""
    found = re.search(r"^```python\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    assert found is not None
    return found[1]


def test_the_example_of_the_page_runs(tmp_path: Path) -> None:
    archive = tmp_path / "rootfs.tar"
    pack_rootfs(archive)
    (tmp_path / "notes.txt").write_text("remember\n")
    environment = {
        "STORE_ROOT": str(tmp_path / "root"),
        "STORE_RECIPES": str(small_recipes(tmp_path, archive)),
        "PYTHONPATH": str(TOP),
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", example()],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    *objects, linked, verdicts, collected = done.stdout.splitlines()
    assert [line.split()[0] for line in objects] == ["out", "lib"]
    for line in objects:
        _, path, physical = line.split()
        assert physical == f"{tmp_path}/root{path}"
    assert linked == "True"
    assert verdicts == "{True}"
    assert collected == "False True"


def test_the_page_names_what_the_package_exports() -> None:
    import store

    named = set(re.findall(r"`(\w+)[(`]", PAGE.read_text()))
    exported = set(store.__all__) - {"ObjectId"}
    imported = set(re.findall(r"\w+", example().splitlines()[0])) - {"from", "store", "import"}
    assert imported <= exported
    assert exported <= named | imported
