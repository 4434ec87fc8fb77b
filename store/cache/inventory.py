"""Everything that lies in a cache in a folder, by its kind."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from store.cache import file_names
from store.cache.folder_place import FolderPlace, PlacedFile
from store.cache.misplaced import kind_text
from store.errors import FormatError, InvalidName
from store.model.names import ObjectId
from store.system import unfinished

_OBJECT: Final = re.compile(r"objects/([^/]{2})/([^/]+)\.(head|pack)")
_STATEMENTS: Final = re.compile(r"by-(key|derivation)/([0-9a-f]{64})/([0-9a-f]{64})\.jsonl")
_SOURCE: Final = re.compile(r"sources/([0-9a-f]{64})")
_LOG: Final = re.compile(r"logs/([0-9a-f]{64})\.zst")


_FOLDERS: Final = (
    ("head", re.compile(r"objects(/[^/]{2})?")),
    ("statement", re.compile(r"by-(key|derivation)(/[0-9a-f]{64})?")),
    ("source", re.compile(r"sources")),
    ("log", re.compile(r"logs")),
)
"""The folders of a cache, by the kind of the files below them."""


class Misplaced(NamedTuple):
    """Something else in the place of a file or folder of a cache. ``kind`` is that of the file, or
    of the files below the folder; ``other`` are the words for it."""

    kind: str
    name: str
    other: str
    object: ObjectId | None = None


class StatementsOf(NamedTuple):
    """The file of one signer's statements about a key, or with ``unresolved`` about an unresolved
    derivation."""

    file: PlacedFile
    about: bytes
    key_id: str
    unresolved: bool


@dataclass
class Inventory:
    """``unfinished`` files were being written when somebody looked, or a process was killed;
    ``strays`` are none of a cache's; those ``misplaced``, by name, are in the place of one that
    is."""

    heads: dict[ObjectId, PlacedFile] = field(default_factory=dict)
    packs: dict[ObjectId, PlacedFile] = field(default_factory=dict)
    statements: list[StatementsOf] = field(default_factory=list)
    sources: dict[str, PlacedFile] = field(default_factory=dict)
    logs: dict[bytes, PlacedFile] = field(default_factory=dict)
    unfinished: list[PlacedFile] = field(default_factory=list)
    strays: list[PlacedFile] = field(default_factory=list)
    misplaced: dict[str, Misplaced] = field(default_factory=dict)

    def object_size(self, oid: ObjectId) -> int:
        """Return the bytes of an object's head and pack, as far as they are there."""
        return sum(files[oid].size for files in (self.heads, self.packs) if oid in files)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        facts = [each.file for each in self.statements]
        kinds = (self.heads, self.packs, self.sources, self.logs)
        files = [file for kind in kinds for file in kind.values()]
        return sum(file.size for file in [*files, *facts, *self.unfinished, *self.strays])


def take_inventory(place: FolderPlace) -> Inventory:
    """List a cache. Nothing is read."""
    found = Inventory()
    for file in place.listing():
        _sort(file, found)
    return found


def _sort(file: PlacedFile, found: Inventory) -> None:
    name = file.name
    if name.rpartition("/")[2].startswith(unfinished.PREFIX):
        if not file.is_folder:
            # Of a writer of ours it is a file or a link; a prune removes these alone.
            mine = file.regular or file.kind == stat.S_IFLNK
            (found.unfinished if mine else found.strays).append(file)
    elif (match := _OBJECT.fullmatch(name)) and (oid := _object(match)) is not None:
        if _is_file(file, match[3], found, oid):
            (found.heads if match[3] == "head" else found.packs)[oid] = file
    elif match := _STATEMENTS.fullmatch(name):
        about, unresolved = bytes.fromhex(match[2]), match[1] == "derivation"
        if _is_file(file, "statement", found):
            found.statements.append(StatementsOf(file, about, match[3], unresolved))
    elif match := _SOURCE.fullmatch(name):
        if _is_file(file, "source", found):
            found.sources[match[1]] = file
    elif match := _LOG.fullmatch(name):
        if _is_file(file, "log", found):
            found.logs[bytes.fromhex(match[1])] = file
    elif name != file_names.MARKER and not file.is_folder:
        _sort_other(file, found)


def _is_file(file: PlacedFile, kind: str, found: Inventory, oid: ObjectId | None = None) -> bool:
    """Return whether it is a file; anything else is noted."""
    if not file.regular:
        other = f"{kind_text(file.kind)} in the place of a file"
        found.misplaced[file.name] = Misplaced(kind, file.name, other, oid)
    return file.regular


def _sort_other(file: PlacedFile, found: Inventory) -> None:
    """Note something that is no folder, and has no name of a cache's file."""
    for kind, folder in _FOLDERS:
        if folder.fullmatch(file.name):
            other = f"{kind_text(file.kind)} in the place of a folder"
            found.misplaced[file.name] = Misplaced(kind, file.name, other)
            return
    found.strays.append(file)


def _object(match: re.Match[str]) -> ObjectId | None:
    try:
        oid = ObjectId.parse(match[2])
    except (FormatError, InvalidName):
        return None
    return oid if oid.text.startswith(match[1]) else None


def signers(statements: Iterable[StatementsOf]) -> dict[str, int]:
    """Return how many files each signer has, by the id of its key."""
    found: dict[str, int] = {}
    for each in statements:
        found[each.key_id] = found.get(each.key_id, 0) + 1
    return found
