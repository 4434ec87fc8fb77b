"""Where the files of a cache lie: the few things that are asked of a folder or a web server."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import BinaryIO, Protocol


class CachePlace(Protocol):
    """Files by names with slashes. Threads may use one at once; a forked process, too.

    Any method may raise CacheUnusable: the place is of no use for the rest of the run.
    """

    @property
    def name(self) -> str:
        """Its URL without secrets."""

    @property
    def ranges(self) -> bool:
        """False once a part of a file was asked for, and the whole came."""

    def get(self, names: Collection[str], limit: int) -> Mapping[str, bytes]:
        """Return whole small files; of one that is longer, its first ``limit + 1`` bytes. An absent
        one is left out."""

    def sizes(self, names: Collection[str]) -> Mapping[str, int]:
        """Return the bytes of each file that is there, as it is now."""

    def obstacle(self, name: str) -> str:
        """Return the words for something else than a file in the place of one, as a link; empty for
        a file, and where nothing is. Raises nothing."""

    def read(self, name: str, start: int, size: int) -> Iterator[bytes]:
        """Yield the ``size`` bytes of a file from ``start`` on, in parts of any size; UnknownObject
        when it is not there, CorruptObject when it ends before."""

    def put(self, name: str, data: bytes | BinaryIO) -> None:
        """Write a file whole, over one that was there; an open file from its beginning on. Others
        see the former or the new one."""

    def refresh(self, names: Collection[str]) -> None:
        """Let the times at which files were written be now, unless that is less than a day ago:
        they are still wanted. Of a server, only of files whose :meth:`sizes` were asked for."""

    def sync(self) -> None:
        """Wait until all that was put survives a power cut, if that can be waited for."""

    def close(self) -> None:
        """Let go of connections."""
