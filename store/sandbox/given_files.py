"""The files that stand in a builder's ``/build`` when it starts."""

from __future__ import annotations

import os
from typing import Final

from store.model.build_files import BuildFiles, folders_of
from store.system.beneath import opened

FOLDER_MODE: Final = 0o755
FILE_MODE: Final = 0o644
SECOND: Final = 1
"""The time of files and folders, in Unix seconds, as that of objects."""

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def make_files(path: str, files: BuildFiles, owner: int | None) -> None:
    """Make the files below the folder at ``path``, which is empty, for the user and group
    ``owner``; None for the caller's own. Whatever the caller's umask, they look the same."""
    folders = folders_of(files)
    with opened(path) as top:
        for folder in folders:
            os.mkdir(folder, dir_fd=top)
        for name, text in files:
            fd = os.open(name, _NEW, FILE_MODE, dir_fd=top)
            with open(fd, "wb") as stream:
                stream.write(text.encode())
                stream.flush()
                _settle(fd, FILE_MODE, owner)
        for folder in reversed(folders):
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=top)
            try:
                _settle(fd, FOLDER_MODE, owner)
            finally:
                os.close(fd)


def _settle(fd: int, mode: int, owner: int | None) -> None:
    if owner is not None:
        os.fchown(fd, owner, owner)
    os.fchmod(fd, mode)
    os.utime(fd, (SECOND, SECOND))
