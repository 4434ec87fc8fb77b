"""Reading small files that a user or an administrator wrote, wherever these are kept."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable


def read_small(
    path: str, largest: int, check: Callable[[os.stat_result], None] = lambda status: None
) -> bytes:
    """Return the content of a file of at most ``largest`` bytes; links are followed, as settings
    may be. ``check`` is given the file's status before it is read.

    Raises OSError, EINVAL for anything but a file (a fifo would be waited for) and EFBIG.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError as error:  # a NUL
        raise OSError(errno.EINVAL, "not a path", path) from error
    with os.fdopen(fd, "rb") as stream:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        check(status)
        data = stream.read(largest + 1)
    if len(data) > largest:
        raise OSError(errno.EFBIG, "larger than it may be", path)
    return data
