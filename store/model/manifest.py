"""A store object's manifest: the index's facts of it, and the digest of every file in it.

The manifests lie beside the objects. From them the index can be made anew, and a damaged file can
be named.
"""

from __future__ import annotations

from dataclasses import dataclass

from store import canon
from store.errors import FormatError
from store.model import fields
from store.model.file_tree import Directory, Node, NodeKind
from store.model.names import ObjectId
from store.model.raw_manifest import VERSION, RawManifest


@dataclass(frozen=True)
class Manifest:
    """``root`` and ``directories`` describe the object as it lies on disk, nothing blanked.

    ``references`` are the other objects it names, sorted. ``directories`` holds each directory of
    the tree once, by its node's payload.
    """

    id: ObjectId
    references: tuple[ObjectId, ...]
    refers_to_itself: bool
    root: Node
    directories: dict[bytes, Directory]

    @property
    def size(self) -> int:
        """Bytes of all files and link targets."""
        return self.root.size

    def encode(self) -> bytes:
        """Return ``[version, id, references, refers to itself, root, [directory, …]]``, by digest.

        FormatError for more than a reader would take.
        """
        encoded = [self.directories[key].encode() for key in sorted(self.directories)]
        canon.check_memory(encoded)
        return canon.encode(
            [
                VERSION,
                fields.object_id_fields(self.id),
                [fields.object_id_fields(reference) for reference in self.references],
                self.refers_to_itself,
                self.root.to_fields(),
                encoded,
            ]
        )

    @classmethod
    def decode(cls, data: bytes) -> Manifest:
        """Return the inverse of :meth:`encode`; FormatError for anything else."""
        outline = RawManifest.decode(data)
        manifest = cls(
            outline.id,
            outline.references,
            outline.refers_to_itself,
            outline.root,
            {key: Directory.of(entries) for key, entries in outline.directories.items()},
        )
        manifest._check_whole()
        return manifest

    def _check_whole(self) -> None:
        missing = {
            node.payload
            for node in self._nodes()
            if node.kind is NodeKind.DIRECTORY and node.payload not in self.directories
        }
        if missing:
            raise FormatError(f"the manifest of {self.id} lacks {len(missing)} directories")

    def _nodes(self) -> list[Node]:
        below = [node for item in self.directories.values() for _, node in item.entries]
        return [self.root, *below]
