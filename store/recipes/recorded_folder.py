"""Folders as recipes list them: entries whose every question goes through ``os.stat``, which is
recorded."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator


class RecordedEntry:
    """An entry of ``os.scandir`` in a recipe: as ``os.DirEntry``, from records."""

    def __init__(self, folder: str | bytes, name: str | bytes) -> None:
        self.name = name
        self.path = os.path.join(folder, name)  # type: ignore[arg-type]

    def __fspath__(self) -> str | bytes:
        return self.path

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Act as ``os.DirEntry.is_dir``."""
        return self._is(stat.S_ISDIR, follow_symlinks)

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """Act as ``os.DirEntry.is_file``."""
        return self._is(stat.S_ISREG, follow_symlinks)

    def is_symlink(self) -> bool:
        """Act as ``os.DirEntry.is_symlink``."""
        return self._is(stat.S_ISLNK, False)

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Act as ``os.stat``."""
        return os.stat(self.path, follow_symlinks=follow_symlinks)

    def inode(self) -> int:
        """Return 0 always: the number is the disk's affair."""
        return 0

    def _is(self, kind: Callable[[int], bool], follow: bool) -> bool:
        try:
            return kind(self.stat(follow_symlinks=follow).st_mode)
        except FileNotFoundError:
            return False


class Entries:
    """The iterator, and context, that ``os.scandir`` returns."""

    def __init__(self, entries: Iterable[RecordedEntry]) -> None:
        self._entries = iter(entries)

    def __iter__(self) -> Iterator[RecordedEntry]:
        return self

    def __next__(self) -> RecordedEntry:
        return next(self._entries)

    def __enter__(self) -> Entries:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Do nothing: nothing is open."""
