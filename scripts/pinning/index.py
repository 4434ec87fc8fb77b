"""The content of the indices, in a table that is made once for each of them."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.pinning import versions
from scripts.pinning.suites import AptState, Index, family
from store.errors import StorageError

_FORM = 2
"""The number of the table's form: another one is made anew."""
_COLUMNS = ("suite", "source", "version", "folder", "homepage", "section", "links", "files")
_FIELD = re.compile(
    rb"^(Package|Version|Directory|Homepage|Section|Checksums-Sha256|Build-Depends):[ \n]*"
    rb"((?:.|\n )*)$",
    re.MULTILINE,
)
_LINKED = re.compile(r"(?<![\w.+-])[a-z0-9][a-z0-9.+-]*-dev\b(?![.+-])")
_KIND = re.compile(
    r"_(?P<version>[^_]+?)\.(?:(?P<kind>orig|debian)(?P<part>-[A-Za-z0-9-]+)?\.)?"
    r"tar\.(?:gz|xz|bz2|zst|lzma)$"
)


@dataclass(frozen=True)
class PoolFile:
    """An archive of a source package."""

    name: str
    sha256: str
    size: int

    @property
    def kind(self) -> str:
        """``orig``, ``orig-PART``, ``debian``, ``native``; "" for no archive."""
        return kind_of(self.name)


@dataclass(frozen=True)
class Release:
    """One version of a source package in a suite. ``folder`` is below ``pool/main``.

    ``links`` are the packages for developing with a library that it is built with, between spaces.
    """

    suite: str
    source: str
    version: str
    folder: str
    homepage: str
    section: str
    links: str
    files: tuple[PoolFile, ...]

    @property
    def upstream(self) -> str:
        """The upstream part of the version."""
        return versions.upstream(self.version)

    @property
    def family(self) -> str:
        """The suite that its suite's updates belong to."""
        return family(self.suite)

    def file(self, kind: str) -> PoolFile | None:
        """Return the archive of this kind; None where it has none."""
        return next((file for file in self.files if file.kind == kind), None)

    def path(self, file: PoolFile) -> str:
        """Return the path below ``pool/main`` by which a recipe pins a file."""
        return f"{self.folder}/{file.name}"


def kind_of(name: str) -> str:
    """Return what an archive of a source package is, by its name (:attr:`PoolFile.kind`)."""
    match = _KIND.search(name)
    if match is None:
        return ""
    return (match["kind"] or "native") + (match["part"] or "")


def parse(suite: str, text: bytes) -> Iterator[Release]:
    """Yield the releases that a ``Sources`` index lists."""
    for stanza in text.split(b"\n\n"):
        fields = {key: value.decode() for key, value in _FIELD.findall(stanza)}
        folder = fields.get(b"Directory", "")
        if not folder.startswith("pool/main/") or b"Version" not in fields:
            continue
        yield Release(
            suite,
            fields[b"Package"],
            fields[b"Version"],
            folder.removeprefix("pool/main/"),
            fields.get(b"Homepage", ""),
            fields.get(b"Section", ""),
            " ".join(dict.fromkeys(_LINKED.findall(fields.get(b"Build-Depends", "")))),
            tuple(_files(fields.get(b"Checksums-Sha256", ""))),
        )


def _files(listed: str) -> Iterator[PoolFile]:
    for line in listed.splitlines():
        words = line.split()
        if len(words) == 3 and kind_of(words[2]):
            yield PoolFile(words[2], words[0], int(words[1]))


class Sources:
    """The releases of all suites, by source."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def of(self, source: str) -> list[Release]:
        """Return the releases of a source package, the newest first."""
        rows = self._database.execute(
            f"SELECT {', '.join(_COLUMNS)} FROM release WHERE source = ?", (source,)
        )
        found = [_release(*row) for row in rows]
        order = {release.version: versions.debian_order(release.version) for release in found}
        return sorted(found, key=lambda release: order[release.version], reverse=True)

    def alike(self, source: str) -> list[str]:
        """Return names of sources that this name begins with, or that begin with it, by length."""
        rows = self._database.execute(
            "SELECT DISTINCT source FROM release WHERE length(source) > 2 AND"
            " (substr(?1, 1, length(source)) = source OR substr(source, 1, length(?1)) = ?1)",
            (source,),
        )
        return sorted(
            (row[0] for row in rows), key=lambda name: (abs(len(name) - len(source)), name)
        )

    def close(self) -> None:
        """Close the table."""
        self._database.close()


def read(path: Path, state: AptState, indices: Iterable[Index]) -> Sources:
    """Return the table at ``path``, brought up to the state of the indices."""
    listed = list(indices)
    with state.lock():
        try:
            return Sources(_current(path, state, listed))
        except sqlite3.DatabaseError:  # a table that was cut off; all of it can be had again
            path.unlink(missing_ok=True)
        try:
            return Sources(_current(path, state, listed))
        except sqlite3.DatabaseError as error:
            raise StorageError(f"{path} cannot be written: {error}") from error


def _current(path: Path, state: AptState, indices: list[Index]) -> sqlite3.Connection:
    database = sqlite3.connect(path)
    if database.execute("PRAGMA user_version").fetchone() != (_FORM,):
        database.close()
        path.unlink(missing_ok=True)
        database = sqlite3.connect(path)
        _make(database)
    known = dict(database.execute("SELECT suite, stamp FROM suite").fetchall())
    current = {index.suite: index.stamp for index in indices}
    if known != current:
        with database:
            for suite in known.keys() - current.keys():
                _forget(database, suite)
            for index in indices:
                if known.get(index.suite) != current[index.suite]:
                    _forget(database, index.suite)
                    _add(database, index, state.text(index))
    return database


def _make(database: sqlite3.Connection) -> None:
    with closing(database.cursor()) as cursor:
        cursor.executescript(
            "CREATE TABLE suite (suite TEXT PRIMARY KEY, stamp TEXT);"
            "CREATE TABLE release (source TEXT, suite TEXT, version TEXT, folder TEXT,"
            " homepage TEXT, section TEXT, links TEXT, files BLOB,"
            " PRIMARY KEY (source, suite, version)) WITHOUT ROWID;"
            f"PRAGMA user_version = {_FORM};"
        )


def _forget(database: sqlite3.Connection, suite: str) -> None:
    database.execute("DELETE FROM release WHERE suite = ?", (suite,))
    database.execute("DELETE FROM suite WHERE suite = ?", (suite,))


def _add(database: sqlite3.Connection, index: Index, text: bytes) -> None:
    database.execute("INSERT INTO suite VALUES (?, ?)", (index.suite, index.stamp))
    places = ", ".join("?" * len(_COLUMNS))
    database.executemany(
        f"INSERT OR REPLACE INTO release ({', '.join(_COLUMNS)}) VALUES ({places})",
        (
            [*(getattr(each, column) for column in _COLUMNS[:-1]), _packed(each.files)]
            for each in parse(index.suite, text)
        ),
    )


def _release(*row: Any) -> Release:
    values = dict(zip(_COLUMNS, row, strict=True))
    values["files"] = tuple(_unpacked(values["files"]))
    return Release(**values)


def _packed(files: tuple[PoolFile, ...]) -> bytes:
    return b"".join(
        bytes.fromhex(file.sha256) + f"{file.size} {file.name}\n".encode() for file in files
    )


def _unpacked(data: bytes) -> Iterator[PoolFile]:
    while data:
        digest, rest = data[:32], data[32:]
        line, _, data = rest.partition(b"\n")
        size, _, name = line.decode().partition(" ")
        yield PoolFile(name, digest.hex(), int(size))
