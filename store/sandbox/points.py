"""The entries that a build's mounts are made on, from a look at its objects.

Nothing is walked by name: an object is opened in the store directory, its entries in the object,
mount points in the work directory. A link is read and never followed.
"""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass
from typing import Final

from store.display import printable
from store.errors import UnknownObject
from store.job_errors import BuildFailed
from store.sandbox.request import BuildRequest
from store.system.beneath import FOLDER, opened

OWN_ENTRIES: Final = frozenset(("build", "dev", "etc", "proc", "store", "tmp"))
"""Entries of ``/`` that a root file system cannot supply."""

STORE: Final = "store"
"""The directory of a work directory where outputs are made, and inputs are mounted."""

MOUNT_POINT: Final = "mount-point"
"""The empty file of a work directory whose inode inputs that are files are mounted on."""

LINKED: Final = "linked"
"""The empty file of a work directory that says: an input is a link. A builder can put anything in
the place of its copy, so that an entry with an input's name need not be a mount point."""

MOST_ENTRIES: Final = 1000
MOST_LONG_LINKS: Final = 200
"""At the top of a root file system: the sandbox's own ``/`` is small."""

_LONG: Final = 128  # bytes; the text of a longer link takes a page of a tmpfs


@dataclass(frozen=True, slots=True)
class RootEntries:
    """Names at the top of the root file system; of links, with their texts."""

    directories: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()


def root_entries(request: BuildRequest) -> RootEntries:
    """Return the entries that the request's root file system has at its top.

    Raises ``UnknownObject`` if it is not there, and ``BuildFailed`` if it cannot be one.
    """
    if request.rootfs is None:
        return RootEntries()
    with opened(request.store_dir) as objects:
        try:
            with opened(request.rootfs, FOLDER, folder=objects) as folder:
                return _sorted_by_kind(request, folder)
        except OSError as error:
            raise _not_a_folder(request, objects, error) from error


def _not_a_folder(
    request: BuildRequest, objects: int, error: OSError
) -> UnknownObject | BuildFailed:
    rootfs = request.rootfs
    assert rootfs is not None
    with contextlib.suppress(OSError):
        mode = os.lstat(rootfs, dir_fd=objects).st_mode
        if not stat.S_ISDIR(mode):
            kind = "a symbolic link" if stat.S_ISLNK(mode) else "a file"
            return BuildFailed(
                request.name, f"its root file system /store/{rootfs} is {kind}, not a folder"
            )
    return UnknownObject(
        f"{request.name}: the root file system {rootfs} cannot be read: {error.strerror}"
    )


def _sorted_by_kind(request: BuildRequest, folder: int) -> RootEntries:
    directories, files, links = [], [], []
    with os.scandir(folder) as scan:
        entries = sorted(scan, key=lambda entry: entry.name)
    for entry in entries:
        if entry.name in OWN_ENTRIES:
            continue
        mode = entry.stat(follow_symlinks=False).st_mode
        if stat.S_ISLNK(mode):
            links.append((entry.name, os.readlink(entry.name, dir_fd=folder)))
        elif stat.S_ISDIR(mode):
            directories.append(entry.name)
        elif stat.S_ISREG(mode):
            files.append(entry.name)
        else:
            name = printable(entry.name)
            raise _unusable(request, f"holds /{name}, which is no folder, file or link")
    long = sum(len(os.fsencode(text)) >= _LONG for _, text in links)
    if len(entries) > MOST_ENTRIES or long > MOST_LONG_LINKS:
        raise _unusable(
            request,
            f"has {len(entries)} entries at its top, {long} of them long links; at most "
            f"{MOST_ENTRIES} and {MOST_LONG_LINKS} can be had",
        )
    return RootEntries(tuple(directories), tuple(files), tuple(links))


def _unusable(request: BuildRequest, reason: str) -> BuildFailed:
    return BuildFailed(request.name, f"its root file system /store/{request.rootfs} {reason}")


def make_mount_points(request: BuildRequest) -> tuple[str, ...]:
    """Make something for each input to be mounted on, unless it is there; the names of the inputs
    to be mounted. Links cannot be, and are copied.

    Raises ``UnknownObject`` for an input that is not there, and ``BuildFailed`` for one of a kind
    that no object has.
    """
    with (
        opened(request.store_dir) as objects,
        opened(request.work_dir) as work,
        opened(STORE, FOLDER, folder=work) as target,
    ):
        there = set()
        if not _is_there(LINKED, work):
            there.update(os.listdir(target))
        missing = [name for name in request.inputs if name not in there]
        copied = _Points(request, objects, work, target).make(missing)
    return tuple(name for name in request.inputs if name not in copied)


def _is_there(name: str, folder: int) -> bool:
    try:
        os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Points:
    """Makes mount points in ``target``, with descriptors of the three folders concerned."""

    request: BuildRequest
    objects: int
    work: int
    target: int

    def make(self, names: list[str]) -> set[str]:
        """Make mount points, and copies of links; the names of the links."""
        copied: set[str] = set()
        for name in names:
            mode = self._mode(name)
            if stat.S_ISLNK(mode):
                if not copied:
                    with contextlib.suppress(FileExistsError):
                        _create_empty(LINKED, self.work)
                copied.add(name)
            with contextlib.suppress(FileExistsError):
                self._make_one(name, mode)
        return copied

    def _mode(self, name: str) -> int:
        try:
            return os.lstat(name, dir_fd=self.objects).st_mode
        except FileNotFoundError:
            raise UnknownObject(
                f"{self.request.name}: its input {name} is not in {self.request.store_dir}"
            ) from None

    def _make_one(self, name: str, mode: int) -> None:
        if stat.S_ISLNK(mode):
            os.symlink(os.readlink(name, dir_fd=self.objects), name, dir_fd=self.target)
        elif stat.S_ISDIR(mode):
            os.mkdir(name, 0o755, dir_fd=self.target)
        elif stat.S_ISREG(mode):
            self._make_empty(name)
        else:
            raise BuildFailed(
                self.request.name, f"its input /store/{name} is no folder, file or link"
            )

    def _make_empty(self, name: str) -> None:
        """Make an empty file: another name of the one inode in the work directory, where that can
        be.

        A graph of builds makes and removes such files by the hundred thousand. ext4 spends longer
        and longer looking for inodes that were not freed just now.
        """
        try:
            os.link(MOUNT_POINT, name, src_dir_fd=self.work, dst_dir_fd=self.target)
        except FileNotFoundError:
            _create_empty(MOUNT_POINT, self.work)
            self._make_empty(name)
        except FileExistsError:
            raise
        except OSError:  # no links here, or no more of them
            _create_empty(name, self.target)


def _create_empty(name: str, folder: int) -> None:
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
    os.close(os.open(name, flags, 0o644, dir_fd=folder))
