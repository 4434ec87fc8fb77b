"""``store delete`` and what names an object."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Line


@pytest.mark.slow
def test_what_is_freed_is_told_once(line: Line, tmp_path: Path) -> None:
    path = line.add(tmp_path / "dead", "dead")
    done = line.run("delete", path)
    assert done.stdout == f"{path}\n"
    assert done.stderr.count("freed") == 1
    assert "deleted 1 object, freed" in done.stderr


@pytest.mark.slow
def test_the_hint_is_of_what_keeps_it(line: Line, tmp_path: Path) -> None:
    path = line.add(tmp_path / "kept", "kept", "--out-link", str(tmp_path / "link"))
    assert "remove the link" in line.run("delete", path, code=58).stderr
    (tmp_path / "link").unlink()
    line.run("root", "add", "mine", path)
    assert "remove it with `store root remove`" in line.run("delete", path, code=58).stderr
    line.run("root", "remove", "mine")
    with (line.root / path[1:]).open() as stream:
        error = line.run("delete", path, code=58).stderr
        assert f"process {os.getpid()}" in error
        assert "when that process has ended" in error
        assert stream.read() == "kept"
    line.run("delete", path)


@pytest.mark.slow
def test_an_object_goes_by_any_path_that_leads_to_it(line: Line, tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    (folder / "bin").mkdir(parents=True)
    link = tmp_path / "link"
    path = line.run("add", str(folder), "--out-link", str(link)).stdout.strip()
    name = path.removeprefix("/store/")
    os.symlink("link", tmp_path / "other")
    for text, place in (
        (path, "/"),
        (f"{path}/bin", "/"),
        (f"./{name}", f"{line.root}/store"),
        (f"root/store/{name}", str(tmp_path)),
        ("link", str(tmp_path)),
        ("./link/bin", str(tmp_path)),
        ("other", str(tmp_path)),
        (name[:5], "/"),
    ):
        assert path in line.run("info", text, cwd=place).stdout
    for text in ("/store/x", "/store/", f"/store/{'0' * 32}-none", "", "./nothing", "/"):
        assert line.run("delete", text, code=15).stderr.startswith("store: ")
    assert line.held() == ["tree"]
