"""A manifest as plain lists: quick to read where a tree of many thousand files is only walked.

The read bytes are canonical, and each directory has the digest that its parent calls it by. The
types within an entry are those of the fields when the object's identity is right, and only then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from operator import itemgetter
from typing import Any, TypeAlias

from store import canon, digest
from store.canon import Value
from store.errors import FormatError, StoreError, quoted
from store.model import fields
from store.model.file_tree import Node, NodeKind
from store.model.names import ObjectId, object_ids

VERSION = 1

_SIZE = itemgetter(3)
_DIRECTORY = int(NodeKind.DIRECTORY)  # a plain number is compared faster

DEEPEST = 256
"""Levels of folders that an object can have; those that are taken in have 201 at most."""

MOST_ENTRIES = 1 << 27
"""Entries of all folders of an object."""

Entries: TypeAlias = list[Any]
"""Lists of name, kind, executable, size and payload."""


def _folders(entries: Entries) -> list[bytes]:
    """Return the payloads of those entries that are folders."""
    try:
        return [fields.raw(entry[4]) for entry in entries if entry[1] == _DIRECTORY]
    except (TypeError, IndexError) as error:
        raise FormatError("a directory's entry is not one") from error


def _decoded(data: bytes) -> RawManifest | None:
    try:
        return RawManifest.decode(data)
    except StoreError:
        return None


@dataclass(frozen=True)
class RawManifest:
    """The contents of a manifest. ``directories`` has entries by the digest of their encoding."""

    id: ObjectId
    references: tuple[ObjectId, ...]
    refers_to_itself: bool
    root: Node
    directories: dict[bytes, Entries]

    @classmethod
    def decode(cls, data: bytes) -> RawManifest:
        """Read an encoded manifest; FormatError or InvalidName for other bytes."""
        values = fields.array(canon.decode(data), 6)
        references = fields.several(values[2], fields.object_id)
        return cls._of(values, fields.object_id(values[1]), references)

    @classmethod
    def decode_all(cls, records: Sequence[bytes]) -> list[RawManifest | None]:
        """Read thousands of short ones as by :meth:`decode`; None for each that is no manifest."""
        try:
            values = canon.decode_all(records)
            heads: list[list[Value]] = [fields.array(item, 6) for item in values]
            below: list[list[Value]] = [fields.array(head[2]) for head in heads]
            pairs: list[Any] = [head[1] for head in heads]
            pairs += chain.from_iterable(below)
            ids = object_ids(pairs)
            rest = iter(ids[len(heads) :])
            references = [tuple(islice(rest, len(item))) for item in below]
            return list(map(cls._of, heads, ids, references))
        except (StoreError, TypeError):
            return [_decoded(data) for data in records]

    @classmethod
    def _of(
        cls, values: list[Value], oid: ObjectId, references: tuple[ObjectId, ...]
    ) -> RawManifest:
        version, _, _, itself, root, listed = values
        if version != VERSION:
            raise FormatError(f"a manifest of version {quoted(version)}, not {VERSION}")
        if len(references) > 1:
            fields.strictly_ascending(references, "references")
        directories: dict[bytes, Entries] = {}
        if listed != []:
            encoded = fields.several(listed, fields.raw)
            keys = [digest.keyed(digest.DigestKind.DIRECTORY, item) for item in encoded]
            fields.strictly_ascending(keys, "directories")
            directories = dict(zip(keys, canon.decode_each(encoded), strict=True))
        top = Node.from_fields(fields.array(root))
        outline = cls(oid, references, fields.boolean(itself), top, directories)
        if directories:
            outline._check_extent()
        return outline

    def is_named_right(self) -> bool:
        """Return whether this is what the object's digest is of, with nothing blanked."""
        tree = digest.keyed(digest.DigestKind.TREE, canon.encode_decoded(self.root.to_fields()))
        record: list[Value] = [self.id.name, tree, self.references, self.refers_to_itself]
        found = digest.keyed(digest.DigestKind.OBJECT, canon.encode_decoded(record))
        return found[: digest.OBJECT_DIGEST_SIZE] == self.id.digest

    def _check_extent(self) -> None:
        """Raise FormatError for a tree that is deeper, or has more entries, than any tree on a
        disk.

        A directory that stands in many places has one record: doubled fifty times, a few kilobytes
        would be a tree that no walk comes to the end of.
        """
        extents: dict[bytes, tuple[int, int]] = {}
        stack = [self.root.payload]
        while stack:
            top = stack[-1]
            below = _folders(self.directories.get(top, []))
            unknown = [] if top in extents else [key for key in below if key not in extents]
            if unknown:
                stack += unknown
                continue
            stack.pop()
            if top not in extents:
                extents[top] = self._extent(top, [extents[key] for key in below])

    def _extent(self, key: bytes, below: list[tuple[int, int]]) -> tuple[int, int]:
        levels = 1 + max((levels for levels, _ in below), default=0)
        entries = len(self.directories.get(key, [])) + sum(entries for _, entries in below)
        if levels > DEEPEST or entries > MOST_ENTRIES:
            raise FormatError(f"the manifest of {self.id} is of no tree that could be made")
        return levels, entries

    def folders(self, path: bytes) -> Iterator[tuple[bytes, Entries]]:
        """Yield every folder's path and entries, always in the same order, for a tree at ``path``.

        Raises FormatError when a directory is missing, too many, or its size is not that of its
        entries.
        """
        if self.root.kind is not NodeKind.DIRECTORY:
            return
        stack = [(path, self.root.size, self.root.payload)]
        used = set()
        while stack:
            path, size, payload = stack.pop()
            entries = self.directories.get(payload)
            used.add(payload)
            if entries is None or size != sum(map(_SIZE, entries)):
                raise FormatError(f"the manifest of {self.id} lacks a directory")
            yield path, entries
            stack += [
                (b"%b/%b" % (path, entry[0]), entry[3], entry[4])
                for entry in entries
                if entry[1] == _DIRECTORY
            ]
        if len(used) != len(self.directories):
            raise FormatError(f"the manifest of {self.id} has a directory too many")
