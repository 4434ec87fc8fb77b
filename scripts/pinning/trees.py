"""A source's tree as far as a draft of a recipe looks at it: names of files, and some of the texts.

Nothing is unpacked: the archive is read from its start to its end, once, within bounds.
"""

from __future__ import annotations

import functools
import re
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from store.errors import StoreError

MOST_FILES = 200_000
MOST_BYTES = 16 << 30
"""Bytes of all files together: an archive of a few megabytes can hold any number."""
MOST_TEXT = 1 << 20
"""Bytes of a text of interest that are read; of a file of code only the beginning."""
HEAD = 3000
MOST_HEADS = 40

CALLED_BY_ID = r"([AL]?GPL|BSD|Apache|MIT|ISC|MPL)([-._]?v?\d[\d.]*)?(-Clause)?(\.txt)?"
"""Names of files that hold a licence and are called as it is, such as ``GPL`` and
``BSD-2-Clause``."""
_TEXTS = re.compile(
    r"configure(\.ac|\.in)?|Makefile(\.am|\.PL|\.in)?|GNUmakefile|Build\.PL|CMakeLists\.txt|.*\.cmake|"
    r"control|meson\.build|pyproject\.toml|setup\.(py|cfg)|Configure|Config\.in|Kconfig|README.*|"
    r"(.*[.-])?(COPYING|LICEN[CS]E|COPYRIGHT|UNLICENSE|NOTICE)([.-].*)?|"
    rf"{CALLED_BY_ID}",
    re.IGNORECASE,
)
_CODE = re.compile(r".*\.(c|h|cc|cpp|hpp|py|pl|pm|lua|rs|sh)")


@dataclass
class SourceTree:
    """Paths of files, without the folder around all, and texts by path.

    ``heads`` are the first bytes of some files of code.
    """

    names: list[str] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    heads: list[str] = field(default_factory=list)

    def top(self, name: str) -> str | None:
        """Return the text of a file in the uppermost folder; None where there is none."""
        return self.texts.get(name)

    def has(self, name: str) -> bool:
        """Return whether the uppermost folder has a file of this name."""
        return name in self._set

    @functools.cached_property
    def _set(self) -> frozenset[str]:
        return frozenset(self.names)

    def called(self, *names: str) -> Iterator[tuple[str, str]]:
        """Yield paths and texts of the files of these names, wherever they are, but not among tests
        and examples; those near the top first."""
        found = [
            (path, text) for path, text in self.texts.items() if path.rpartition("/")[2] in names
        ]
        for path, text in sorted(found, key=lambda each: (each[0].count("/"), each[0])):
            folders = path.lower().split("/")[:-1]
            if not any(
                re.match(r"(tests?|examples?|docs?|contrib|(.*-)?fuzz\w*)$", each)
                for each in folders
            ):
                yield path, text


def read(path: Path) -> SourceTree:
    """Return the tree in the archive at ``path``. Raises StoreError for one that cannot be read."""
    tree = SourceTree()
    try:
        for number, (name, stream) in enumerate(_files(path)):
            if number > MOST_FILES:
                raise StoreError(f"{path.name} has more than {MOST_FILES} files")
            _add(tree, name, stream)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, ValueError) as error:
        raise StoreError(f"{path.name} cannot be read as an archive: {error}") from error
    return _without_folder(tree)


def _files(path: Path) -> Iterator[tuple[str, IO[bytes] | None]]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if not info.is_dir():
                    with archive.open(info) as stream:
                        yield info.filename, stream
        return
    with tarfile.open(path, "r|*") as tar:
        total = 0
        for member in tar:
            total += member.size
            if total > MOST_BYTES:
                raise StoreError(f"{path.name} has more than {MOST_BYTES >> 30} GiB unpacked")
            if member.isfile():
                yield member.name, tar.extractfile(member)
            elif member.issym() or member.islnk():
                yield member.name, None


def _add(tree: SourceTree, name: str, stream: IO[bytes] | None) -> None:
    name = name.removeprefix("./")
    tree.names.append(name)
    if stream is None:
        return
    with closing(stream):
        base = name.rpartition("/")[2]
        if _TEXTS.fullmatch(base) or "LICENSES" in name.split("/")[:-1]:
            tree.texts[name] = stream.read(MOST_TEXT).decode("utf-8", "replace")
        elif _CODE.fullmatch(base) and len(tree.heads) < MOST_HEADS:
            tree.heads.append(stream.read(HEAD).decode("utf-8", "replace"))


def _without_folder(tree: SourceTree) -> SourceTree:
    """Return the tree without a folder that holds all of it."""
    tops = {name.partition("/")[0] for name in tree.names}
    if len(tops) != 1 or not all("/" in name for name in tree.names):
        return tree
    cut = len(tops.pop()) + 1
    texts = {path[cut:]: text for path, text in tree.texts.items()}
    return SourceTree([name[cut:] for name in tree.names], texts, tree.heads)
