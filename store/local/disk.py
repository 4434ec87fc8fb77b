"""The room on the disk that the store is on."""

from __future__ import annotations

import os

from store.layout.paths import Layout

RESERVE_BYTES = 1 << 30
RESERVE_SHARE = 0.05


class DiskSpace:
    """The disk that a store is on."""

    def __init__(self, layout: Layout) -> None:
        self._root = layout.root

    def free_bytes(self) -> int:
        """Return bytes that are free for this user where the store is."""
        disk = os.statvfs(self._root)
        return disk.f_bavail * disk.f_frsize

    def reserve(self) -> int:
        """Return bytes that whatever fills the store must leave free on its disk."""
        disk = os.statvfs(self._root)
        return min(RESERVE_BYTES, int(disk.f_blocks * disk.f_frsize * RESERVE_SHARE))
