"""Something else in the place of a file or folder of a cache: a link, a fifo, a socket.

Nothing of it is read, waited for or followed: another user may have put it there.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from typing import Final, NamedTuple

from store.display import printable
from store.system.beneath import HANDLE, open_beneath

_WORDS: Final = (
    (stat.S_ISREG, "a file"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISLNK, "a link"),
    (stat.S_ISFIFO, "a fifo"),
    (stat.S_ISSOCK, "a socket"),
)


class FileAt(NamedTuple):
    """A place for a file: the descriptor of its folder, and the ``last`` part of its name."""

    folder: int
    last: str

    @property
    def path(self) -> str:
        """A path that leads there whatever becomes of the folders above."""
        return f"/proc/self/fd/{self.folder}/{self.last}"


def kind_text(mode: int) -> str:
    """Return the words for an entry of this mode."""
    return next((words for is_one, words in _WORDS if is_one(mode)), "a device")


def obstacle(top: int, name: str) -> str:
    """Return the words for something that keeps the file ``name`` below the descriptor ``top`` from
    being there: ``a link in the place of a file``. Empty for a file, and where nothing is."""
    parts = name.split("/")
    for count in range(1, len(parts) + 1):
        path = "/".join(parts[:count])
        try:
            fd = open_beneath(top, path, os.O_PATH)
        except OSError:
            return ""
        try:
            mode = os.fstat(fd).st_mode
        finally:
            os.close(fd)
        if count == len(parts):
            return "" if stat.S_ISREG(mode) else f"{kind_text(mode)} in the place of a file"
        if not stat.S_ISDIR(mode):
            return f"{kind_text(mode)} in the place of the folder {printable(path)}"
    return ""


@contextlib.contextmanager
def folder_of(top: str, name: str, *, make: bool = False) -> Iterator[FileAt]:
    """Open the folder of the file ``name`` below the folder ``top``, as long as needed. With
    ``make``, folders that are missing are made. Raises OSError, also for a link in the place of one
    below ``top``."""
    *above, last = name.split("/")
    if make:
        os.makedirs(top, exist_ok=True)
    here = os.open(top, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in above:
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, dir_fd=here)
            below = os.open(part, HANDLE, dir_fd=here)
            os.close(here)
            here = below
        yield FileAt(here, last)
    finally:
        os.close(here)
