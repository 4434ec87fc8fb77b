"""What is wrong with a store, one value a finding.

| kind | says |
| --- | --- |
| missing, extra, kind, mode, mtime, content | an entry of an object is not as its manifest says |
| identity | manifest and tree agree, and are another object than the name says |
| manifest | an object's manifest is not there, or damaged |
| record | the index and an object's manifest say different things |
| index | tables of the index contradict each other |
| realisation | a record of who made an object contradicts the index |
| pool | an inode below ``links/`` is not what its name says, or something else lies there |
| stray | an object or manifest that the index does not know |
| leftover | what an interrupted process left, and who collects will remove |

All but the last two are errors.
"""

from __future__ import annotations

from dataclasses import dataclass

from store.model.names import ObjectId

NOTES = ("stray", "leftover")
"""Kinds that are no damage: an interruption may leave these."""

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
        return f"{self.kind}: {self.path}" + (f" ({self.detail})" if self.detail else "")
