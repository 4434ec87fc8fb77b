"""Faults of a store, one value a finding. docs/verify.md has every kind and its remedy."""

from __future__ import annotations

from dataclasses import dataclass

from store.display import printable
from store.model.names import ObjectId

KINDS = {
    "missing": "an object, or an entry of one, is missing",
    "extra": "there is an entry that the manifest does not know",
    "kind": "an entry is of another kind, such as a file in place of a folder",
    "mode": "permissions are not those of a stored file, or it is another user's",
    "mtime": "a file or folder was changed since it was stored",
    "content": "bytes do not match the digest, or cannot be read",
    "identity": "manifest and tree agree, and are another object than the name says",
    "manifest": "an object's manifest is missing, or damaged",
    "record": "the index and an object's manifest say different things",
    "index": "tables of the index contradict each other, or a value does not decode",
    "realisation": "a record of an object's build contradicts the index",
    "mixed": "an object's closure holds two objects of one derivation",
    "unshared": "the index does not say where an object's files are, for sharing them",
    "stray": "an object, manifest or log that the index does not know",
    "leftover": "a leftover of an interrupted process",
}
"""Every kind that there is."""

NOTES = ("unshared", "stray", "leftover")
"""Kinds that are no damage: an interruption may leave these, and a collection removes them."""

REBUILD_INDEX = "`store index rebuild` makes the index anew"


@dataclass(frozen=True)
class Finding:
    """``path`` is a file or folder, or a table of the index; ``object`` the one concerned."""

    kind: str
    path: str
    detail: str = ""
    object: ObjectId | None = None

    @property
    def severity(self) -> str:
        """``error`` or ``note``."""
        return "note" if self.kind in NOTES else "error"

    def __str__(self) -> str:
        """Return one line, whatever bytes a name has."""
        return f"{self.kind}: {printable(self.path)}" + (
            f" ({printable(self.detail)})" if self.detail else ""
        )

    def to_record(self) -> dict[str, str | None]:
        """Return it as one line of JSON has it."""
        path = None if self.object is None else self.object.path
        where, detail = (
            text.encode(errors="replace").decode() for text in (self.path, self.detail)
        )
        return {
            "kind": self.kind,
            "severity": self.severity,
            "object": path,
            "path": where,
            "detail": detail,
        }
