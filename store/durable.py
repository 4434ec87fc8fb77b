"""Names on disk: moving what has them, and waiting until they are there for good."""

from __future__ import annotations

import os
import stat


def sync_folder(path: str) -> None:
    """Wait until a folder's entries are on disk. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def move(path: str, target: str) -> None:
    """Rename something to another folder, a directory that cannot be written to, too; that can be
    written to afterwards. Raises OSError."""
    if stat.S_ISDIR(os.lstat(path).st_mode):
        # Its entry ".." is written.
        os.chmod(path, 0o755)
    os.rename(path, target)
