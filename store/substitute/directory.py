"""Another store's folder as a substituter."""

from __future__ import annotations

import faulthandler
import os
import resource
import signal
from collections.abc import Sequence
from functools import partial

from store.display import quoted
from store.errors import CorruptObject, FormatError, InvalidName, StoreError, UnknownObject
from store.index.foreign import Told, told
from store.layout.paths import Layout
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.objects.content import read_open_record
from store.system.beneath import open_file_beneath
from store.system.forking import ForkedCall

PATIENCE = 120
"""Seconds that reading another store's index may take."""

MEMORY = 1 << 30
"""Bytes of memory that it may take."""

LONGEST_MANIFEST = 128 << 20
"""Bytes of a manifest of another store: that of an object of two million files or so."""

_SHOWN = 300
"""Characters shown of the fault of a manifest: it may quote its contents."""


class StoreDirectory:
    """The store whose root is ``root``. UnknownObject when there is none."""

    def __init__(self, root: str, *, longest: int = LONGEST_MANIFEST) -> None:
        self._layout = Layout(os.path.abspath(root))
        self._longest = longest
        if not os.path.isdir(self._layout.manifests):
            raise UnknownObject(
                f"{quoted(root)} is no store that this user can read",
                hint="give the folder that --root names",
            )

    @property
    def name(self) -> str:
        """The folder."""
        return self._layout.root

    @property
    def statements(self) -> str:
        """The folder for what its owner signed, which need not be there."""
        return self._layout.statements

    def manifest(self, oid: ObjectId) -> Manifest:
        """Return the object's manifest; UnknownObject or CorruptObject."""
        path = self._layout.manifest(oid)
        try:
            manifest = Manifest.decode(self._read(f"manifests/{oid}"))
        except FileNotFoundError:
            raise UnknownObject(f"{self.name} has no object {oid}") from None
        except OSError as error:
            raise CorruptObject(f"{path} cannot be read: {error.strerror}") from error
        except (FormatError, InvalidName) as error:
            raise CorruptObject(f"{path} is damaged: {error.message[:_SHOWN]}") from error
        if manifest.id != oid:
            raise CorruptObject(f"{path} is the manifest of {manifest.id}")
        return manifest

    def _read(self, path: str) -> bytes:
        """Return a record below the root, by no link. OSError."""
        root = os.open(self._layout.root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return read_open_record(open_file_beneath(root, path), path, self._longest)[0]
        finally:
            os.close(root)

    def tree(self, oid: ObjectId) -> str:
        """Return where the object lies."""
        return self._layout.object(oid)

    def told(self, oids: Sequence[ObjectId]) -> Sequence[Told]:
        """Return the index's records there of the makers of the objects. StoreError when it cannot
        be read; whatever it holds, this process and that store's locks are not touched by it."""
        return ForkedCall(
            partial(_read_index, self._layout.root, [oid.digest for oid in oids])
        ).result()


def _read_index(root: str, digests: Sequence[bytes]) -> list[Told]:
    """Return the index's records, by a process that may die of it, or be ended for it."""
    faulthandler.disable()
    signal.alarm(PATIENCE)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        folder = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        return told(open_file_beneath(folder, "index/data.mdb"), digests)
    except StoreError:
        raise
    except OSError as error:
        raise CorruptObject(f"it cannot be opened: {error.strerror}") from error
    except MemoryError:
        raise CorruptObject("reading it takes too much memory") from None
    except Exception as error:
        # Whatever a reader makes of bytes that were never written by one.
        raise CorruptObject(f"it is damaged ({type(error).__name__})") from error
