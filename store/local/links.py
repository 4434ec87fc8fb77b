"""Links of users that lead into the store."""

from __future__ import annotations

import errno

from store.errors import StorageError, storage_error
from store.system.whole_file import replace_link


def make_link(path: str, target: str) -> None:
    """Make or replace the link ``path``, which is on disk afterwards. Raises StoreFull, and
    StorageError where no link can be."""
    doing = f"cannot make the link {path}"
    try:
        replace_link(path, target)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise storage_error(error, doing) from error
        raise StorageError(f"{doing}: {error.strerror}") from error
