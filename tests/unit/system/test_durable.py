"""Moving, and syncing folders."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from store.system.durable import move, open_file, sync_folder


def test_a_directory_that_cannot_be_written_to_is_moved(tmp_path: Path) -> None:
    (tmp_path / "from/tree/below").mkdir(parents=True)
    (tmp_path / "into").mkdir()
    (tmp_path / "from/tree").chmod(0o555)
    move(f"{tmp_path}/from/tree", f"{tmp_path}/into/tree")
    assert (tmp_path / "into/tree/below").is_dir()
    assert (tmp_path / "into/tree").stat().st_mode & 0o777 == 0o755
    assert not os.listdir(tmp_path / "from")


def test_a_link_is_moved_and_what_it_names_is_left(tmp_path: Path) -> None:
    (tmp_path / "named").mkdir(0o500)
    (tmp_path / "link").symlink_to("named")
    move(f"{tmp_path}/link", f"{tmp_path}/moved")
    assert os.readlink(tmp_path / "moved") == "named"
    assert (tmp_path / "named").stat().st_mode & 0o777 == 0o500


def test_what_is_not_there_is_not_moved(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        move(f"{tmp_path}/nothing", f"{tmp_path}/something")


def test_only_folders_are_synced(tmp_path: Path) -> None:
    sync_folder(str(tmp_path))
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        sync_folder(f"{tmp_path}/file")


def test_only_files_are_opened_and_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"text")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("file")
    fd = open_file(f"{tmp_path}/file")
    assert os.read(fd, 9) == b"text"
    os.close(fd)
    for name in ("fifo", "link", "."):
        with pytest.raises(OSError, match=r"not a file|Too many levels"):
            open_file(f"{tmp_path}/{name}")
