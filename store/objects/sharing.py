"""Files shared by hard link: every content once, by the plain BLAKE3 of its bytes."""

from __future__ import annotations

import contextlib
import errno
import os
import stat

MTIME_NS = 10**9
"""Every file's and directory's mtime, in nanoseconds since the epoch."""

TIMES = (MTIME_NS, MTIME_NS)
"""When everything in the store was read and changed last, for ``os.utime``."""

_CANNOT = (
    errno.EPERM,
    errno.EXDEV,
    errno.EOPNOTSUPP,
    errno.ENOSYS,
    errno.EACCES,
    errno.ENOTDIR,
    errno.ELOOP,
)
"""What link(2) says where there are no hard links, or not from there to here, or where something
else stands in the place of a folder. Sharing saves space, and nothing else: without it, files are
copied."""


def link_path(links: str, content: bytes, executable: bool) -> str:
    """Where the inode with this content stands below the folder ``links``."""
    text = content.hex()
    return f"{links}/{text[:2]}/{text[2:]}{'x' if executable else ''}"


def mode_of(executable: bool) -> int:
    """The permission bits that a stored file has."""
    return 0o555 if executable else 0o444


def finish(fd: int, mode: int) -> None:
    """Give an open file or folder its final mode and mtime."""
    os.fchmod(fd, mode)
    os.utime(fd, ns=TIMES)


def share(source: str, size: int, name: bytes, folder: int) -> bool:
    """Link the shared inode at ``source`` as ``name`` into a folder; False when it cannot serve.

    An inode that was changed since it was stored, belongs to another user, or can't have more
    links, does not serve any more, and is dropped.
    """
    try:
        os.link(source, name, dst_dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno == errno.EMLINK:
            _drop(source)
        elif error.errno not in _CANNOT:
            raise
        return False
    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    expected = mode_of(source.endswith("x"))
    if (
        found.st_size == size
        and found.st_mtime_ns == MTIME_NS
        and found.st_mode == stat.S_IFREG | expected
        and found.st_uid == os.geteuid()
    ):
        return True
    os.unlink(name, dir_fd=folder)
    _drop(source)
    return False


def share_within(source: bytes, top: int, name: bytes, folder: int) -> bool:
    """Link the file ``source`` below the folder ``top`` as ``name``; False when it can't be."""
    try:
        os.link(source, name, src_dir_fd=top, dst_dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        if error.errno in (*_CANNOT, errno.EMLINK, errno.ENAMETOOLONG):
            return False
        raise
    return True


def publish(links: str, content: bytes, executable: bool, name: bytes, folder: int) -> None:
    """Share a stored file whose bytes are on disk from now on."""
    path = link_path(links, content, executable)
    try:
        try:
            os.link(name, path, src_dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            with contextlib.suppress(FileExistsError):
                os.mkdir(os.path.dirname(path), 0o755)
            os.link(name, path, src_dir_fd=folder, follow_symlinks=False)
    except FileExistsError:
        pass
    except OSError as error:
        if error.errno not in (*_CANNOT, errno.EMLINK, errno.ENAMETOOLONG):
            raise


def _drop(source: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(source)
