"""The errors of LMDB, and of bytes that it gives back, as errors of the engine."""

from __future__ import annotations

import errno
import os

import lmdb

from store.errors import CorruptObject, StorageError, storage_error

_DAMAGED = (
    lmdb.CorruptedError,
    lmdb.InvalidError,
    lmdb.VersionMismatchError,
    # The result of a damaged page before, or of a damaged key or flag in it.
    lmdb.BadTxnError,
    lmdb.BadValsizeError,
    lmdb.CursorFullError,
    lmdb.IncompatibleError,
    lmdb.NotFoundError,
    lmdb.PageFullError,
    lmdb.PageNotFoundError,
    lmdb.PanicError,
)
"""Errors of LMDB that only a damaged index gives: we open no tables but those that we made."""


def _misread(error: Exception, path: str) -> CorruptObject:
    return CorruptObject(
        f"the index in {path} holds bytes that were never written to it: {error}",
        hint="`store index rebuild` makes it anew from the store directory",
    )


def translate(error: Exception, path: str) -> StorageError:
    """Return our error for one of LMDB's, or of reading a value, in the index in ``path``."""
    if not isinstance(error, lmdb.Error):
        return _misread(error, path)
    code = getattr(error, "code", None)
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM):
        if code == number or os.strerror(number) in str(error):
            return storage_error(OSError(number, os.strerror(number)), f"the index in {path}")
    if isinstance(error, _DAMAGED):
        return CorruptObject(
            f"the index in {path} is damaged: {error}",
            hint="`store index rebuild` makes it anew from the store directory",
        )
    return StorageError(f"the index in {path}: {error}")
