"""The disk space of a copy: all but a reserve."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from store.job_errors import DiskReserve
from store.quantities import bytes_text

STEP: Final = 64 << 20
"""Bytes after which the disk is looked at again: others write, too."""


class DiskReserveCheck:
    """Asked before each file is copied into an open folder. A ``reserve`` of 0 bytes is none."""

    def __init__(self, folder: int, reserve: int) -> None:
        self._folder = folder
        self._reserve = reserve
        self._unseen = 0

    def take(self, size: int, shown: Callable[[], str]) -> None:
        """Note that so many bytes are to be written, as many as the file has: its holes are filled.

        DiskReserve when less than the reserve would stay free; ``shown`` names the file then.
        """
        if not self._reserve:
            return
        self._unseen -= size
        if self._unseen >= 0:
            return
        disk = os.fstatvfs(self._folder)
        left = disk.f_bavail * disk.f_frsize - self._reserve - size
        if left < 0:
            raise DiskReserve(
                f"{shown()} does not fit: less than {bytes_text(self._reserve)} of disk would "
                "stay free",
                hint="free some space; nothing that was finished is lost",
            )
        self._unseen = min(left, STEP)
