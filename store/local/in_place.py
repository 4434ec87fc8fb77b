"""Removing objects where they stand: the lower layer of an overlay moves no folders."""

from __future__ import annotations

import errno
import os
import stat

from store.display import reason
from store.layout.paths import Layout
from store.objects.placing import IMMOVABLE, exclusive, mark_unsound
from store.system.beneath import FOLDER
from store.system.removing import empty_folder


class InPlace:
    """Folders of the store directory that are objects no more, with the inode of each."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._marked: list[tuple[str, os.stat_result]] = []

    def mark(self, path: str) -> None:
        """Make the object at ``path`` none; a file is removed at once.

        OSError when the system forbids it; the object is as it was then.
        """
        found = os.lstat(path)
        if found.st_dev != os.lstat(self._layout.objects).st_dev:
            raise OSError(errno.EBUSY, "another file system is mounted there", path)
        if not stat.S_ISDIR(found.st_mode):
            os.unlink(path)
            return
        # No object has this mode: a process that adds the same object replaces it, and an index
        # that is made anew passes it over, however much of it is removed.
        mark_unsound(path)
        self._marked.append((path, found))

    def remove(self) -> list[tuple[str, str]]:
        """Remove marked objects; returns the paths that stay, with reasons. A folder that was put
        in the place of a marked one meanwhile is left alone."""
        refused: list[tuple[str, str]] = []
        for path, found in self._marked:
            try:
                refused += self._empty(path, found)
            except FileNotFoundError:
                continue
            except OSError as error:
                refused.append((path, reason(error)))
        self._marked.clear()
        return refused

    def _empty(self, path: str, found: os.stat_result) -> list[tuple[str, str]]:
        fd = os.open(path, FOLDER)
        try:
            if not os.path.samestat(os.fstat(fd), found):
                return []
            removal = empty_folder(fd)
        finally:
            os.close(fd)
        if not removal.left:
            with exclusive(self._layout):
                if os.path.samestat(os.lstat(path), found):
                    os.rmdir(path)
        return [(f"{path}/{os.fsdecode(at)}", reason(error)) for at, error in removal.left]


def unlink_in_place(manifest: str, refusal: OSError) -> list[tuple[str, str]]:
    """Remove a manifest that could not be moved; returns its path and the reason when it stays.

    Alone it is of no object: the next run meets it again.
    """
    if refusal.errno in IMMOVABLE:
        try:
            os.unlink(manifest)
        except FileNotFoundError:
            return []
        except OSError as error:
            return [(manifest, reason(error))]
        return []
    return [(manifest, reason(refusal))]
