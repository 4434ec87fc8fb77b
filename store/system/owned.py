"""Writing in folders of this user's own, and nowhere else.

A store may be another user's, and that user may put a link where a file is about to be made, also
between a look and the making. So a file is opened from the descriptor of its folder; the folder's
owner is asked of the descriptor; and neither of the two is reached through a link.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Final

from store.errors import NotOwner

PRIVATE_FILE: Final = 0o600
"""The mode of files that no other user may open: a lock can be taken by each reader of a file."""

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def open_folder(path: str) -> int:
    """Open a folder of this user's own, its path's last part no link. Raises NotOwner, OSError."""
    fd = os.open(path, _FOLDER)
    try:
        refuse_other(os.fstat(fd).st_uid, path)
    except BaseException:
        os.close(fd)
        raise
    return fd


def open_file(path: str, flags: int, mode: int = 0o644) -> int:
    """Open a regular file in a folder of this user's own, for writing; with ``O_CREAT`` it is made.

    A link at the name, or at the folder's, is not followed. Raises NotOwner when the folder or the
    file is another user's, and OSError.
    """
    above, _, name = path.rpartition("/")
    folder = open_folder(above or ("/" if path.startswith("/") else "."))
    try:
        fd = os.open(name, flags | _FILE, mode, dir_fd=folder)
    except OSError as error:
        error.filename = path
        raise
    finally:
        os.close(folder)
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "not a file", path)
        refuse_other(found.st_uid, path)
    except BaseException:
        os.close(fd)
        raise
    return fd


def open_lock(path: str) -> int:
    """Open a lock file, made where there is none, that only this user can open.

    Raises NotOwner and OSError.
    """
    return open_file(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)


def refuse_other(owner: int, path: str) -> None:
    """Raise NotOwner unless ``owner``, that of ``path``, is this user."""
    if owner != os.geteuid():
        raise NotOwner(
            f"{path} belongs to user {owner}, not to {os.geteuid()}",
            hint="run as its owner, or use a store of your own with --root or $STORE_ROOT",
        )
