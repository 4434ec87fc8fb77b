"""Bringing a store of an earlier version to the present form.

Up to schema 3, each file had a second name below ``links/``, by its content. Now the index says
where equal content stands, and a file has the names that objects give it.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import tempfile

from store.errors import StoreError
from store.index.env import Index
from store.layout.paths import Layout
from store.local.equal_files import reconcile
from store.system.beneath import FOLDER
from store.system.locks import LockFile

_SHELF = re.compile("[0-9a-f]{2}")
_NAME = re.compile("[0-9a-f]{62}x?")


def remove_links(layout: Layout, index: Index) -> None:
    """Tell the table of contents of all objects, and remove ``links/``. A kill leaves that for the
    next command; so does a store that this user may not write to, or that has no room."""
    with contextlib.suppress(StoreError, OSError):
        index.check_writable()
        lock = LockFile(f"{layout.locks}/upgrade").try_lock(0)
        if lock is None:
            return  # another process is at it
        try:
            reconcile(layout, index)
            _remove(layout)
        finally:
            lock.release()


def _remove(layout: Layout) -> None:
    """Remove the second names. Other entries there go to the quarantine, where nobody could remove
    them before either. Raises OSError."""
    if stat.S_ISDIR(os.lstat(layout.links).st_mode):
        for shelf in filter(_SHELF.fullmatch, os.listdir(layout.links)):
            _empty(f"{layout.links}/{shelf}")
        with contextlib.suppress(OSError):
            os.rmdir(layout.links)
            return
    os.makedirs(layout.quarantine, 0o700, exist_ok=True)
    folder = tempfile.mkdtemp(prefix="links-", dir=layout.quarantine)
    os.rename(layout.links, f"{folder}/links")


def _empty(shelf: str) -> None:
    with contextlib.suppress(OSError):  # other files go to the quarantine
        fd = os.open(shelf, FOLDER)
        try:
            for name in filter(_NAME.fullmatch, os.listdir(fd)):
                with contextlib.suppress(OSError):
                    os.unlink(name, dir_fd=fd)
        finally:
            os.close(fd)
        os.rmdir(shelf)
