"""Disks that refuse: a store in the lower layer of an overlay, without inodes, or immovable.

Only root can make them, and not everywhere; :func:`makeable` says where.
"""

from __future__ import annotations

import errno
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from random import Random

from store.system import kernel
from tests.faults.refusals import unclear
from tests.faults.running import Clock
from tests.faults.subjects import Workshop
from tests.faults.tally import Tally

SPARE = 10_000
"""Inodes of the small disk beyond those of the store, before all of them are taken."""

Place = Callable[[Workshop, Path], AbstractContextManager[Callable[[], None]]]
"""Hurts the store ``root`` in a folder; yields the call that takes the cause away."""


class CannotMake(Exception):
    """The system does not make such a place, or not for this user."""


@contextmanager
def _mounted(kind: str, at: Path, options: str) -> Iterator[None]:
    try:
        kernel.mount(kind, str(at), kind, 0, options)
    except OSError as error:
        raise CannotMake(f"{kind}: {error.strerror}") from error
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", at], check=True)


def _aside(folder: Path) -> Path:
    """Move the store away from ``root``, where an empty folder is then; returns where it is."""
    lower = folder / "lower"
    (folder / "root").rename(lower)
    (folder / "root").mkdir()
    return lower


@contextmanager
def overlay(shop: Workshop, folder: Path) -> Iterator[Callable[[], None]]:
    """The whole store lies in a lower layer: no folder of it can be renamed."""
    lower = _aside(folder)
    layers = {"lowerdir": lower, "upperdir": folder / "upper", "workdir": folder / "work"}
    layers["upperdir"].mkdir()
    layers["workdir"].mkdir()
    options = ",".join(f"{name}={path}" for name, path in layers.items())
    with _mounted("overlay", folder / "root", options):
        yield lambda: None


@contextmanager
def no_inodes(shop: Workshop, folder: Path) -> Iterator[Callable[[], None]]:
    """Every inode of the store's file system is taken, with bytes to spare."""
    lower = _aside(folder)
    most = SPARE + sum(1 + len(files) for _, _, files in os.walk(lower))
    with _mounted("tmpfs", folder / "root", f"nr_inodes={most + SPARE},size=64g"):
        subprocess.run(["cp", "-a", f"{lower}/.", folder / "root"], check=True)
        filler = folder / "root" / "tmp" / "filler"
        filler.mkdir()
        try:
            for number in range(most + SPARE):
                (filler / str(number)).touch()
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
        yield lambda: _empty(filler)


def _empty(filler: Path) -> None:
    # The collector takes the folder for one that a killed process left.
    with suppress(FileNotFoundError):
        for each in list(filler.iterdir()):
            each.unlink()


@contextmanager
def immovable(shop: Workshop, folder: Path) -> Iterator[Callable[[], None]]:
    """An object that nothing keeps is held by the system; without one, the store directory is."""
    objects = folder / "root" / "store"
    dead = [path for path in sorted(objects.iterdir()) if path.name not in shop.kept]
    held = dead[0] if dead else objects
    if subprocess.run(["chattr", "+i", held], check=False, capture_output=True).returncode != 0:
        raise CannotMake("chattr +i")

    def release() -> None:
        subprocess.run(["chattr", "-i", held], check=True)

    try:
        yield release
    finally:
        with suppress(subprocess.CalledProcessError):
            release()


PLACES: Mapping[str, Place] = {"overlay": overlay, "no inodes": no_inodes, "immovable": immovable}


def makeable(shop: Workshop, place: str) -> bool:
    """Return whether this user can make such a place here."""
    try:
        with shop.copy() as folder, PLACES[place](shop, folder):
            return True
    except CannotMake:
        return False


def suffer(shop: Workshop, tally: Tally, clock: Clock, seed: int) -> None:
    """Run the subject in each place, and kill it there, until the time is over; once each at least.
    Whatever it does, it says so clearly, and does all of its work when the cause is removed."""
    chosen = Random(f"{seed} {shop.subject.name} places")
    places = [place for place in PLACES if makeable(shop, place)]
    done = 0
    while places and (done < len(places) or clock.running()):
        _once(shop, tally, places[done % len(places)], chosen, kill=done >= len(places))
        done += 1


def _once(shop: Workshop, tally: Tally, place: str, chosen: Random, *, kill: bool) -> None:
    with shop.copy() as folder, PLACES[place](shop, folder) as relieve:
        before = time.monotonic()
        done = shop.run(folder, kill_after=chosen.uniform(0, 0.3) if kill else None)
        where = f"{shop.subject.name}, {place}, {time.monotonic() - before:.3f} s"
        findings = [] if done.code < 0 else unclear(done, reports=shop.subject.reports)
        findings += shop.lost(folder, done)
        relieve()
        tally.add(f"killed: {place}" if kill else place, findings + shop.recover(folder), where)
