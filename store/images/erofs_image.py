"""A read-only file system, EROFS, of a tree: uncompressed, without a tool or root's rights.

First all is laid out, so that the size is known; then it is written in one pass. Behind the
superblock are the inodes, each with its last part behind it where that fits; then whole blocks in
the same order. Equal files are one inode.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from typing import Final

from store.errors import FormatError
from store.images import erofs_records as records
from store.images.erofs_records import BLOCK, SLOT
from store.images.image_output import ImageOutput
from store.images.image_tree import MTIME, ImageFile, ImageFolder, ImageLink, ImageNode

LABEL_BYTES: Final = 15

_TYPES = {stat.S_IFREG: records.FILE, stat.S_IFDIR: records.FOLDER, stat.S_IFLNK: records.LINK}


@dataclass(slots=True, eq=False)
class _Inode:
    """A node where it lies. ``entries`` are those of a folder, sorted by name."""

    node: ImageNode
    mode: int
    size: int
    number: int
    links: int = 0
    entries: list[tuple[bytes, _Inode]] = field(default_factory=list)
    nid: int = 0
    block: int = records.NO_BLOCK

    @property
    def extended(self) -> bool:
        """True if its numbers are too large for a compact inode."""
        return self.size > 0xFFFF_FFFF or self.links > 0xFFFF

    @property
    def record_size(self) -> int:
        """Bytes of the inode itself."""
        return records.EXTENDED if self.extended else records.COMPACT

    @property
    def tail(self) -> int:
        """The bytes that follow the inode."""
        tail = self.size % BLOCK
        return tail if tail <= BLOCK - self.record_size else 0

    @property
    def blocks(self) -> int:
        """The number of its blocks."""
        return (self.size - self.tail + BLOCK - 1) // BLOCK


class ErofsImage:
    """The image of a tree, laid out. ``uuid`` has 16 bytes; ``label`` is the volume's name.

    Raises FormatError for a label that is too long, and for more than the format can hold.
    """

    def __init__(self, root: ImageFolder, *, uuid: bytes, label: bytes = b"") -> None:
        if len(label) > LABEL_BYTES:
            raise FormatError(f"a label of an image has {LABEL_BYTES} bytes at most")
        self._uuid, self._label = uuid, label
        self._inodes: list[_Inode] = []
        self._same: dict[tuple[bytes, int], _Inode] = {}
        self._add_tree(root)
        self._data_block = self._place_inodes()
        self._blocks = self._place_blocks()
        if self._blocks > records.MOST_BLOCKS:
            raise FormatError("an image has 16 TiB at most")

    @property
    def size(self) -> int:
        """The bytes of the image."""
        return self._blocks * BLOCK

    # -- laying out --

    def _add_tree(self, root: ImageFolder) -> None:
        top = self._inode(root)
        stack = [(top, top)]
        top.links = 1
        while stack:
            folder, parent = stack.pop()
            inner = self._add_entries(folder, parent)
            stack += [(below, folder) for below in reversed(inner)]

    def _add_entries(self, folder: _Inode, parent: _Inode) -> list[_Inode]:
        """Make the inodes of a folder's entries; returns the folders among them."""
        assert isinstance(folder.node, ImageFolder)
        found, inner = [(b".", folder), (b"..", parent)], []
        folder.links += 1
        for name in sorted(folder.node.entries):
            below = self._inode(folder.node.entries[name])
            below.links += 1
            found.append((name, below))
            if isinstance(below.node, ImageFolder):
                inner.append(below)
        folder.links += len(inner)
        folder.entries = sorted(found, key=lambda entry: entry[0])
        folder.size = records.folder_size([name for name, _ in folder.entries])
        return inner

    def _inode(self, node: ImageNode) -> _Inode:
        key = None
        if isinstance(node, ImageFile) and node.content is not None:
            key = node.content, node.mode
            if key in self._same:
                return self._same[key]
        made = _Inode(node, _mode(node), _size(node), len(self._inodes) + 1)
        self._inodes.append(made)
        if key is not None:
            self._same[key] = made
        return made

    def _place_inodes(self) -> int:
        """Place every inode; neither one nor its tail lies across a border of blocks. Returns the
        first block behind them."""
        at = records.FIRST_SLOT * SLOT
        for inode in self._inodes:
            need = inode.record_size + inode.tail
            if at % BLOCK + need > BLOCK:
                at += -at % BLOCK
            inode.nid = at // SLOT
            at += need + -need % SLOT
        return (at + BLOCK - 1) // BLOCK

    def _place_blocks(self) -> int:
        """Place the blocks of every inode; returns the number of all blocks."""
        block = self._data_block
        for inode in self._inodes:
            if inode.blocks:
                inode.block = block
                block += inode.blocks
        return block

    # -- writing --

    def write(self, out: int, at: int = 0) -> None:
        """Write the image into an open file from ``at`` on, as :attr:`size` bytes.

        Raises CorruptObject for a file that does not have its size, and OSError.
        """
        heads = ImageOutput(out, at)
        blocks = ImageOutput(out, at + self._data_block * BLOCK)
        first: bytearray | None = bytearray(records.SUPER_AT) + self._superblock()
        for inode in self._inodes:
            start = inode.nid * SLOT
            if first is not None and start >= BLOCK:
                heads.write(_whole(first))
                first = None
            record = _record(inode) + self._body(inode, blocks)
            if first is not None:
                first += bytes(start - len(first)) + record
            else:
                heads.pad(at + start)
                heads.write(record)
        if first is not None:
            heads.write(_whole(first))
        heads.pad(at + self._data_block * BLOCK)
        heads.end()
        blocks.pad(at + self.size)
        blocks.end()

    def _superblock(self) -> bytes:
        return records.superblock(
            root=self._inodes[0].nid,
            inodes=len(self._inodes),
            blocks=self._blocks,
            uuid=self._uuid,
            label=self._label,
            time=MTIME,
        )

    def _body(self, inode: _Inode, blocks: ImageOutput) -> bytes:
        """Write the blocks of an inode; returns the bytes that follow it."""
        whole = inode.size - inode.tail
        if isinstance(inode.node, ImageFile):
            tail = blocks.put(inode.node, whole)
        else:
            data = _data(inode)
            blocks.write(data[:whole])
            tail = data[whole:]
        blocks.write(bytes(-whole % BLOCK))
        return tail


def _record(inode: _Inode) -> bytes:
    return records.inode(
        mode=inode.mode,
        links=inode.links,
        size=inode.size,
        block=inode.block,
        number=inode.number,
        layout=records.FLAT_INLINE if inode.tail else records.FLAT_PLAIN,
        extended=inode.extended,
        time=MTIME,
    )


def _data(inode: _Inode) -> bytes:
    if isinstance(inode.node, ImageLink):
        return inode.node.target
    return records.folder_data(
        [(name, _TYPES[stat.S_IFMT(below.mode)], below.nid) for name, below in inode.entries]
    )


def _mode(node: ImageNode) -> int:
    if isinstance(node, ImageLink):
        return stat.S_IFLNK | 0o777
    return (stat.S_IFDIR if isinstance(node, ImageFolder) else stat.S_IFREG) | node.mode


def _size(node: ImageNode) -> int:
    if isinstance(node, ImageFile):
        return node.size
    return len(node.target) if isinstance(node, ImageLink) else 0


def _whole(first: bytearray) -> bytearray:
    """Return the first block, whole and with its checksum."""
    first += bytes(BLOCK - len(first))
    records.put_checksum(first)
    return first
