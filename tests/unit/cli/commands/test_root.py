"""``store root``: names that can be given again, and links wherever they lead."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.conftest import Line

pytestmark = pytest.mark.slow  # each test starts whole processes


@pytest.mark.parametrize(
    "name", ["", " ", "a ", " a", "a\nb", "\x1b[31m", "x" * 512, b"\xff", "link:a"]
)
def test_what_cannot_be_a_name_is_refused_in_one_line(
    line: Line, tmp_path: Path, name: str | bytes
) -> None:
    path = line.add(tmp_path / "kept", "kept")
    error = line.run("root", "add", name, path, code=2).stderr
    assert "cannot name a root" in error
    assert len(error) < 200
    assert line.run("root", "list").stdout == ""
    # And nothing is called that.
    assert "there is no root" in line.run("root", "remove", name, code=15).stderr


@pytest.mark.parametrize("name", ["a b", "üñ☃", "a/b", ".", "/etc/passwd", "x" * 511, "a'\"$(b)"])
def test_all_else_is_a_name(line: Line, tmp_path: Path, name: str) -> None:
    path = line.add(tmp_path / "kept", "kept")
    line.run("root", "add", name, path)
    assert line.run("root", "list").stdout == f"{name}  {path}\n"
    line.run("gc")
    assert line.held() == ["kept"]
    line.run("root", "remove", name)
    line.run("gc")
    assert line.held() == []


def test_of_several_names_all_are_removed_or_none(line: Line, tmp_path: Path) -> None:
    link = tmp_path / "link"
    path = line.add(tmp_path / "kept", "kept", "--out-link", str(link))
    for name in ("one", "two"):
        line.run("root", "add", name, path)
    error = line.run("root", "remove", "one", "three", "two", code=15).stderr
    assert "no root 'three'; nothing was removed" in error
    assert len(line.run("root", "list").stdout.splitlines()) == 3
    line.run("root", "remove", "one", "two", "link", cwd=tmp_path)
    assert line.run("root", "list").stdout == ""
    assert link.is_symlink()


@pytest.mark.parametrize("link", ["", "folder", "file", "none/link"])
def test_where_no_link_can_be_is_said_before_anything_is_done(
    line: Line, tmp_path: Path, link: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("mine")
    for words in (["add", str(tmp_path / "file")], ["realise", "tcc", "--offline"]):
        line.run(*words, "--out-link", link, code=2, cwd=tmp_path)
    assert (tmp_path / "file").read_text() == "mine"
    assert not line.root.exists()


def test_a_link_and_a_page_may_have_the_longest_name(line: Line, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    link, page = folder / ("l" * 255), folder / ("p" * 255)
    path = line.add(tmp_path / "kept", "kept", "--out-link", str(link))
    line.add(tmp_path / "kept", "kept", "--out-link", str(link))
    assert line.run("root", "list").stdout == f"{link}  {path}\n"
    line.run("du", "--html", str(page))
    assert sorted(each.name for each in folder.iterdir()) == [link.name, page.name]
