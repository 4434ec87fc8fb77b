"""Synthetic file trees: one like the source of Linux, and the same bytes in large files.

The distributions are those of linux 6.12.107: 86,581 files with 1.48 GB in 5,759 folders. Contents
are text, no two files alike but the shortest; all of it follows from a seed number.
"""

from __future__ import annotations

import os
import random
from bisect import bisect_right

FILES = 88_616
BYTES = 1_500_000_000

Quantiles = tuple[tuple[float, int], ...]

SIZES: Quantiles = (
    (0, 0), (1, 73), (2, 123), (5, 249), (10, 443), (15, 686), (20, 963), (25, 1282), (30, 1618),
    (35, 2024), (40, 2513), (45, 3121), (50, 3852), (55, 4777), (60, 5893), (65, 7278), (70, 9089),
    (75, 11514), (80, 14987), (85, 20142), (90, 29154), (95, 48711), (98, 85197), (99, 130458),
    (99.5, 201572), (99.8, 491223), (99.9, 1199658), (99.95, 3303247), (99.98, 6511378),
    (99.99, 11394491), (100, 23949786),
)  # fmt: skip
"""Per cent of the files, and the bytes that these have at most."""

ENTRIES: Quantiles = (
    (0, 1), (10, 2), (25, 3), (40, 5), (50, 6), (60, 8), (70, 12), (80, 18), (90, 33), (95, 56),
    (98, 114), (99, 170), (99.5, 231), (99.9, 564), (100, 1466),
)  # fmt: skip
"""Per cent of the folders that hold files, and the files that these hold at most."""

_FILES_PER_LINK = 1400
_FILES_PER_PROGRAM = 85
_POOL = 8 << 20


def drawn(quantiles: Quantiles, count: int, generator: random.Random) -> list[float]:
    """``count`` values that have just this distribution, in random order."""
    marks = [mark for mark, _ in quantiles]
    values = []
    for number in range(count):
        at = (number + 0.5) * 100 / count
        above = bisect_right(marks, at)
        (low, least), (high, most) = quantiles[above - 1], quantiles[above]
        values.append(least + (most - least) * (at - low) / (high - low))
    generator.shuffle(values)
    return values


def write_tree(path: str, files: int, size: int, seed: int) -> None:
    """Make a tree like that of a kernel's source, of ``files`` files with ``size`` bytes."""
    generator = random.Random(seed)
    folders = _folders(path, files, generator)
    sizes = drawn(SIZES, files, generator)
    factor = size / sum(sizes)
    pool = _pool(generator)
    for number, (folder, bytes_) in enumerate(zip(folders, sizes, strict=True)):
        name = f"{folder}/file-{number:x}.c"
        program = number % _FILES_PER_PROGRAM == 0
        head = b"/* %x of tree %x */\n" % (number, seed)
        _write(name, head, round(bytes_ * factor), pool, generator, 0o755 if program else 0o644)
        if number % _FILES_PER_LINK == 0:
            os.symlink(os.path.basename(name), f"{folder}/link-{number:x}")


def write_large(path: str, size: int, seed: int, files: int) -> None:
    """Make a tree of ``files`` files of one size, ``size`` bytes in all."""
    generator = random.Random(seed)
    pool = _pool(generator)
    os.mkdir(path)
    for number in range(files):
        head = b"%x of tree %x\n" % (number, seed)
        _write(f"{path}/large-{number}", head, size // files, pool, generator, 0o644)


def _folders(path: str, files: int, generator: random.Random) -> list[str]:
    """The folder of each file. Folders nest four or five deep in the mean, as a kernel's do."""
    mean = 16
    counts = drawn(ENTRIES, max(1, files // mean), generator)
    made, homes = [path], []
    os.mkdir(path)
    for number, count in enumerate(counts):
        parent = made[int(len(made) * generator.random() ** 2)]
        folder = f"{parent}/folder-{number:x}"
        os.mkdir(folder)
        made.append(folder)
        homes += [folder] * round(count)
    homes = homes[:files]
    return homes + [path] * (files - len(homes))


def _pool(generator: random.Random) -> bytes:
    """Text of which files are cut."""
    letters = "abcdefghijklmnopqrstuvwxyz_"
    words = ["".join(generator.choices(letters, k=generator.randint(2, 12))) for _ in range(4000)]
    marks = ("(", ");", " = ", ",", "\n\t", "\n", "->", " ")
    text = "".join(
        word + mark
        for word, mark in zip(
            generator.choices(words, k=_POOL // 8),
            generator.choices(marks, k=_POOL // 8),
            strict=True,
        )
    )
    return text.encode()


def _write(
    path: str, head: bytes, size: int, pool: bytes, generator: random.Random, mode: int
) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        left = size - os.write(fd, head[:size])
        while left:
            start = generator.randrange(len(pool) // 2)
            left -= os.write(fd, memoryview(pool)[start : start + left])
    finally:
        os.close(fd)
