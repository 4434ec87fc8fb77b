"""The tree of a generation as files, to be taken into the store."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from store.display import quoted
from store.errors import PackageConflict
from store.profiles.installed import LIST, Installed
from store.profiles.merged_tree import MergedFolder, PackageTree, executables, merge, owner_of

LAUNCHERS: Final = "launchers"
"""The folder at the top of a generation with a launcher for each program."""

PROGRAMS: Final = (b"bin", b"sbin")
"""The folders of packages that hold programs."""

LAUNCHER_LINK: Final = "../../../launcher"
"""The target of each launcher: the launcher in the root of whichever store the object is in."""


def make_tree(path: str, installed: Installed, trees: Sequence[PackageTree]) -> None:
    """Write the tree of a generation as the new folder ``path``. Raises PackageConflict,
    UsageError and OSError."""
    merged = merge(trees)
    for own in (LIST, LAUNCHERS):
        if own.encode() in merged.entries:
            owner = quoted(owner_of(trees, own.encode()))
            raise PackageConflict(f"{owner} has {own} at its top, where the profile has its own")
    _write(path, merged)
    with open(f"{path}/{LIST}", "xb") as stream:
        stream.write(installed.encode())
    os.mkdir(f"{path}/{LAUNCHERS}")
    for name in executables(merged, PROGRAMS):
        os.symlink(LAUNCHER_LINK, os.path.join(os.fsencode(f"{path}/{LAUNCHERS}"), name))


def _write(path: str, folder: MergedFolder) -> None:
    waiting: list[tuple[bytes, MergedFolder]] = [(os.fsencode(path), folder)]
    while waiting:
        place, here = waiting.pop()
        os.mkdir(place)
        for name, entry in here.entries.items():
            if isinstance(entry, MergedFolder):
                waiting.append((place + b"/" + name, entry))
            else:
                os.symlink(entry.target, place + b"/" + name)
