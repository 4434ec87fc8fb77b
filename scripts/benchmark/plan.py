"""How much is measured, where, and with whom."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from scripts.benchmark import measure, trees
from scripts.benchmark.measure import Pairs, Work
from scripts.benchmark.nix import Nix
from scripts.benchmark.ours import Ours
from scripts.benchmark.shell import Shell


@dataclass(frozen=True)
class Sizes:
    """Numbers of files, bytes, builds and objects; ``growth`` is the store's sizes in objects."""

    files: int = trees.FILES
    bytes: int = trees.BYTES
    large_files: int = 24
    builds: int = 1000
    objects: int = 100_000
    roots: int = 40_000
    referrers: int = 43_665
    closure: int = 4_905
    growth: tuple[int, ...] = (10_000, 30_000, 100_000, 300_000, 1_000_000)
    cached_files: int = 3030
    cached_bytes: int = 238_000_000
    several: int = 44
    several_bytes: int = 325_000_000
    turns: int = 2
    reading_turns: int = 5
    cached_turns: int = 5
    farm_builds: int = 40
    farm_turns: int = 5
    many_farm_builds: int = 800
    quick_turns: int = 15


FULL = Sizes()

SMALL = Sizes(
    files=300,
    bytes=3_000_000,
    large_files=2,
    builds=12,
    objects=1000,
    roots=420,
    referrers=437,
    closure=49,
    growth=(1000, 2000, 4000),
    cached_files=60,
    cached_bytes=6_000_000,
    several=4,
    several_bytes=1_000_000,
    turns=1,
    reading_turns=2,
    cached_turns=1,
    farm_builds=12,
    farm_turns=1,
    many_farm_builds=24,
    quick_turns=2,
)
"""Every row at the size of a toy: that it works is seen, how fast it is is not."""


LARGE = 1 << 20
"""Bytes of a file that is worth a call to forget."""


@dataclass(frozen=True)
class Bench:
    """``folder`` is where everything is made, ``patience`` the seconds that a peer's process has.

    ``say`` tells of progress; ``plot`` is the file that the growth of a store is drawn in.
    """

    folder: str
    sizes: Sizes
    peer: str | None
    patience: float
    say: Callable[[str], None]
    plot: str | None = None

    def room(self, name: str) -> str:
        """A folder for one row. It is left to the end of all rows: an ext4 without a journal makes
        files several times slower for minutes after many were removed."""
        self.say(name)
        room = f"{self.folder}/{name}"
        os.mkdir(room)
        return room

    def vacate(self, name: str) -> None:
        """Ask the kernel to keep no large file of a row in memory: rows after it measure work, and
        not the disk, as long as their own files fit."""
        for folder, _, names in os.walk(f"{self.folder}/{name}"):
            for path in (f"{folder}/{name}" for name in names):
                found = os.lstat(path)
                if stat.S_ISREG(found.st_mode) and found.st_size >= LARGE:
                    with open(path, "rb") as stream:
                        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def sides(self, room: str, recipes: str | None = None) -> Sides:
        """Empty stores in a folder, the peer's if there is a peer."""
        os.makedirs(room, exist_ok=True)
        theirs = Nix(f"{room}/nix", Shell.found(), self.patience) if self.peer else None
        return Sides(room, Ours(f"{room}/ours", recipes), theirs)


@dataclass(frozen=True)
class Sides:
    """Both stores, in the folder ``room``."""

    room: str
    ours: Ours
    theirs: Nix | None

    def pairs(self, ours: Sequence[Sequence[str]], theirs: Sequence[Sequence[str]]) -> Pairs:
        """Do the turns of both: for each, a ``store`` command and the peer's command line."""
        mine = [self.ours.work(*words) for words in ours]
        other = [self.theirs.work(*words) for words in theirs] if self.theirs else []
        return measure.pairs(mine, other, self.room)

    def repeat(self, turns: int, ours: Sequence[str], theirs: Sequence[str]) -> Pairs:
        """Do the same in every turn."""
        return self.pairs([ours] * turns, [theirs] * turns)

    def read(self, turns: int, ours: Sequence[str], theirs: Sequence[str]) -> Pairs:
        """Do the same in every turn: it reads its side's objects, which are in memory."""
        mine = replace(self.ours.work(*ours), warm=self.ours.layout.objects)
        other = []
        if self.theirs:
            other = [replace(self.theirs.work(*theirs), warm=self.theirs.store)] * turns
        return measure.pairs([mine] * turns, other, self.room)

    def command(self, words: Sequence[str], warm: str | None = None) -> Work:
        """A command line that is no ``store`` command; a folder is read before if ``warm``."""
        return Work(tuple(words), self.ours.environment, warm=warm)

    def alone(self, commands: Sequence[Sequence[str]], warm: Sequence[str] = ()) -> Pairs:
        """Do command lines one after the other, without a peer. For each, a folder is read before
        if ``warm``."""
        folders: Sequence[str | None] = warm or [None] * len(commands)
        works = map(self.command, commands, folders)
        return measure.pairs(list(works), [], self.room)


def remove(folder: str) -> None:
    """Remove a folder with all that is in it, folders that forbid it included."""
    for path, folders, _ in os.walk(folder):
        for name in folders:
            below = f"{path}/{name}"
            if not os.path.islink(below):
                os.chmod(below, stat.S_IRWXU)
    shutil.rmtree(folder)
