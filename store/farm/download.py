"""Outputs of an action, as its result names them, written into a folder of this machine."""

from __future__ import annotations

import hashlib
import os
from typing import BinaryIO, Final

from store.display import quoted
from store.errors import FormatError, ServerUnusable
from store.job_errors import DiskReserve
from store.reapi.blob import EMPTY, BlobDigest, Message, read_digest
from store.reapi.server import Server
from store.reapi.tree_messages import TREE_LIMIT, read_tree

_EXECUTABLE: Final = 0o755
_PLAIN: Final = 0o644

ENTRIES_LIMIT: Final = 2_000_000
"""Files, links and folders of all outputs: a few messages can stand for any number."""


class OutputDownload:
    """Writes outputs below ``folder``, where nobody else writes. The names of a server are checked:
    none leads anywhere else, and nothing there is written over."""

    def __init__(self, server: Server, folder: str, reserve: int) -> None:
        self._server = server
        self._folder = folder
        self._reserve = reserve
        self._files: dict[BlobDigest, list[tuple[str, int]]] = {}
        self._links: list[tuple[str, str]] = []
        self._entries = 0

    def add(self, name: str, output: Message, kind: str) -> None:
        """Plan an output called ``name``: a message of a ``file``, ``link`` or ``folder``. The
        folders are made. FormatError for anything that cannot be."""
        path = f"{self._folder}/{name}"
        if kind == "file":
            self._file(path, output)
        elif kind == "link":
            self._links.append((path, output.target))
        else:
            self._tree(path, read_digest(output.tree_digest))

    def run(self) -> None:
        """Get all files. ServerUnusable when one does not come as announced; DiskReserve."""
        size = sum(digest.size * len(paths) for digest, paths in self._files.items())
        disk = os.statvfs(self._folder)
        if disk.f_bavail * disk.f_frsize < size + self._reserve:
            raise DiskReserve("the outputs do not fit on the disk", hint="free some space")
        for path, mode in self._files.pop(EMPTY, []):
            _created(path, mode).close()
        self._write()
        for path, target in self._links:
            os.symlink(target, path)

    def _tree(self, path: str, digest: BlobDigest) -> None:
        found = self._server.read_small([digest], TREE_LIMIT).get(digest)
        if found is None:
            raise ServerUnusable(f"{quoted(self._server.name)} lacks the tree of an output")
        top, directories = read_tree(found)
        waiting = [(path, top)]
        while waiting:
            place, folder = waiting.pop()
            self._entries += 1 + len(folder.files) + len(folder.symlinks)
            if self._entries > ENTRIES_LIMIT:
                raise FormatError("an output with too many files")
            os.mkdir(place)
            for each in folder.files:
                self._file(f"{place}/{_name(each.name)}", each)
            for each in folder.symlinks:
                self._links.append((f"{place}/{_name(each.name)}", each.target))
            for each in folder.directories:
                below = directories.get(read_digest(each.digest))
                if below is None:
                    raise FormatError("the tree of an output lacks a folder")
                waiting.append((f"{place}/{_name(each.name)}", below))

    def _file(self, path: str, file: Message) -> None:
        mode = _EXECUTABLE if file.is_executable else _PLAIN
        self._files.setdefault(read_digest(file.digest), []).append((path, mode))

    def _write(self) -> None:
        """Write each blob to its places, and check its bytes."""
        left = dict(self._files)
        current, hasher, files = None, hashlib.sha256(), list[BinaryIO]()
        try:
            for piece in self._server.read(list(left)):
                if piece.digest != current:
                    current, hasher = piece.digest, hashlib.sha256()
                    files = [_created(*place) for place in self._files[current]]
                hasher.update(piece.data)
                for file in files:
                    file.write(piece.data)
                if piece.offset + len(piece.data) == piece.digest.size:
                    while files:
                        files.pop().close()
                    if hasher.hexdigest() == piece.digest.hash:
                        del left[piece.digest]
        finally:
            while files:
                files.pop().close()
        if left:
            raise ServerUnusable(
                f"{quoted(self._server.name)} lacks {len(left)} files of an output, or has others"
            )


def _name(name: str) -> str:
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise FormatError(f"{quoted(name)} cannot name a file of an output")
    return name


def _created(path: str, mode: int) -> BinaryIO:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, mode), "wb")
