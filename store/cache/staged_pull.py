"""One object while it is put together from what a cache sends and this store has."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from typing import Final, NamedTuple

from store.cache.content_file import ContentFile
from store.cache.head import Head
from store.cache.pull_folder import FORMER, PullFolder
from store.cache.pulled_tree import PulledTree
from store.errors import CorruptObject
from store.job_errors import DiskReserve
from store.model import identity
from store.model.file_tree import Directory, Node, NodeKind
from store.objects.content import CHUNK
from store.objects.placing import RECORD, FinishedTree, write_record
from store.objects.scan import OVERLAP
from store.objects.sharing import TIMES, share, share_within
from store.objects.staged import TOP, Content, blanked_file, blanked_link
from store.system.beneath import open_file_beneath
from store.system.disk_reserve import DiskReserveCheck

FOLDER_BYTES: Final = 4096
"""Bytes of disk that a folder takes, at least: a few bytes of a manifest can describe many."""

_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


class StoredFile(NamedTuple):
    """A file at a path below an open folder."""

    folder: int
    path: bytes


class DiskRoom:
    """The disk space of a pull, asked for by several threads."""

    def __init__(self, folder: int, reserve: int) -> None:
        self._check = DiskReserveCheck(folder, reserve)
        self._lock = threading.Lock()
        self.written = 0

    def take(self, size: int, shown: str) -> None:
        """Act as :meth:`DiskReserveCheck.take`."""
        with self._lock:
            self._check.take(size, lambda: shown)
            self.written += size


class StagedPull:
    """The tree of an object in its folder; ``places`` are those of its files that are not there
    yet, by content."""

    def __init__(self, folder: PullFolder, head: Head, tree: PulledTree, room: DiskRoom) -> None:
        self.folder: Final = folder
        self.head = head
        self.tree: Final = tree
        self.in_place = False
        """True if something is in the object's place."""
        self.places = {content: list(paths) for content, paths in tree.files.items()}
        self._room = room
        self._shown = str(head.manifest.id)
        self._fresh: list[bytes] = []
        itself = head.manifest.refers_to_itself
        self._own = head.manifest.id.text.encode() if itself else None
        self._names_own: dict[bytes, bool] = {}
        self._has_former = False

    def begin(self) -> None:
        """Make the folders and links. A tree that a killed pull left is put aside. OSError,
        DiskReserve, CorruptObject."""
        self._has_former = self.folder.clear()
        top = self.folder.fd
        for path in self.tree.folders:
            self._take(FOLDER_BYTES)
            os.mkdir(path, 0o700, dir_fd=top)
        for path, target in self.tree.links:
            os.symlink(target, path, dir_fd=top)
            os.utime(path, ns=TIMES, dir_fd=top, follow_symlinks=False)

    def wanted(self) -> list[bytes]:
        """Return the digests of the contents that are not there yet."""
        return list(dict.fromkeys(digest for digest, _ in self.places))

    def size_of(self, digest: bytes) -> int:
        """Return the bytes of a content."""
        return self.tree.sizes.get(digest, 0)

    # -- files that are on this machine -------------------------------------------------------

    def former(self, content: Content) -> list[StoredFile]:
        """Return where a killed pull of the object may have left a content."""
        paths = self.tree.files[content][:1] if self._has_former else []
        return [StoredFile(self.folder.fd, FORMER + path[len(TOP) :]) for path in paths]

    def share(self, content: Content, sources: Iterable[StoredFile]) -> StoredFile | None:
        """Link a content from the first of stored files that has it, to its first place; each is
        read to see that. None when there is none."""
        digest, executable = content
        node = Node(NodeKind.FILE, executable, self.size_of(digest), digest)
        path = self.places[content][0]
        for source in sources:
            if share(source.folder, source.path, node, None, path, self.folder.fd):
                return self._placed(content)
        return None

    def copy(self, content: Content, sources: Iterable[StoredFile]) -> StoredFile | None:
        """Write a content from the first of stored files that has its bytes; None when there is
        none."""
        for source in sources:
            file = self.create(content)
            try:
                if _fill(file, source):
                    return self.finish(content, file)
            except (OSError, CorruptObject):
                continue
        return None

    def spread(self, content: Content, source: StoredFile) -> StoredFile:
        """Link a content that is in place to each of its other places; returns the last file that
        can be linked."""
        while content in self.places:
            path = self.places[content][0]
            if share_within(source.path, source.folder, path, self.folder.fd):
                self._placed(content)
                continue
            found = self.copy(content, [source])  # no file has any number of names
            if found is None:
                raise CorruptObject("a file that was just written cannot be read again")
            source = found
        return source

    # -- files that arrive --------------------------------------------------------------------

    def create(self, content: Content) -> ContentFile:
        """Return a new file for a content, at its first place. OSError, DiskReserve,
        CorruptObject."""
        digest, executable = content
        size, path = self.size_of(digest), self.places[content][0]
        self._take(size)
        return ContentFile(self.folder.fd, path, digest, size, executable=executable)

    def _take(self, size: int) -> None:
        """Take disk space. DiskReserve; CorruptObject of an object that names itself, the size of
        which nothing proves: a cache that lies about one must not end the run."""
        try:
            self._room.take(size, self._shown)
        except DiskReserve as error:
            if self._own is None:
                raise
            raise CorruptObject(error.message) from error

    def finish(self, content: Content, file: ContentFile) -> StoredFile:
        """Make the file final, and return where it is; CorruptObject when it has other bytes."""
        file.finish()
        self._fresh.append(self.places[content][0])
        return self._placed(content)

    def _placed(self, content: Content) -> StoredFile:
        paths = self.places[content]
        path = paths.pop(0)
        if not paths:
            del self.places[content]
        return StoredFile(self.folder.fd, path)

    def own_text(self) -> bytes | None:
        """Return the text to look for in contents that arrive, if the object names itself."""
        return self._own

    def note_names(self, digest: bytes, found: bool) -> None:
        """Note whether a content has the object's own digest text."""
        self._names_own[digest] = found

    # -- the end ------------------------------------------------------------------------------

    def check_identity(self) -> None:
        """Raise CorruptObject unless the object, complete by now, has the identity that it should
        have. Of one that does not name itself, the manifest has shown it."""
        manifest = self.head.manifest
        if self._own is None:
            return
        blanked = self._blanked(TOP, manifest.root, self._own, {})
        # Without its own name in it, a local build would have made another object.
        found = identity.object_id(manifest.id.name, blanked.digest(), manifest.references, True)
        if blanked == manifest.root or found != manifest.id:
            raise CorruptObject(f"{found} came in the place of {manifest.id}")

    def _blanked(self, path: bytes, node: Node, own: bytes, seen: dict[bytes, Node]) -> Node:
        if node.kind is NodeKind.LINK:
            return blanked_link(node.payload, own)
        if node.kind is NodeKind.FILE:
            return self._blanked_file(path, node, own)
        if node.payload not in seen:
            entries = self.head.manifest.directories[node.payload].entries
            below = [(n, self._blanked(b"%b/%b" % (path, n), x, own, seen)) for n, x in entries]
            seen[node.payload] = Directory(tuple(below)).node()
        return seen[node.payload]

    def _blanked_file(self, path: bytes, node: Node, own: bytes) -> Node:
        if not self._names_own.get(node.payload, True):
            return node
        fd = os.open(path, _READ, dir_fd=self.folder.fd)
        try:
            return blanked_file(fd, node, own)
        finally:
            os.close(fd)

    def complete(self) -> FinishedTree:
        """Give the folders below the top their final form, and write the manifest; OSError."""
        top = self.folder.fd
        for path in reversed(self.tree.folders[1:]):
            os.chmod(path, 0o555, dir_fd=top)
            os.utime(path, ns=TIMES, dir_fd=top)
        write_record(self.head.manifest, self.folder.path)
        return FinishedTree(self.folder.path, self.head.manifest)

    def fresh(self) -> list[bytes]:
        """Return the paths of all that has to be synced; a link is by its folder."""
        single = [b"."] if self.tree.links and not self.tree.folders else []
        return [*self._fresh, *self.tree.folders, *single, RECORD.encode()]


def _fill(file: ContentFile, source: StoredFile) -> bool:
    """Copy a stored file; False, and it is none, when there is nothing to read. OSError,
    CorruptObject."""
    try:
        fd = open_file_beneath(source.folder, source.path)
    except OSError:
        file.discard()
        return False
    try:
        while data := os.read(fd, CHUNK):
            file.write(data)
    except BaseException:
        file.discard()
        raise
    finally:
        os.close(fd)
    return True


class OwnText:
    """Looks for a text in bytes that come in pieces."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._tail = b""
        self.found = False

    def look(self, data: bytes | memoryview) -> None:
        """Look at the next bytes."""
        if not self.found:
            window = b"".join((self._tail, data))
            self.found = self._text in window
            self._tail = window[-OVERLAP:]
