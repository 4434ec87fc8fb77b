"""Writing in folders of this user's own, and nowhere else; and believing what only this user, or
root, can have written.

A store may be another user's. That user may put a link where a file is about to be made, also
between a look and the making. So a file is opened from the descriptor of its folder; the folder's
owner is asked of the descriptor; and neither of the two is reached through a link.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from typing import Final

from store.errors import NotOwner, StorageError
from store.system.beneath import FOLDER

PRIVATE_FILE: Final = 0o600
"""The mode of files that no other user may open: a lock can be taken by each reader of a file."""

_WRITING: Final = stat.S_IWGRP | stat.S_IWOTH

_FILE: Final = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def open_folder(path: str) -> int:
    """Open a folder of this user's own, its path's last part no link. Raises NotOwner, OSError."""
    fd = os.open(path, FOLDER)
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
    return _checked(fd, path, lambda found, path: refuse_other(found.st_uid, path))


def open_lock(path: str) -> int:
    """Open a lock file, made where there is none, that only this user can open.

    Raises NotOwner and OSError.
    """
    return open_file(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)


def open_believed(path: str) -> int:
    """Open a regular file that only this user or root can have written, as its folder; no link.

    Raises NotOwner, StorageError where others can write, and OSError.
    """
    folder = os.open(os.path.dirname(path) or ".", FOLDER)
    try:
        check_believed(os.fstat(folder), os.path.dirname(path))
        fd = os.open(os.path.basename(path), os.O_RDONLY | _FILE, dir_fd=folder)
    finally:
        os.close(folder)
    return _checked(fd, path, check_believed)


def _checked(fd: int, path: str, check: Callable[[os.stat_result, str], None]) -> int:
    """Return ``fd``, which is closed unless it is a regular file that passes ``check``. Raises
    OSError, and what ``check`` raises."""
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "not a file", path)
        check(found, path)
    except BaseException:
        os.close(fd)
        raise
    return fd


def check_believed(found: os.stat_result, path: str) -> None:
    """Raise NotOwner unless the file at ``path`` is this user's or root's; StorageError when
    another can write there. A folder with the sticky bit keeps each one's files his own."""
    if found.st_uid not in (os.geteuid(), 0):
        raise NotOwner(
            f"{path} belongs to user {found.st_uid}, not to {os.geteuid()} or root",
            hint="its contents are not used; move it away, or make it yours",
        )
    if others_write(found) and not (stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX):
        raise StorageError(
            f"other users can write to {path}: its contents are not used",
            hint=f"see that all in it is yours, then `chmod go-w {path}`",
        )


def refuse_lure(path: str) -> None:
    """Raise NotOwner when a link, fifo or device of another user stands where this user wants a
    file: it would be written through. Raises OSError."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode) and found.st_uid not in (os.geteuid(), 0):
        raise NotOwner(
            f"{path} belongs to user {found.st_uid}, and is no file",
            hint="write to a folder of your own",
        )


def others_write(found: os.stat_result) -> bool:
    """Return whether more may write than the owner, and the group that only the owner is in."""
    return bool(found.st_mode & _WRITING) and not _is_alone(found)


def _is_alone(found: os.stat_result) -> bool:
    if found.st_mode & stat.S_IWOTH:
        return False
    import grp
    import pwd

    try:
        owner, group = pwd.getpwuid(found.st_uid), grp.getgrgid(found.st_gid)
    except KeyError:
        return False
    return (
        owner.pw_gid == group.gr_gid
        and owner.pw_name == group.gr_name
        and set(group.gr_mem) <= {owner.pw_name}
    )


def refuse_other(owner: int, path: str) -> None:
    """Raise NotOwner unless ``owner``, that of ``path``, is this user."""
    if owner != os.geteuid():
        raise NotOwner(
            f"{path} belongs to user {owner}, not to {os.geteuid()}",
            hint="run as its owner, or use a store of your own with --root or $STORE_ROOT",
        )
