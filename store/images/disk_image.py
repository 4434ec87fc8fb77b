"""A disk with an MBR: the root in the first partition, and the rest in the second.

The table of partitions is that of the PC of 1983: every kernel and loader reads it, it has room for
2 TiB, and ``root=PARTUUID=SIGNATURE-01`` finds the root on whichever disk it is.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import Final

from store.errors import FormatError
from store.images.erofs_image import ErofsImage
from store.model.image_request import LARGEST_DISK, SECTOR
from store.quantities import bytes_text

ALIGNED: Final = 1 << 20
"""Bytes at whose multiples partitions begin and end."""

_LINUX: Final = 0x83
_BEYOND: Final = b"\xfe\xff\xff"
"""A place as cylinder, head and sector, where these are too few: all programs read the others."""


@dataclass(frozen=True)
class DiskImage:
    """A disk of ``size`` bytes, or as small as can be; ``signature`` has 4 bytes.

    FormatError for a size that is too small for the root, or that no table can hold.
    """

    root: ErofsImage
    signature: bytes
    size: int | None = None

    def __post_init__(self) -> None:
        if self.size is not None and self.size % SECTOR:
            raise FormatError(f"a disk of {self.size} bytes does not end with a sector of {SECTOR}")
        if self.total < self._root_end:
            raise FormatError(
                f"its disk has {bytes_text(self._root_end)} at least ({self._root_end} bytes), "
                f"and not {bytes_text(self.total)}"
            )
        if self.total > LARGEST_DISK:
            raise FormatError(f"a disk has {bytes_text(LARGEST_DISK)} at most")

    @property
    def total(self) -> int:
        """The bytes of the disk."""
        return self._root_end if self.size is None else self.size

    @property
    def _root_end(self) -> int:
        end = ALIGNED + self.root.size
        return end + -end % ALIGNED

    def write(self, out: int) -> None:
        """Write the disk into an empty open file. Free space is left as a hole."""
        os.ftruncate(out, self.total)
        os.pwrite(out, self._table(), 0)
        self.root.write(out, ALIGNED)

    def _table(self) -> bytes:
        rest = self.total - self._root_end
        rest -= rest % ALIGNED
        partitions = [(ALIGNED, self._root_end - ALIGNED)]
        partitions += [(self._root_end, rest)] if rest else []
        entries = b"".join(_partition(start, size) for start, size in partitions)
        return bytes(440) + self.signature + bytes(2) + entries.ljust(64, b"\0") + b"\x55\xaa"


def _partition(start: int, size: int) -> bytes:
    place = b"\0" + _BEYOND, bytes((_LINUX,)) + _BEYOND
    return b"".join(place) + struct.pack("<II", start // SECTOR, size // SECTOR)
