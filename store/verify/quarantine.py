"""The quarantine: a folder of things that were in a wrong place or damaged, with a note each."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile

from store.display import printable
from store.errors import StorageError, storage_error
from store.layout.paths import Layout
from store.model.names import ObjectId
from store.objects.placing import exclusive, mark_unsound
from store.system import owned
from store.system.durable import move, sync_folder
from store.system.removing import remove_tree


class Quarantine:
    """Moves things of a store aside. Raises StoreFull, or StorageError where one cannot be
    moved."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def take_no_manifest(self, oid: ObjectId) -> None:
        """Move anything but a file out of the place of a manifest: a folder could not be
        replaced."""
        path = self._layout.manifest(oid)
        if os.path.lexists(path) and not stat.S_ISREG(os.lstat(path).st_mode):
            self._move(path, "was in the place of a manifest")

    def take_object(self, oid: ObjectId) -> str | None:
        """Move an object's tree; returns the folder that has it then, None where there was no
        tree."""
        path = self._layout.object(oid)
        with exclusive(self._layout):
            if not os.path.lexists(path):
                return None
            return self._move(path, "an object that could not be repaired")

    def mark_object(self, oid: ObjectId) -> None:
        """Give an object that cannot be moved a mode by which every check takes it for damaged, if
        the system allows it."""
        with contextlib.suppress(OSError):
            mark_unsound(self._layout.object(oid))

    def _move(self, path: str, why: str) -> str:
        """Move something to a folder of its own, with a note of what it is."""
        above, name = os.path.split(path)
        folder = ""
        try:
            folder = self._make_folder(above, name)
            _write_note(folder, f"{printable(path)}: {why}\n")
            move(path, f"{folder}/{name}")
            for changed in (folder, self._layout.quarantine, above):
                sync_folder(changed)
        except OSError as error:
            if folder and not os.path.lexists(f"{folder}/{name}"):
                remove_tree(folder)
            doing = f"cannot move {path} to the quarantine"
            if error.errno in (errno.EPERM, errno.EBUSY, errno.EXDEV):
                # About this one, and not the store.
                raise StorageError(f"{doing}: {error.strerror}") from error
            raise storage_error(error, doing) from error
        return folder

    def _make_folder(self, above: str, name: str) -> str:
        """Return a new folder for an entry of the folder ``above``. NotOwner where one of both is
        another user's."""
        quarantine = self._layout.quarantine
        os.makedirs(quarantine, 0o700, exist_ok=True)
        for folder in (quarantine, above):
            os.close(owned.open_folder(folder))
        return tempfile.mkdtemp(prefix=f"{_short(name)}-", dir=quarantine)


def _write_note(folder: str, text: str) -> None:
    with open(f"{folder}/note", "x", encoding="utf-8") as note:
        note.write(text)
        note.flush()
        os.fsync(note.fileno())


def _short(name: str) -> str:
    """Return the beginning of a file's name, which leaves room for more."""
    return os.fsdecode(os.fsencode(name)[:100])
