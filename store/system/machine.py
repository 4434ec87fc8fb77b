"""The names of this machine and of the user, as records of realisations have them."""

from __future__ import annotations

import os
from functools import cache


def host_name() -> str:
    """Return the machine's name, at present."""
    return os.uname().nodename


@cache
def user_name() -> str:
    """Return the name of the user that this process works as; the number, where no name is
    known."""
    import pwd  # not needed by most commands

    uid = os.geteuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
