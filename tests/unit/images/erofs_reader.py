"""A small reader of EROFS images, written from the kernel's header and for tests alone."""

from __future__ import annotations

import stat
import struct
from dataclasses import dataclass


@dataclass(frozen=True)
class Read:
    """One inode, and its bytes: a file's, or a link's target. Folders have their names."""

    mode: int
    links: int
    size: int
    number: int
    mtime: int
    owner: tuple[int, int]
    data: bytes = b""
    names: tuple[bytes, ...] = ()


class ErofsReader:
    """An image in memory."""

    def __init__(self, image: bytes) -> None:
        self.image = image
        fields = struct.unpack_from("<IIIBBHQQIIII16s16sI", image, 1024)
        self.magic, self.checksum, self.compat, self.bits = fields[:4]
        self.root, self.inodes, self.time = fields[5:8]
        self.blocks, self.uuid, self.label = fields[9], fields[12], fields[13].rstrip(b"\0")
        assert self.magic == 0xE0F5E1E2
        assert self.bits == 12
        assert (fields[4], fields[8], fields[10], fields[11], fields[14]) == (0, 0, 0, 0, 0)

    def tree(self) -> dict[bytes, Read]:
        """Return everything by path; the root has the empty one."""
        found: dict[bytes, Read] = {}
        stack = [(b"", self.root, self.root)]
        while stack:
            path, nid, parent = stack.pop()
            inode = found[path] = self.inode(nid)
            if stat.S_ISDIR(inode.mode):
                entries = self.entries(nid)
                assert entries.pop(b".")[0] == nid
                assert entries.pop(b"..")[0] == parent
                for name, (inner, kind) in entries.items():
                    below = path + b"/" + name if path else name
                    assert self.kind(inner) == kind
                    stack.append((below, inner, nid))
        return found

    def kind(self, nid: int) -> int:
        """Return the type that an entry has of this inode."""
        mode = struct.unpack_from("<H", self.image, nid * 32 + 4)[0]
        return {stat.S_IFREG: 1, stat.S_IFDIR: 2, stat.S_IFLNK: 7}[stat.S_IFMT(mode)]

    def inode(self, nid: int) -> Read:
        """Return an inode with its bytes."""
        at = nid * 32
        form = struct.unpack_from("<H", self.image, at)[0]
        if form & 1:
            _, xattrs, mode, _, size, block, number, uid, gid, mtime, nsec, links = (
                struct.unpack_from("<HHHHQIIIIQII", self.image, at)
            )
            behind = 64
            assert nsec == 0
        else:
            _, xattrs, mode, links, size, _, block, number, uid, gid, _ = struct.unpack_from(
                "<HHHHIIIIHHI", self.image, at
            )
            behind, mtime = 32, self.time
        assert xattrs == 0
        data = self._data(form >> 1 & 7, at + behind, block, size)
        names: tuple[bytes, ...] = ()
        if stat.S_ISDIR(mode):
            names, data = tuple(self._split(data)), b""
        return Read(mode, links, size, number, mtime, (uid, gid), data, names)

    def _data(self, layout: int, behind: int, block: int, size: int) -> bytes:
        tail = size % 4096 if layout == 2 else 0
        assert layout in (0, 2)
        assert behind // 4096 == (behind + tail - 1) // 4096 or not tail
        whole = size - tail
        blocks = self.image[block * 4096 : block * 4096 + whole] if whole else b""
        assert len(blocks) == whole
        return blocks + self.image[behind : behind + tail]

    def entries(self, nid: int) -> dict[bytes, tuple[int, int]]:
        """Return a folder's entries: inode and type by name, in their order."""
        at = nid * 32
        form, _, _ = struct.unpack_from("<HHH", self.image, at)
        compact = not form & 1
        size, block = struct.unpack_from("<I4xI" if compact else "<QI", self.image, at + 8)
        data = self._data(form >> 1 & 7, at + (32 if compact else 64), block, size)
        return self._split(data)

    @staticmethod
    def _split(data: bytes) -> dict[bytes, tuple[int, int]]:
        found: dict[bytes, tuple[int, int]] = {}
        for start in range(0, len(data), 4096):
            part = data[start : start + 4096]
            count = struct.unpack_from("<H", part, 8)[0] // 12
            heads = [struct.unpack_from("<QHBB", part, 12 * n) for n in range(count)]
            ends = [*(head[1] for head in heads[1:]), len(part)]
            for (nid, at, kind, zero), end in zip(heads, ends, strict=True):
                name = part[at:end].rstrip(b"\0")
                assert zero == 0
                assert name not in found
                found[name] = (nid, kind)
        assert list(found) == sorted(found)
        return found
