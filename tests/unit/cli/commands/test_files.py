"""``store ls`` and ``store cat``: the files of an object."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Line


@pytest.fixture
def added(line: Line, tmp_path: Path) -> str:
    """An object with a program, a link to it, one to the host, and names that need care."""
    top = tmp_path / "tree"
    (top / "bin").mkdir(parents=True)
    (top / "bin" / "tool").write_bytes(bytes(range(256)))
    (top / "bin" / "tool").chmod(0o755)
    (top / "sh").symlink_to("bin/tool")
    (top / "host").symlink_to("/etc/passwd")
    (top / "esc\x1b[2J\n").write_text("x")
    Path(os.fsdecode(os.fsencode(top) + b"/\xff")).write_text("y")
    return line.run("add", str(top)).stdout.strip()


def raw(line: Line, *words: str) -> bytes:
    """Standard output in bytes."""
    return subprocess.run(line.command(*words), check=True, capture_output=True).stdout


def test_ls_lists_names_that_steer_no_terminal(line: Line, added: str) -> None:
    assert line.run("ls", added).stdout.splitlines() == [
        "bin",
        "esc\\x1b[2J\\n",
        "host",
        "sh",
        "\\xff",
    ]
    assert line.run("ls", "-R", added).stdout.splitlines()[:2] == ["bin", "bin/tool"]


def test_a_long_list_has_mode_size_and_target(line: Line, added: str) -> None:
    lines = line.run("ls", "-l", added).stdout.splitlines()
    assert lines[0].split() == ["dr-xr-xr-x", "256", "B", "bin"]
    assert lines[3].split()[0] == "lrwxrwxrwx"
    assert lines[3].endswith("sh -> bin/tool")
    assert line.run("ls", "-l", f"{added}/sh/").stdout.startswith("-r-xr-xr-x")
    records = [json.loads(each) for each in line.run("ls", "--json", added).stdout.splitlines()]
    assert records[3] == {
        "path": "sh",
        "kind": "link",
        "mode": "0777",
        "size": 8,
        "target": "bin/tool",
    }


def test_cat_prints_bytes_as_they_are(line: Line, added: str) -> None:
    assert raw(line, "cat", f"{added}/bin/tool", f"{added}/sh") == 2 * bytes(range(256))
    assert raw(line, "cat", f"{added}/\udcff") == b"y"


@pytest.mark.slow
def test_cat_takes_links_digests_and_physical_paths(line: Line, added: str, tmp_path: Path) -> None:
    name = added.removeprefix("/store/")
    (tmp_path / "result").symlink_to(line.root / "store" / name)
    for head in (name, name[:8], str(line.root / "store" / name), str(tmp_path / "result")):
        assert raw(line, "cat", f"{head}/bin/tool") == bytes(range(256))
    (tmp_path / "file").write_text("alone")
    alone = line.run("add", str(tmp_path / "file")).stdout.strip()
    assert raw(line, "cat", alone) == b"alone"
    assert line.run("ls", alone).stdout == f"{alone.removeprefix('/store/')}\n"


@pytest.mark.parametrize("path", ["/etc/passwd", "./bin/tool", "../x", "none/x", "/store/x/y"])
def test_a_path_outside_the_store_is_no_object(
    line: Line, added: str, path: str, kept: Callable[[str, str], Path]
) -> None:
    shutil.copy(kept("derivations", "debian"), line.root / "index" / "catalogue-debian")
    said = line.run("ls", path, code=15).stderr
    assert f"'{path}'" in said or "'none'" in said or "no object 'x'" in said


@pytest.mark.parametrize("path", ["host", "../x", "bin/../../x", "bin", "none"])
def test_nothing_but_files_of_the_object_is_printed(line: Line, added: str, path: str) -> None:
    done = line.run("cat", f"{added}/{path}", code=15)
    assert done.stdout == ""


def test_a_link_that_came_into_the_store_is_not_followed(
    line: Line, added: str, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("secret")
    folder = line.root / "store" / added.removeprefix("/store/") / "bin"
    folder.chmod(0o755)
    (folder / "tool").unlink()
    (folder / "tool").symlink_to(tmp_path / "secret")
    assert line.run("cat", f"{added}/bin/tool", code=56).stdout == ""


def test_files_below_an_object_are_completed(line: Line, added: str) -> None:
    words = " ".join(["store", "--root", str(line.root), "cat", f"{added}/b"])
    done = subprocess.run(
        line.command(),
        env=os.environ
        | {"_STORE_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": "4"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f"plain,{added}/bin/\n"
