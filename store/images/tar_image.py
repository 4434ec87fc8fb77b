"""A tar of a tree: GNU's form, which every tar reads, those of busybox and of containers too.

Owner and time are fixed, members are in the order of their paths, and a file that is there already
is a hard link. All is laid out first, so that the size is known.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterable
from typing import Final

from store.images.image_output import ImageOutput
from store.images.image_tree import MTIME, ImageFile, ImageFolder, ImageLink, ImageNode

BLOCK: Final = tarfile.BLOCKSIZE
_END: Final = bytes(2 * BLOCK)


class TarImage:
    """The archive of nodes by path, in this order: folders come before their entries."""

    def __init__(self, nodes: Iterable[tuple[bytes, ImageNode]]) -> None:
        self._members: list[tuple[bytes, ImageFile | None]] = []
        self._names: dict[tuple[bytes, int], bytes] = {}
        self.size = len(_END)
        for path, node in nodes:
            header, file = self._member(path, node)
            self._members.append((header, file))
            data = file.size if file else 0
            self.size += len(header) + data + -data % BLOCK

    def _member(self, path: bytes, node: ImageNode) -> tuple[bytes, ImageFile | None]:
        """Return a member's header, and the file that follows it."""
        info = tarfile.TarInfo(_text(path))
        info.mtime = MTIME
        file = None
        if isinstance(node, ImageFolder):
            info.type, info.mode = tarfile.DIRTYPE, node.mode
        elif isinstance(node, ImageLink):
            info.type, info.mode, info.linkname = tarfile.SYMTYPE, 0o777, _text(node.target)
        else:
            info.mode = node.mode
            before = self._same(path, node)
            if before is None:
                info.size, file = node.size, node
            else:
                info.type, info.linkname = tarfile.LNKTYPE, _text(before)
        return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape"), file

    def _same(self, path: bytes, file: ImageFile) -> bytes | None:
        """Return the path of an equal file that came before."""
        if file.content is None:
            return None
        before = self._names.setdefault((file.content, file.mode), path)
        return None if before == path else before

    def write(self, out: int) -> None:
        """Write the archive into an empty open file.

        Raises CorruptObject for a file that does not have its size, and OSError.
        """
        output = ImageOutput(out)
        for header, file in self._members:
            output.write(header)
            if file is not None:
                output.put(file, file.size)
                output.write(bytes(-file.size % BLOCK))
        output.write(_END)
        output.end()


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
