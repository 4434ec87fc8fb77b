"""Answers to the questions to a cache, out of its files by their names in the static layout."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final, TypeVar

from store.cache import file_names, zstd
from store.cache.head import Head
from store.cache.offering import StatementFile
from store.errors import FormatError, InvalidName
from store.model.names import ObjectId

HEAD_LIMIT: Final = 128 << 20
"""Bytes of a head, compressed or not: that of an object of two million files or so."""

HEADS_LIMIT: Final = 1 << 30
"""Bytes of all heads of one answer, decompressed: they are in memory together."""

STATEMENTS_LIMIT: Final = 1 << 20
"""Bytes of the file of one signer about one derivation or key."""

STATEMENT_FILES_LIMIT: Final = 256 << 20
"""Bytes of all statements of one answer: they are in memory together."""

SOURCE_LIMIT: Final = 300
"""Bytes of the file of a source."""

R = TypeVar("R")
T = TypeVar("T")


class FileAnswers(ABC):
    """A cache that answers out of its files. One that does not decode is left out of an answer, and
    reported by :meth:`damaged`."""

    def __init__(self) -> None:
        self._damaged: list[str] = []

    @property
    @abstractmethod
    def name(self) -> str:
        """Its URL without secrets."""

    @abstractmethod
    def _files(self, names: Sequence[str], limit: int) -> Iterable[tuple[str, bytes]]:
        """Yield the files of these names that are there, of which only some are in memory at a
        time; one that is longer than the limit may be cut short behind it, or left out."""

    def heads(self, oids: Collection[ObjectId]) -> dict[ObjectId, Head]:
        """Return the heads of those objects that are there, as far as they are not too large
        together."""
        left = HEADS_LIMIT

        def decode(oid: ObjectId, data: bytes) -> Head:
            nonlocal left
            plain = zstd.decompress_record(data, min(HEAD_LIMIT, left))
            left -= len(plain)
            return _head_in(oid, plain)

        return self._decoded({oid: file_names.head(oid) for oid in oids}, HEAD_LIMIT, decode)

    def by_derivation(
        self, derivations: Collection[bytes], key_ids: Collection[str]
    ) -> dict[bytes, list[StatementFile]]:
        """Return statements of the signers about unresolved derivations, by digest."""
        return self._statements(file_names.by_derivation, derivations, key_ids)

    def by_key(
        self, keys: Collection[bytes], key_ids: Collection[str]
    ) -> dict[bytes, list[StatementFile]]:
        """Return statements of the signers about keys."""
        return self._statements(file_names.by_key, keys, key_ids)

    def sources(self, hashes: Collection[str]) -> dict[str, ObjectId]:
        """Return the objects of sources, by SHA-256 in hex."""
        names = {sha256: file_names.source(sha256) for sha256 in hashes}
        return self._decoded(names, SOURCE_LIMIT, lambda _, data: source_object(data))

    def damaged(self) -> list[str]:
        """Return a sentence for each file since the last call that could not be decoded."""
        found, self._damaged = self._damaged, []
        return found

    def _statements(
        self, named: Callable[[bytes, str], str], asked: Collection[bytes], ids: Collection[str]
    ) -> dict[bytes, list[StatementFile]]:
        names = {named(each, key_id): each for each in asked for key_id in sorted(ids)}
        answer: dict[bytes, list[StatementFile]] = {}
        left = STATEMENT_FILES_LIMIT
        for name, data in self._files(list(names), STATEMENTS_LIMIT):
            left -= len(data)
            if left < 0:
                together = f"more than {STATEMENT_FILES_LIMIT} bytes of statements"
                self._damaged.append(f"{self.name} has {together}, and the rest is not read")
                break
            if self._is_short(name, data, STATEMENTS_LIMIT):
                where = f"{self.name}/{name}"
                answer.setdefault(names[name], []).append(StatementFile(where, data))
        return answer

    def _decoded(
        self, names: Mapping[T, str], limit: int, decode: Callable[[T, bytes], R]
    ) -> dict[T, R]:
        found = {}
        items = {name: item for item, name in names.items()}
        for name, data in self._files(list(items), limit):
            if self._is_short(name, data, limit):
                try:
                    found[items[name]] = decode(items[name], data)
                except (FormatError, InvalidName) as error:
                    self._damaged.append(f"{self.name}/{name} is damaged: {error.message}")
        return found

    def _is_short(self, name: str, data: bytes, limit: int) -> bool:
        if len(data) > limit:
            self._damaged.append(f"{self.name}/{name} is longer than {limit} bytes")
        return len(data) <= limit


def head_of(oid: ObjectId, data: bytes) -> Head:
    """Return the head of an object in a file; FormatError for anything else, InvalidName."""
    return _head_in(oid, zstd.decompress_record(data, HEAD_LIMIT))


def own_head(oid: ObjectId, data: bytes, manifest: bytes, closure: Collection[ObjectId]) -> Head:
    """Return the head of an object in a file; FormatError unless it has this manifest, encoded, and
    this closure (without the object), InvalidName."""
    plain = zstd.decompress_record(data, HEAD_LIMIT)
    head = _head_in(oid, plain)
    if Head.manifest_of(plain) != manifest:
        raise FormatError("it has another manifest than the object")
    if set(head.closure) != set(closure):
        raise FormatError("it has another closure than the object")
    return head


def _head_in(oid: ObjectId, data: bytes) -> Head:
    head = Head.decode(data)
    if head.manifest.id != oid:
        raise FormatError(f"it is the head of {head.manifest.id}")
    return head


def source_object(data: bytes) -> ObjectId:
    """Return the object that a source's file names; FormatError or InvalidName."""
    try:
        return ObjectId.parse(data.decode("ascii").removesuffix("\n"))
    except UnicodeDecodeError as error:
        raise FormatError("it names no object") from error
