"""Removing trees: however deep they are, whatever their modes, and as much of them as can be.

Two descriptors suffice for any depth: the walk climbs by ``..`` and makes sure that it came back to
where it was. Refusals of the system are reported at the end, and the rest is removed. A folder on
which another file system is mounted is not entered.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from store.system import kernel
from store.system.beneath import FOLDER, HANDLE
from store.system.parallel import by_threads
from store.system.portions import parts_of, remove_folders, remove_portions
from store.system.tree_removal import BLOCK, TreeRemoval, Watch

MANY: Final = 1000
"""Files and folders from which on threads are worth their start."""

MOUNTED: Final = "another file system is mounted there"


def open_folder(name: str | bytes, parent: int | None = None) -> int:
    """Open a folder for reading, and make sure that it can be written and searched."""
    handle = os.open(name, HANDLE) if parent is None else _handle(name, parent)
    try:
        mode = stat.S_IMODE(os.fstat(handle).st_mode)
        if mode & stat.S_IRWXU != stat.S_IRWXU:
            # Not by name, which chmod(2) would follow if it were a link.
            with contextlib.suppress(OSError):  # the next steps report a refusal
                os.chmod(f"/proc/self/fd/{handle}", mode | stat.S_IRWXU)
        return os.open(".", FOLDER, dir_fd=handle)
    finally:
        os.close(handle)


def _handle(name: str | bytes, parent: int) -> int:
    """Return a handle of a folder in an open one; EBUSY where another is mounted, be it of the same
    file system."""
    try:
        return kernel.openat2(parent, os.fsencode(name), HANDLE, 0, kernel.RESOLVE_NO_XDEV)
    except OSError as error:
        if error.errno == errno.EXDEV:
            raise OSError(errno.EBUSY, MOUNTED, os.fsdecode(name)) from None
        # EPERM: a container's filter answers so for a call that it does not know.
        if error.errno not in (errno.ENOSYS, errno.EPERM):
            raise
    handle = os.open(name, HANDLE, dir_fd=parent)
    if mount_of(handle) == mount_of(parent):
        return handle
    os.close(handle)
    raise OSError(errno.EBUSY, MOUNTED, os.fsdecode(name))


def mount_of(fd: int) -> int:
    """Return the number of the mount that an open file is reached through; -1 without ``/proc``."""
    try:
        with open(f"/proc/self/fdinfo/{fd}", "rb") as stream:
            return int(stream.read().split(b"mnt_id:")[1].split()[0])
    except (OSError, ValueError, IndexError):
        return -1


def remove_tree(
    name: str | bytes,
    parent: int | None = None,
    *,
    threads: bool = False,
    watch: Watch | None = None,
) -> TreeRemoval:
    """Remove whatever is called ``name`` in an open folder, if it is there.

    ``threads`` is for trees that may hold thousands of files. No process may change the tree
    meanwhile.
    """
    encoded = os.fsencode(name)
    above, last = os.path.split(encoded)
    if parent is None and above and last:
        # From the folder above: only so a mount in this very place is seen.
        return _remove_below(above, last, threads=threads, watch=watch)
    removal = TreeRemoval(watch=watch)
    remove_part(encoded, parent, removal, threads=threads)
    removal.settle()
    return removal


def remove_part(
    name: bytes, parent: int | None, removal: TreeRemoval, *, threads: bool = False
) -> None:
    """Remove as :func:`remove_tree`, for a caller that removes others at the same time, and settles
    at the end."""
    try:
        if threads:
            _thin_out(name, parent, removal)
        _remove(name, parent, removal)
    except FileNotFoundError:
        pass
    except OSError as error:
        removal.left.append((name, error))


def _remove_below(above: bytes, last: bytes, *, threads: bool, watch: Watch | None) -> TreeRemoval:
    try:
        folder = os.open(above, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return TreeRemoval()
    except OSError as error:
        return TreeRemoval(left=[(b"%b/%b" % (above, last), error)])
    try:
        removal = remove_tree(last, folder, threads=threads, watch=watch)
    finally:
        os.close(folder)
    removal.left = [(b"%b/%b" % (above, path), error) for path, error in removal.left]
    return removal


def empty_folder(
    top: int, kept: frozenset[str] = frozenset(), *, watch: Watch | None = None
) -> TreeRemoval:
    """Remove all in an open folder but entries with one of the names ``kept``, by threads if it is
    much. No process may change the tree meanwhile."""
    removal = TreeRemoval(watch=watch)
    with os.scandir(top) as scan:
        entries = [entry for entry in scan if entry.name not in kept]
    names = [os.fsencode(entry.name) for entry in entries]
    if entries:
        _remove_most(top, entries, removal)
    for name in names:
        try:
            _remove(name, top, removal)
        except FileNotFoundError:
            continue
        except OSError as error:
            removal.left.append((name, error))
    removal.settle()
    return removal


@dataclass
class _Level:
    """A folder under way: its place in the one above, its own identity, and the entries to come."""

    name: bytes
    identity: tuple[int, int]
    blocks: int
    pending: list[bytes]
    refused: int
    """Refusals before it was entered: with more at the end, it is not empty, and that is known."""


def _remove(name: bytes, parent: int | None, removal: TreeRemoval) -> None:
    found = os.stat(name, dir_fd=parent, follow_symlinks=False)
    if not stat.S_ISDIR(found.st_mode):
        os.unlink(name, dir_fd=parent)
        removal.unlinked(found)
        return
    here = open_folder(name, parent)
    try:
        levels = [_enter(here, name, found.st_dev, [], removal)]
        while True:
            if levels[-1].pending:
                here = _descend(here, levels, removal)
            elif len(levels) > 1:
                here = _climb(here, levels, removal)
            else:
                break
    finally:
        os.close(here)
    if len(removal.left) == levels[0].refused:
        os.rmdir(name, dir_fd=parent)
        removal.freed += levels[0].blocks * BLOCK


def _descend(here: int, levels: list[_Level], removal: TreeRemoval) -> int:
    """Open the next folder below and remove its files; returns its descriptor in the stead of
    ``here``, which stays when it cannot be entered."""
    name = levels[-1].pending.pop()
    below = -1
    try:
        below = open_folder(name, here)
        level = _enter(below, name, levels[-1].identity[0], levels, removal)
    except OSError as error:
        if below >= 0:
            os.close(below)
        if error.errno != errno.ENOENT:
            removal.left.append((_shown(levels, name), error))
        return here
    levels.append(level)
    os.close(here)
    return below


def _climb(here: int, levels: list[_Level], removal: TreeRemoval) -> int:
    """Remove the folder ``here``, which was emptied; returns the one above it."""
    level = levels.pop()
    above = os.open("..", FOLDER, dir_fd=here)
    found = os.fstat(above)
    if (found.st_dev, found.st_ino) != levels[-1].identity:
        os.close(above)
        raise OSError(errno.ESTALE, "moved while it was removed", os.fsdecode(level.name))
    os.close(here)
    if len(removal.left) == level.refused:
        try:
            os.rmdir(level.name, dir_fd=above)
            removal.freed += level.blocks * BLOCK
        except FileNotFoundError:
            pass
        except OSError as error:
            removal.left.append((_shown(levels, level.name), error))
    return above


def _enter(
    folder: int, name: bytes, device: int, above: Sequence[_Level], removal: TreeRemoval
) -> _Level:
    """Remove the files of an open folder; the folders in it are to come."""
    found = os.fstat(folder)
    if found.st_dev != device:
        raise OSError(errno.EBUSY, MOUNTED, os.fsdecode(name))
    level = _Level(name, (found.st_dev, found.st_ino), found.st_blocks, [], len(removal.left))
    with os.scandir(folder) as scan:
        entries = list(scan)
    for entry in entries:
        try:
            seen = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(seen.st_mode):
                level.pending.append(os.fsencode(entry.name))
            else:
                os.unlink(entry.name, dir_fd=folder)
                removal.unlinked(seen)
        except FileNotFoundError:
            continue
        except OSError as error:
            path = b"%b/%b" % (_shown(above, name), os.fsencode(entry.name))
            removal.left.append((path, error))
    return level


def _shown(levels: Sequence[_Level], name: bytes) -> bytes:
    return b"/".join([*(level.name for level in levels), name])


# -- several at once --


def _thin_out(name: bytes, parent: int | None, removal: TreeRemoval) -> None:
    """Remove most of a large tree by several threads; the rest is for the walk."""
    if not stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
        return
    top = open_folder(name, parent)
    try:
        with os.scandir(top) as scan:
            entries = list(scan)
        _remove_most(top, entries, removal)
    finally:
        os.close(top)


def _remove_most(top: int, entries: Sequence[os.DirEntry[str]], removal: TreeRemoval) -> None:
    """Remove most files and folders at and below these entries of an open folder, if they are
    many."""
    portions, folders = parts_of(top, entries)
    if sum(len(names) for _, names in portions) + len(folders) < MANY:
        return
    removing = by_threads(lambda item: remove_portions(top, [item]), portions)
    with contextlib.closing(removing):  # whatever is raised, no thread is left with a closed folder
        for _, removed in removing:
            removal.add(removed)
    removal.add(remove_folders(top, folders))


def remove(path: str, watch: Watch | None = None) -> None:
    """Remove a directory and all below it. Nothing is done if it is not there.

    Links are removed and not followed; directories without permissions are given them; however deep
    the tree is, few descriptors suffice, and large ones are removed by several threads. No process
    may be changing the tree meanwhile. OSError when something is left; the rest is removed.
    """
    remove_tree(os.path.abspath(path), threads=True, watch=watch).refuse()
