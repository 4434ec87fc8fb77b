"""The questions to a cache, whatever carries its answers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from store.cache.head import Head
from store.model.names import ObjectId


class Piece(NamedTuple):
    """Bytes of a content, which the digest names: those from ``offset`` on."""

    digest: bytes
    offset: int
    data: bytes | memoryview


class StatementFile(NamedTuple):
    """The lines that one signer left about one derivation or key, and where, for messages."""

    where: str
    data: bytes


class ObjectOffers(Protocol):
    """A place that offers objects. Any method may raise CacheUnusable: it is of no use for the rest
    of the run.

    An answer leaves out each thing that is not there. Nothing in it was checked, but that it
    decodes; an answer that does not is left out, too, and reported by :meth:`damaged`.
    """

    @property
    def name(self) -> str:
        """Its URL without secrets."""

    def heads(self, oids: Collection[ObjectId]) -> Mapping[ObjectId, Head]:
        """Return the heads of those objects that are there; all are asked for at once."""

    def contents(self, head: Head, digests: Collection[bytes]) -> Sequence[ContentRun]:
        """Return the ways to get contents of an object; each can be walked beside the others."""

    def damaged(self) -> Sequence[str]:
        """Return a sentence for each answer since the last call that could not be decoded."""

    def close(self) -> None:
        """Let go of connections."""


class Offers(ObjectOffers, Protocol):
    """A cache: it has statements about builds, and names the objects of sources, too."""

    def by_derivation(
        self, derivations: Collection[bytes], key_ids: Collection[str]
    ) -> Mapping[bytes, Sequence[StatementFile]]:
        """Return statements of signers about unresolved derivations, by digest (32 bytes)."""

    def by_key(
        self, keys: Collection[bytes], key_ids: Collection[str]
    ) -> Mapping[bytes, Sequence[StatementFile]]:
        """Return statements of signers about keys, by key (32 bytes)."""

    def sources(self, hashes: Collection[str]) -> Mapping[str, ObjectId]:
        """Return the objects of sources, by SHA-256 in hex."""


class NamedFiles(Offers, Protocol):
    """A cache that has files by their names in the static layout."""

    def files(self, names: Collection[str], limit: int) -> Mapping[str, bytes]:
        """Return those of the files that are there, and no longer than ``limit`` bytes."""


class ContentRun(Protocol):
    """Some contents that come one after the other, each whole, in pieces from its beginning on."""

    @property
    def size(self) -> int:
        """Bytes that have to be transferred, about."""

    def parts(self) -> Iterator[Iterable[Piece]]:
        """Yield the pieces in parts. The next part is waited for; the pieces of one that is there
        are computed alone. Each part is walked to its end before the next.

        Both raise CacheUnusable; CorruptObject when other bytes came than the cache announced,
        UnknownObject when they are not there any more."""
