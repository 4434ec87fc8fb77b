"""The generations of a profile, by the links beside it."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Final, NamedTuple

from store.display import quoted
from store.errors import (
    FormatError,
    InvalidName,
    StorageError,
    UsageError,
    storage_error,
)
from store.layout.paths import Layout
from store.model.names import ObjectId

ELSEWHERE: Final = "name another place with --profile or $STORE_PROFILE"
"""The hint where no profile can be at a place."""

_LINK: Final = re.compile(r"(.+)-([1-9][0-9]{0,8})-link", re.DOTALL)


class Generation(NamedTuple):
    """One state of a profile. ``link`` keeps ``object``, which is None if it leads elsewhere;
    ``time`` is when the link was made, in Unix seconds."""

    number: int
    link: str
    object: ObjectId | None
    time: float
    current: bool


def link_of(profile: str, number: int) -> str:
    """Return the path of the link of a profile's generation."""
    return f"{profile}-{number}-link"


def profile_of(link: str) -> str | None:
    """Return the profile of which the path could be a generation's link; None for any other."""
    folder, slash, name = link.rpartition("/")
    match = _LINK.fullmatch(name)
    return None if match is None else f"{folder}{slash}{match[1]}"


def generations(profile: str, layout: Layout) -> list[Generation]:
    """Return all generations of a profile, by number. Raises UsageError where its path is something
    else, StorageError and OSError."""
    current = current_number(profile)
    name = os.path.basename(profile)
    found = []
    with os.scandir(os.path.dirname(profile)) as scan:
        for entry in scan:
            match = _LINK.fullmatch(entry.name)
            if match is not None and match[1] == name and entry.is_symlink():
                found.append(_generation(entry, int(match[2]), current, layout))
    return sorted(found)


def _generation(
    entry: os.DirEntry[str], number: int, current: int | None, layout: Layout
) -> Generation:
    return Generation(
        number,
        entry.path,
        _object(entry.path, layout),
        entry.stat(follow_symlinks=False).st_mtime,
        number == current,
    )


def _object(link: str, layout: Layout) -> ObjectId | None:
    try:
        target = os.path.join(os.path.dirname(link), os.readlink(link))
        folder, _, name = target.rpartition("/")
        within = folder == layout.objects or os.path.samefile(folder, layout.objects)
        return ObjectId.parse(name) if within else None
    except (FormatError, InvalidName, OSError):
        return None


def current_number(profile: str) -> int | None:
    """Return the number of the generation that a profile is at; None where there is no profile.

    Raises UsageError when its path is something else, and StorageError where the system does not
    show that.
    """
    try:
        target = os.readlink(profile)
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        raise UsageError(f"{quoted(profile)} would be below a file") from None
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise place_error(error, "cannot look at the profile") from error
        raise UsageError(
            f"{quoted(profile)} is no profile: it is not a link",
            hint="--profile names a link to make, or one that `store profile` made",
        ) from None
    folder, _, name = target.rpartition("/")
    match = _LINK.fullmatch(name)
    if match is None or match[1] != os.path.basename(profile) or folder:
        raise UsageError(
            f"{quoted(profile)} is no profile: it is a link to {quoted(target)}",
            hint="--profile names a link to make, or one that `store profile` made",
        )
    return int(match[2])


def place_error(error: OSError, doing: str) -> StorageError:
    """Return the error for a system call that failed at the place of a profile: that place is not
    the store's, so another store is no remedy."""
    return storage_error(error, doing, remedy=ELSEWHERE)


def superseded(found: Iterable[Generation]) -> dict[int, float]:
    """Return when each generation but the newest gave way to the next, by number."""
    ordered = sorted(found)
    return {one.number: two.time for one, two in pairwise(ordered)}
