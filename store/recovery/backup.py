"""Copying the index while it is in use."""

from __future__ import annotations

import contextlib
import os

from store.errors import StorageError, storage_error
from store.index.env import Index
from store.index.making import sync_folder


def backup(index: Index, path: str) -> int:
    """Put a copy of the index, as of now, in the place of the file ``path``, durably.

    Returns its size in bytes. Writers go on meanwhile; at no instant is there half a copy. Raises
    StorageError.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        raise StorageError(f"{path} is there, and is no file that could be replaced")
    fresh = f"{path}.{os.getpid()}.new"
    try:
        try:
            return _copy(index, fresh, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(fresh)
    except OSError as error:
        raise storage_error(error, f"cannot write the copy {path}") from error


def _copy(index: Index, fresh: str, path: str) -> int:
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        index.copy_to(fd)
        os.fsync(fd)
        size = os.fstat(fd).st_size
    finally:
        os.close(fd)
    os.rename(fresh, path)
    sync_folder(os.path.dirname(os.path.abspath(path)))
    return size
