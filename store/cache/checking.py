"""Finding everything that is incomplete or damaged in a cache in a folder."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

from store import digest
from store.cache import file_names, zstd
from store.cache.build_logs import LOG_LIMIT
from store.cache.file_answers import (
    HEAD_LIMIT,
    SOURCE_LIMIT,
    STATEMENTS_LIMIT,
    head_of,
    source_object,
)
from store.cache.folder_place import FolderPlace
from store.cache.head import Head, stream
from store.cache.inventory import Inventory, StatementsOf, take_inventory
from store.cache.pulled_tree import checked
from store.cache.static_cache import StaticCache
from store.display import printable, reason
from store.errors import CorruptObject, FormatError, InvalidName, UnknownObject
from store.job_errors import CacheUnusable
from store.model.file_tree import NodeKind
from store.model.names import ObjectId
from store.signing import envelope, statement
from store.signing.keys import PublicKey

CACHE_KINDS: Final = {
    "head": "an object's head is damaged, or another object's",
    "pack": "an object's pack is missing, or not as long as its head says",
    "content": "a pack has other bytes than its head says, or contents with other digests",
    "closure": "an object refers to one that is not in the cache",
    "statement": "a statement is damaged, is about something else, or has a wrong signature",
    "source": "the file of a source names no object, or one with other bytes",
    "log": "a log is damaged",
    "headless": "a pack without a head: of a push that ended early, or left by a prune",
    "unpushed": "a statement, or a source, of an object that is not in the cache",
    "unfinished": "a file that is being written, or was when its writer ended",
    "stray": "a file that belongs to no cache",
}
"""Every kind of finding; :data:`CACHE_NOTES` are no damage."""

CACHE_NOTES: Final = ("headless", "unpushed", "unfinished", "stray")


@dataclass(frozen=True)
class CacheFinding:
    """``name`` is that of the file, below the cache's top."""

    kind: str
    name: str
    detail: str = ""
    object: ObjectId | None = None

    @property
    def severity(self) -> str:
        """``error`` or ``note``."""
        return "note" if self.kind in CACHE_NOTES else "error"

    def __str__(self) -> str:
        """Return one line."""
        detail = f" ({printable(self.detail)})" if self.detail else ""
        return f"{self.kind}: {printable(self.name)}{detail}"

    def to_record(self) -> dict[str, str | None]:
        """Return it as one line of JSON has it."""
        name, detail = (text.encode(errors="replace").decode() for text in (self.name, self.detail))
        return {
            "kind": self.kind,
            "severity": self.severity,
            "object": None if self.object is None else self.object.path,
            "name": name,
            "detail": detail,
        }


class CacheCheck:
    """Checks the cache in a folder. With ``contents``, every byte of the packs is read; the
    signatures of ``keys`` are checked, others cannot be."""

    def __init__(
        self,
        place: FolderPlace,
        found: Callable[[CacheFinding], None],
        *,
        keys: Collection[PublicKey] = (),
        contents: bool = False,
    ) -> None:
        self._place = place
        self._found = found
        self._keys = {key.id: key for key in keys}
        self._contents = contents

    def run(self) -> Inventory:
        """Report every finding; returns what there is. CacheUnusable when the folder is no cache,
        or cannot be read."""
        cache = StaticCache(self._place)
        cache.check()
        inventory = take_inventory(self._place)
        for oid in sorted(inventory.heads):
            with self._reading("head", file_names.head(oid)):
                self._check_object(oid, inventory)
        for oid, file in sorted(inventory.packs.items()):
            if oid not in inventory.heads and file_names.head(oid) not in inventory.misplaced:
                self._found(CacheFinding("headless", file.name, object=oid))
        for each in inventory.statements:
            with self._reading("statement", each.file.name):
                self._check_statements(each, inventory)
        for sha256 in sorted(inventory.sources):
            with self._reading("source", file_names.source(sha256)):
                self._check_source(cache, sha256, inventory)
        if self._contents:
            for log in sorted(inventory.logs):
                with self._reading("log", file_names.log(log)):
                    self._check_log(log)
        for other in inventory.misplaced.values():
            self._found(CacheFinding(other.kind, other.name, other.other, other.object))
        for kind, files in (("unfinished", inventory.unfinished), ("stray", inventory.strays)):
            for file in files:
                self._found(CacheFinding(kind, file.name))
        return inventory

    @contextlib.contextmanager
    def _reading(self, kind: str, name: str) -> Iterator[None]:
        """Report a file that the disk does not give, and go on with the others."""
        try:
            yield
        except CacheUnusable as error:
            cause = error.__cause__
            detail = reason(cause) if isinstance(cause, OSError) else error.message
            self._found(CacheFinding(kind, name, f"it cannot be read: {detail}"))

    def _check_object(self, oid: ObjectId, inventory: Inventory) -> None:
        name = file_names.head(oid)
        try:
            head = read_head(self._place, oid)
            checked(head, oid)
        except UnknownObject:
            return  # removed meanwhile
        except (FormatError, InvalidName, CorruptObject) as error:
            self._found(CacheFinding("head", name, error.message, oid))
            return
        for other in head.closure:
            if other not in inventory.heads:
                self._found(CacheFinding("closure", name, f"{other} is missing", oid))
        if file_names.pack(oid) in inventory.misplaced:
            return  # which is a finding of its own
        pack = inventory.packs.get(oid)
        if pack is None or pack.size != head.packed_size:
            told = "it is missing" if pack is None else f"{pack.size} bytes"
            detail = f"{told}, and has to have {head.packed_size}"
            self._found(CacheFinding("pack", file_names.pack(oid), detail, oid))
        elif self._contents:
            with self._reading("content", file_names.pack(oid)):
                for detail in _content_faults(self._place, head):
                    self._found(CacheFinding("content", file_names.pack(oid), detail, oid))

    def _check_statements(self, each: StatementsOf, inventory: Inventory) -> None:
        name = each.file.name
        data = self._place.get([name], STATEMENTS_LIMIT).get(name, b"")
        if len(data) > STATEMENTS_LIMIT:
            self._found(CacheFinding("statement", name, "it is too long to be read"))
            return
        for number, line in enumerate(data.splitlines(), 1):
            try:
                oid = self._statement(line, each)
            except FormatError as error:
                detail = f"line {number}: {error.message}"
                self._found(CacheFinding("statement", name, detail))
            else:
                if oid not in inventory.heads:
                    self._found(CacheFinding("unpushed", name, f"{oid} is missing", oid))

    def _statement(self, line: bytes, each: StatementsOf) -> ObjectId:
        """Return the object of a statement; FormatError for a bad one."""
        sealed = envelope.parse(line)
        key = self._keys.get(each.key_id)
        if key is not None and not envelope.check(sealed, [key])[0]:
            raise FormatError("it is not signed by that key")
        if each.unresolved:
            outcome = statement.read_outcome(sealed.payload)
            about, record = outcome.derivation, outcome.record
        else:
            record, _ = statement.recorded(sealed.payload)
            about = record.key
        if about != each.about:
            raise FormatError(f"it is about {about.hex()}")
        return record.object

    def _check_source(self, cache: StaticCache, sha256: str, inventory: Inventory) -> None:
        name = file_names.source(sha256)
        try:
            oid = source_object(self._place.get([name], SOURCE_LIMIT).get(name, b""))
        except (FormatError, InvalidName) as error:
            self._found(CacheFinding("source", name, error.message))
            return
        if oid not in inventory.heads:
            self._found(CacheFinding("unpushed", name, f"{oid} is missing", oid))
        elif (
            self._contents and oid in inventory.packs and _sha256(cache, oid) not in (sha256, None)
        ):
            self._found(CacheFinding("source", name, f"{oid} has another SHA-256", oid))

    def _check_log(self, log: bytes) -> None:
        name = file_names.log(log)
        data = self._place.get([name], LOG_LIMIT).get(name, b"")
        try:
            if digest.file_digest(zstd.decompress_record(data, LOG_LIMIT)) != log:
                raise FormatError("it has other bytes")
        except FormatError as error:
            self._found(CacheFinding("log", name, error.message))


def read_head(place: FolderPlace, oid: ObjectId) -> Head:
    """Return an object's head; UnknownObject, or FormatError or InvalidName when it is damaged."""
    name = file_names.head(oid)
    data = place.get([name], HEAD_LIMIT).get(name)
    if data is None:
        raise UnknownObject(f"there is no {name}")
    return head_of(oid, data)


def _content_faults(place: FolderPlace, head: Head) -> Iterator[str]:
    """Yield the faults of a pack that is as long as it has to be."""
    hasher = digest.file_hasher()
    try:
        for part in place.read(file_names.pack(head.manifest.id), 0, head.packed_size):
            hasher.update(part)
        if hasher.digest() != head.pack_digest:
            yield "other bytes than its head says"
        sizes = {span.digest: span.size for span in stream(head.manifest)}
        wrong: list[bytes] = []
        for run in StaticCache(place).contents(head, sizes.keys()):
            fresh = None
            for piece in chain.from_iterable(run.parts()):
                fresh = digest.file_hasher() if piece.offset == 0 or fresh is None else fresh
                fresh.update(piece.data)
                ended = piece.offset + len(piece.data) == sizes[piece.digest]
                if ended and fresh.digest() != piece.digest:
                    wrong.append(piece.digest)
        if wrong:
            more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
            yield f"contents with another digest: {wrong[0].hex()}{more}"
    except (CorruptObject, UnknownObject) as error:
        yield error.message


def _sha256(cache: StaticCache, oid: ObjectId) -> str | None:
    """Return the SHA-256 of an object that is a file, in hex; None when it cannot be read, which is
    a finding of its own."""
    head = cache.heads([oid]).get(oid)
    cache.damaged()
    if head is None:
        return None
    if head.manifest.root.kind is not NodeKind.FILE:
        return ""
    hasher = hashlib.sha256()
    try:
        for run in cache.contents(head, [head.manifest.root.payload]):
            for piece in chain.from_iterable(run.parts()):
                hasher.update(piece.data)
    except (CorruptObject, UnknownObject):
        return None
    return hasher.hexdigest()
