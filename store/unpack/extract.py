"""Unpacking archives into a fresh folder. An archive is hostile until it has been unpacked.

Every path is walked from the folder's own descriptor, part by part, without following links. So
nothing is written, linked or read outside of the folder. Of a mode, only the executable bit counts;
owners, times and special bits are dropped.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence

from store.display import quoted
from store.errors import StoreFull
from store.job_errors import BadArchive
from store.system.beneath import FOLDER
from store.system.disk_reserve import DiskReserveCheck
from store.system.durable import open_file
from store.unpack.archives import ArchiveKind, ArchiveMember, members, stream_members
from store.unpack.compression import Meter, Stream
from store.unpack.selection import UnpackOptions

__all__ = ["UnpackOptions", "unpack"]

_CREATE_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_BAD_NAME = (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)


def unpack(
    archives: Sequence[str], target: str, options: UnpackOptions, *, reserve: int = 0
) -> None:
    """Unpack ``archives`` (paths), in order and over each other, into the new folder ``target``.

    A file or link that comes again replaces the earlier one; a folder and something else of the
    same path is an error. ``target`` is left half full on an error;
    ``reserve`` bytes of its disk stay free. Raises BadArchive, StoreFull, DiskReserve.
    """
    os.mkdir(target, 0o755)
    meter = Meter(options.limits.bytes, options.limits.entries)
    with UnpackTarget(target, meter, reserve) as tree:
        for archive in archives:
            _unpack_one(archive, tree, options, meter)
        for path, text in options.links:
            try:
                tree.add_final_link(path, text)
            except BadArchive as error:
                raise BadArchive(f"link={path}:{text}: {error.message}") from error


def _unpack_one(archive: str, tree: UnpackTarget, options: UnpackOptions, meter: Meter) -> None:
    last = ""
    try:
        with os.fdopen(_open(archive), "rb") as file:
            for member in _selected(members(file, meter), options, meter):
                last = member.path
                _add(tree, member, options, meter)
    except BadArchive as error:
        after = f" (after {quoted(last)})" if last else ""
        raise BadArchive(f"{archive}: {error.message}{after}", hint=error.hint) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreFull(
                f"no space left while unpacking {archive}", hint="`store gc` frees space"
            ) from error
        if error.errno in _BAD_NAME:
            reason = f"{error.strerror} (after {quoted(last)})"
            raise BadArchive(f"{archive}: a name that cannot be made: {reason}") from error
        raise


def _open(archive: str) -> int:
    """Return a descriptor of the archive, which is a builder's product as well: where a link leads
    need not be the store, a fifo never begins and a device never ends."""
    try:
        return open_file(archive)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.EINVAL, errno.ENXIO, errno.EISDIR):
            raise
        raise BadArchive("an archive has to be a file, and no folder, link or other") from error


def _selected(
    found: Iterator[ArchiveMember], options: UnpackOptions, meter: Meter
) -> Iterator[ArchiveMember]:
    """Return ``found``, or the members of the one archive among them that the options name."""
    if options.nested is None:
        yield from found
        return
    seen = ""
    for member in found:
        if member.kind is not ArchiveKind.FILE or not options.is_nested(member.path):
            continue
        if seen:
            raise BadArchive(
                f"nested={options.nested} names {quoted(seen)} and {quoted(member.path)}"
            )
        seen = member.path
        yield from stream_members(Stream(member.chunks()), meter)
    if not seen:
        raise BadArchive(f"nested={options.nested} names nothing in it")


def _add(tree: UnpackTarget, member: ArchiveMember, options: UnpackOptions, meter: Meter) -> None:
    """Put one member where the options want it, if they do."""
    is_link = member.kind is ArchiveKind.SYMLINK
    path = options.destination(member.path, is_link=is_link) if member.path else None
    if not path:
        return
    if member.kind is ArchiveKind.DIRECTORY:
        tree.add_directory(path)
    elif member.kind is ArchiveKind.SYMLINK:
        tree.add_link(path, member.target)
    elif member.kind is ArchiveKind.FILE:
        tree.add_file(path, member.chunks(), meter, executable=member.executable)
    elif member.kind is ArchiveKind.SPECIAL:
        raise BadArchive(
            f"holds {quoted(path)}, which is a device, a fifo or of an unknown kind",
            hint=f"leave it out with exclude={path}",
        )
    else:
        source = options.destination(member.target, is_link=False)
        if not source:
            raise BadArchive(
                f"{quoted(path)} is a hard link to {quoted(member.target)}, which is not unpacked",
                hint="include both or exclude both",
            )
        tree.add_hard_link(path, source)


class UnpackTarget:
    """A folder that is filled by relative paths; no path gets out of it, whatever it holds."""

    def __init__(self, path: str, meter: Meter, reserve: int = 0) -> None:
        self._meter = meter
        self._root = os.open(path, FOLDER)
        self._room = DiskReserveCheck(self._root, reserve)
        self._folder, self._folder_fd = "", os.dup(self._root)  # the one last used

    def __enter__(self) -> UnpackTarget:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._folder_fd)
        os.close(self._root)

    def add_directory(self, path: str) -> None:
        """Make the folder ``path`` and those above it, as far as they are missing."""
        self._enter(path)

    def add_file(
        self, path: str, chunks: Iterator[bytes], meter: Meter, *, executable: bool
    ) -> None:
        """Make a regular file, in place of a file or link of that path."""
        folder, name = self._parent(path)
        try:
            fd = os.open(name, _CREATE_FILE, 0o600, dir_fd=folder)
        except FileExistsError:
            self._remove(folder, name, path)
            fd = os.open(name, _CREATE_FILE, 0o600, dir_fd=folder)
        try:
            for chunk in chunks:
                meter.count_written(len(chunk))
                self._room.take(len(chunk), lambda: path)
                _write_all(fd, chunk)
            os.fchmod(fd, 0o755 if executable else 0o644)
        finally:
            os.close(fd)

    def add_link(self, path: str, text: str) -> None:
        """Make a symbolic link that reads ``text``, in place of a file or link of that path."""
        if not text or "\0" in text:
            raise BadArchive(f"{quoted(path)} is a link without a proper target")
        folder, name = self._parent(path)
        try:
            os.symlink(_encode(text), name, dir_fd=folder)
        except FileExistsError:
            self._remove(folder, name, path)
            os.symlink(_encode(text), name, dir_fd=folder)

    def add_hard_link(self, path: str, source: str) -> None:
        """Make ``path`` the same file as ``source``, which is in the tree already."""
        if path == source:
            return
        source_folder, source_name = self._parent(source)
        source_folder = os.dup(source_folder)
        try:
            folder, name = self._parent(path)
            self._check_linkable(source_folder, source_name, path, source)
            self._remove_if_there(folder, name, path)
            os.link(
                source_name,
                name,
                src_dir_fd=source_folder,
                dst_dir_fd=folder,
                follow_symlinks=False,
            )
        finally:
            os.close(source_folder)

    def add_final_link(self, path: str, text: str) -> None:
        """Make a symbolic link where nothing is, or the same link."""
        folder, name = self._parent(path)
        try:
            os.symlink(_encode(text), name, dir_fd=folder)
        except FileExistsError:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            is_link = stat.S_ISLNK(status.st_mode)
            if not is_link or os.readlink(name, dir_fd=folder) != _encode(text):
                raise BadArchive(f"something else is at {quoted(path)} already") from None

    @staticmethod
    def _check_linkable(folder: int, name: bytes, path: str, source: str) -> None:
        try:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            raise BadArchive(
                f"{quoted(path)} is a hard link to {quoted(source)}, which is missing"
            ) from None
        if stat.S_ISDIR(status.st_mode):
            raise BadArchive(f"{quoted(path)} is a hard link to the folder {quoted(source)}")

    @staticmethod
    def _remove(folder: int, name: bytes, path: str) -> None:
        """Make room; never by truncation, which a hard link would show elsewhere."""
        try:
            os.unlink(name, dir_fd=folder)
        except IsADirectoryError:
            raise BadArchive(f"{quoted(path)} is a folder, and then something else") from None

    def _remove_if_there(self, folder: int, name: bytes, path: str) -> None:
        try:
            self._remove(folder, name, path)
        except FileNotFoundError:
            return

    def _parent(self, path: str) -> tuple[int, bytes]:
        """Return the folder of ``path``, open and made if need be (ours to close), and its last
        part."""
        folder, _, name = path.rpartition("/")
        return self._enter(folder), _encode(name)

    def _enter(self, folder: str) -> int:
        """Walk to ``folder`` from the top, making missing ones. The descriptor stays ours."""
        if folder == self._folder:
            return self._folder_fd
        fd = os.dup(self._root)
        try:
            for part in folder.split("/") if folder else ():
                fd = self._step(fd, _encode(part), folder)
        except BaseException:
            os.close(fd)
            raise
        os.close(self._folder_fd)
        self._folder, self._folder_fd = folder, fd
        return fd

    def _step(self, fd: int, name: bytes, folder: str) -> int:
        """Return the folder ``name`` in ``fd``, which is closed unless this raises."""
        try:
            try:
                inner = os.open(name, FOLDER, dir_fd=fd)
            except FileNotFoundError:
                self._meter.count_folder()
                os.mkdir(name, 0o755, dir_fd=fd)
                inner = os.open(name, FOLDER, dir_fd=fd)
                os.fchmod(inner, 0o755)
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                raise
            shown = name.decode("utf-8", "replace")
            raise BadArchive(
                f"something is to go into {quoted(folder)}, where "
                f"{quoted(shown)} is a link or file",
                hint=f"if {quoted(shown)} is a link to a folder, say move={shown}:THAT-FOLDER",
            ) from None
        os.close(fd)
        return inner


def _write_all(fd: int, data: bytes) -> None:
    written = os.write(fd, data)
    while written < len(data):
        data = data[written:]
        written = os.write(fd, data)


def _encode(text: str) -> bytes:
    """Return a path or part as the kernel has it, whatever the locale."""
    return text.encode("utf-8", "surrogateescape")
