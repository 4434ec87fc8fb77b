"""Reading small files that a user or an administrator wrote, wherever these are kept."""

from __future__ import annotations

import errno
import os
import stat


def read_small(path: str, largest: int) -> bytes:
    """Return the content of a file of at most ``largest`` bytes; links are followed, as settings
    may be.

    Raises OSError, EINVAL for anything but a file (a fifo would be waited for) and EFBIG.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError as error:  # a NUL
        raise OSError(errno.EINVAL, "not a path", path) from error
    with os.fdopen(fd, "rb") as stream:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        data = stream.read(largest + 1)
    if len(data) > largest:
        raise OSError(errno.EFBIG, "larger than it may be", path)
    return data
