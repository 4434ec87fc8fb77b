"""The project's own machine: the pages of its site, and of its mailing lists."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from derivations.kit import texts
from derivations.own import _lists

OWN = Path(_lists.__file__).parent


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """A folder of lists with one that has two mails."""
    folder = tmp_path / "talk"
    for each in ("archive", "control"):
        (folder / each).mkdir(parents=True)
    (folder / "control" / "listaddress").write_text("talk@example.org\n")
    (folder / "archive" / "1").write_text(
        "Subject: =?utf-8?q?<gr=C3=BCn>?=\nFrom: a@b\n\nSaid & done\n"
    )
    (folder / "archive" / "2").write_bytes(b"From: \xff\nContent-Type: text/html\n\n<script>\n")
    (tmp_path / "none").mkdir()
    return tmp_path


def test_all_lists_are_named_with_their_addresses(talk: Path) -> None:
    status, _, body = _lists.answer(talk, "/")
    assert status == 200
    assert body == '<ul><li><a href="/lists/talk/">talk</a> (talk@example.org)</ul>'


def test_an_archive_has_its_newest_mails_first_and_says_how_to_join(talk: Path) -> None:
    _, title, body = _lists.answer(talk, "/talk/")
    assert title == "talk"
    assert "talk+subscribe@example.org" in body
    assert body.index('<a href="2">(no subject)</a>') < body.index('<a href="1">&lt;grün&gt;</a>')


def test_a_mail_is_shown_as_text_alone(talk: Path) -> None:
    assert _lists.answer(talk, "/talk/1") == (
        200,
        "&lt;grün&gt;",
        '<p class="soft">a@b, None</p><pre>Said &amp; done\n</pre>',
    )
    assert "<script>" not in _lists.answer(talk, "/talk/2")[2]


@pytest.mark.parametrize(
    "path", ["/none/", "/talk/3", "/talk/../talk/1", "/talk/control", "/talk", "//etc/passwd/1"]
)
def test_nothing_else_is_shown(talk: Path, path: str) -> None:
    assert _lists.answer(talk, path)[0] == 404


@pytest.mark.parametrize("address", ["../etc@x", "a/b@x", "+subscribe@x", "@x", "$(id)@x"])
def test_mail_for_a_name_that_no_list_has_is_refused(address: str) -> None:
    script = OWN / "_list_receive.sh"
    assert subprocess.run(["sh", script, address], check=False).returncode == 67


def test_a_text_that_may_be_missing_is_empty(tmp_path: Path) -> None:
    recipe = tmp_path / "group" / "recipe.py"
    recipe.parent.mkdir()
    (tmp_path / "above.txt").write_text("x")
    assert texts(str(recipe), "../above.txt", "none.txt", missing=True) == (
        ("above.txt", "x"),
        ("none.txt", ""),
    )
    with pytest.raises(FileNotFoundError):
        texts(str(recipe), "none.txt")
