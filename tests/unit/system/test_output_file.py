"""Files that a user names for a result."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.system.output_file import put_text


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
