"""A manifest as plain lists: quick to read where a tree of many thousand files is only walked.

The read bytes are canonical, and each directory has the digest that its parent calls it by. The
types within an entry are those of the fields when the object's identity is right, and only then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

from store import canon, digest
from store.canon import Value
from store.display import quoted
from store.errors import FormatError, StoreError
from store.model import fields
from store.model.file_tree import Node, NodeKind, check_nodes
from store.model.names import ObjectId, object_ids

VERSION = 1

_SIZE = itemgetter(3)
_TOP_SIZE = 2
_DIRECTORY = int(NodeKind.DIRECTORY)  # a plain number is compared faster

_BOOLEANS = frozenset((bool,))

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


def _check_version(version: Value) -> None:
    if type(version) is not int or version != VERSION:
        raise FormatError(f"a manifest of version {quoted(version)}, not {VERSION}")


def _directories(listed: Value) -> dict[bytes, Entries]:
    """Return directories by digest; FormatError unless their encodings ascend by it."""
    encoded = fields.several(listed, fields.raw)
    keys = digest.keyed_all(digest.DigestKind.DIRECTORY, encoded)
    fields.strictly_ascending(keys, "directories")
    return dict(zip(keys, canon.decode_each(encoded), strict=True))


def _decoded(data: bytes) -> RawManifest | None:
    try:
        return RawManifest.decode(data)
    except StoreError:
        return None


class RawManifest(NamedTuple):
    """The contents of a manifest. ``top`` are the fields of a node; ``directories`` has entries by
    the digest of their encoding."""

    id: ObjectId
    references: tuple[ObjectId, ...]
    refers_to_itself: bool
    top: list[Any]
    directories: dict[bytes, Entries]

    @property
    def root(self) -> Node:
        """The object's top."""
        return Node.from_fields(self.top)

    @property
    def facts(self) -> tuple[tuple[ObjectId, ...], bool, int]:
        """References, whether it refers to itself, and size: all that an index has of it."""
        return self.references, self.refers_to_itself, self.top[_TOP_SIZE]

    @property
    def size(self) -> int:
        """Bytes of all files and link targets."""
        found: int = self.top[_TOP_SIZE]
        return found

    @classmethod
    def decode(cls, data: bytes) -> RawManifest:
        """Read an encoded manifest; FormatError or InvalidName for other bytes."""
        values = fields.array(canon.decode(data), 6)
        version, oid, references, itself, root, listed = values
        _check_version(version)
        outline = cls(
            fields.object_id(oid),
            fields.object_ids(references),
            fields.boolean(itself),
            Node.from_fields(fields.array(root)).to_fields(),
            _directories(listed),
        )
        fields.strictly_ascending(outline.references, "references")
        outline._check_extent()
        return outline

    @classmethod
    def decode_all(cls, records: Sequence[bytes]) -> list[RawManifest | None]:
        """Read thousands of short ones as by :meth:`decode`; None for each that is no manifest."""
        try:
            values: list[Any] = canon.decode_all(records)
            return cls._of_columns(values) if values else []
        except (StoreError, TypeError, ValueError):
            return [_decoded(data) for data in records]

    @classmethod
    def _of_columns(cls, values: list[list[Any]]) -> list[RawManifest | None]:
        """Return decoded arrays as manifests; ValueError and others when one of them is none, or
        has to be looked at alone."""
        versions, pairs, listed, itself, tops, directories = zip(*values, strict=True)
        if {(VERSION, int)} != set(zip(versions, map(type, versions), strict=True)):
            raise ValueError
        check_nodes(tops)
        if set(map(type, listed)) != {list} or not _BOOLEANS.issuperset(map(type, itself)):
            raise ValueError
        ids = object_ids([*pairs, *chain.from_iterable(listed)])
        rest = iter(ids[len(values) :])
        references = [tuple(islice(rest, len(item))) for item in listed]
        for several in references:
            if len(several) > 1:
                fields.strictly_ascending(several, "references")
        below = [{} if item == [] else _directories(item) for item in directories]
        found = list(map(cls._make, zip(ids, references, itself, tops, below, strict=False)))
        for outline in found:
            if outline.directories:
                outline._check_extent()
        return [*found]

    def _check_extent(self) -> None:
        """Raise FormatError for a tree that is deeper, or has more entries, than any tree on a
        disk.

        A directory that stands in many places has one record: doubled fifty times, a few kilobytes
        would be a tree that no walk comes to the end of.
        """
        extents: dict[bytes, tuple[int, int]] = {}
        stack: list[bytes] = [self.top[3]] if self.directories else []
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
        if self.top[0] != _DIRECTORY:
            return
        stack = [(path, self.size, self.top[3])]
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


def are_named_right(manifests: Sequence[RawManifest]) -> list[bool]:
    """Return for each whether it is what the object's digest is of, with nothing blanked."""
    tops = canon.encode_all_decoded([manifest.top for manifest in manifests])
    trees = digest.keyed_all(digest.DigestKind.TREE, tops)
    records = canon.encode_all_decoded(
        [
            [oid.name, tree, references, itself]
            for (oid, references, itself, *_), tree in zip(manifests, trees, strict=True)
        ]
    )
    found = digest.keyed_all(digest.DigestKind.OBJECT, records)
    return [
        full[: digest.OBJECT_DIGEST_SIZE] == manifest.id.digest
        for full, manifest in zip(found, manifests, strict=True)
    ]
