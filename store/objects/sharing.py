"""Files shared by hard link: every content once, by the plain BLAKE3 of its bytes."""

from __future__ import annotations

import contextlib
import errno
import os

MTIME_NS = 10**9
"""Every file's and directory's mtime, in nanoseconds since the epoch."""


def link_path(links: str, content: bytes, executable: bool) -> str:
    """Where the inode with this content stands below the folder ``links``."""
    text = content.hex()
    return f"{links}/{text[:2]}/{text[2:]}{'x' if executable else ''}"


def mode_of(executable: bool) -> int:
    """The permission bits that a stored file has."""
    return 0o555 if executable else 0o444


def share(source: str, size: int, name: str, folder: int) -> bool:
    """Link the shared inode at ``source`` as ``name`` into a folder; False when it cannot serve.

    An inode that was changed since it was stored does not serve any more, and is dropped.
    """
    try:
        os.link(source, name, dst_dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno in (errno.EMLINK, errno.EPERM):
            return False
        raise
    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    expected = mode_of(source.endswith("x"))
    if (
        found.st_size == size
        and found.st_mtime_ns == MTIME_NS
        and found.st_mode & 0o7777 == expected
    ):
        return True
    os.unlink(name, dir_fd=folder)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(source)
    return False


def publish(links: str, content: bytes, executable: bool, name: str, folder: int) -> None:
    """Share a stored file whose bytes are on disk from now on."""
    path = link_path(links, content, executable)
    try:
        os.link(name, path, src_dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        with contextlib.suppress(FileExistsError):
            os.mkdir(os.path.dirname(path), 0o755)
        with contextlib.suppress(FileExistsError):
            os.link(name, path, src_dir_fd=folder, follow_symlinks=False)
    except FileExistsError:
        pass
    except OSError as error:
        if error.errno not in (errno.EMLINK, errno.EPERM):
            raise
