"""Files shared by hard link, within an object and with others that have equal ones."""

from __future__ import annotations

import errno
import os
import stat

from store.model.file_tree import Node
from store.objects.content import file_digest_of
from store.objects.presence import MTIME_NS
from store.system.beneath import open_beneath

TIMES = (MTIME_NS, MTIME_NS)
"""When everything in the store was read and changed last, for ``os.utime``."""

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOATIME

_CANNOT = (
    errno.EPERM,
    errno.EXDEV,
    errno.EOPNOTSUPP,
    errno.ENOSYS,
    errno.EACCES,
    errno.ENOTDIR,
    errno.ELOOP,
)
"""Errors of link(2) where there are no hard links, or not from there to here; or where a folder's
place is taken. Sharing saves space, and nothing else: without it, files are copied."""


def mode_of(executable: bool) -> int:
    """Return the permission bits that a stored file has."""
    return 0o555 if executable else 0o444


def finish(fd: int, mode: int) -> None:
    """Give an open file or folder its final mode and mtime."""
    os.fchmod(fd, mode)
    os.utime(fd, ns=TIMES)


def share(
    store: int, source: bytes, node: Node, data: bytes | None, name: bytes, folder: int
) -> bool:
    """Link the file ``source`` of another object, a path below the open store directory, as
    ``name`` into a folder; False when it cannot serve.

    It serves only if it is all that the ``node`` says: attributes, owner, and every byte, which is
    compared with ``data``, or by its digest without.
    """
    try:
        fd = open_beneath(store, source, _READ)
    except OSError:
        return False  # deleted since it was noted, or not as it was stored
    try:
        seen = os.fstat(fd)
        if not serves(seen, node) or not _holds(fd, node, data):
            return False
        os.link(source, name, src_dir_fd=store, dst_dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        if error.errno in (*_CANNOT, errno.EMLINK, errno.ENAMETOOLONG, errno.ENOENT, errno.EIO):
            return False
        raise
    finally:
        os.close(fd)
    linked = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if os.path.samestat(linked, seen):
        return True
    os.unlink(name, dir_fd=folder)  # another has taken its place
    return False


def serves(seen: os.stat_result, node: Node) -> bool:
    """Return whether a file with these attributes can be the stored file ``node``."""
    return (
        seen.st_size == node.size
        and seen.st_mtime_ns == MTIME_NS
        and seen.st_mode == stat.S_IFREG | mode_of(node.executable)
        and seen.st_uid == os.geteuid()
    )


def _holds(fd: int, node: Node, data: bytes | None) -> bool:
    """Return whether an open file has these bytes: nothing is shared that was not read, as a
    damaged file must not spread."""
    if data is None:
        return file_digest_of(fd) == node.payload
    return os.read(fd, len(data) + 1) == data


def share_within(source: bytes, top: int, name: bytes, folder: int) -> bool:
    """Link the file ``source`` below the folder ``top`` as ``name``; False when it can't be."""
    try:
        os.link(source, name, src_dir_fd=top, dst_dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        if error.errno in (*_CANNOT, errno.EMLINK, errno.ENAMETOOLONG):
            return False
        raise
    return True
