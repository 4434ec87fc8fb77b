"""Files that a user names for a result."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from store.system.output_file import is_replaceable, put_text


def test_a_text_takes_the_place_of_the_file_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    put_text(str(path), "text")
    assert path.read_text() == "text"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_names_the_file_that_was_asked_for(tmp_path: Path) -> None:
    path = str(tmp_path / "no folder" / "file")
    with pytest.raises(OSError, match="No such file") as refused:
        put_text(path, "text")
    assert (refused.value.filename, refused.value.filename2) == (path, None)


CODE = "import sys; from store.system.output_file import put_text; put_text(sys.argv[1], 'text')"


@pytest.mark.parametrize("name", ["/dev/stdout", "/proc/self/fd/1", "link"])
def test_a_link_to_the_output_stays_also_where_that_is_a_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "link").symlink_to("/dev/stdout")
    with (tmp_path / "file").open("wb") as file:
        file.write(b"before ")
        file.flush()
        command = [sys.executable, "-c", CODE, os.path.join(tmp_path, name)]
        subprocess.run(command, stdout=file, check=True)
    assert (tmp_path / "file").read_text() == "before text"
    assert os.path.islink("/dev/stdout")
    assert (tmp_path / "link").is_symlink()


def test_a_pipe_gets_the_text_and_stays(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    reader = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    put_text(f"{tmp_path}/fifo", "text")
    assert os.read(reader, 9) == b"text"
    os.close(reader)
    assert (tmp_path / "fifo").is_fifo()
    assert not is_replaceable(f"{tmp_path}/fifo")
    assert not is_replaceable("/dev/null")


def test_a_text_that_cannot_be_encoded_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    with pytest.raises(UnicodeEncodeError):
        put_text(str(path), "\udc80")
    put_text(str(tmp_path / "other"), "\udc80", errors="backslashreplace")
    assert path.read_text() == "before"
    assert (tmp_path / "other").read_text() == "\\udc80"
