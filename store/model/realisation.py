"""The record that a resolved derivation's output was a certain object."""

from __future__ import annotations

from dataclasses import dataclass

from store import canon, digest
from store.digest import Kind
from store.model import fields
from store.model.names import ObjectId, check_output


@dataclass(frozen=True)
class Realisation:
    """``key`` is the 32-byte digest of a resolved derivation or source.

    ``builder`` is the user and ``host`` the machine that made it, ``level`` the sandbox's
    ("full", "none", "fetch", "builtin"), ``log`` the plain BLAKE3 of the build log, ``started`` in
    Unix seconds, ``duration`` in milliseconds, ``max_rss`` in bytes (of the largest process).
    """

    key: bytes
    output: str
    object: ObjectId
    builder: str
    host: str
    level: str
    log: bytes | None
    started: int
    duration: int
    max_rss: int = 0
    signature: bytes | None = None

    def __post_init__(self) -> None:
        fields.raw(self.key, digest.DIGEST_SIZE)
        check_output(self.output)

    def encode(self) -> bytes:
        """All fields, in the order in which they are declared."""
        return canon.encode(
            [
                self.key,
                self.output,
                fields.object_id_fields(self.object),
                self.builder,
                self.host,
                self.level,
                self.log,
                self.started,
                self.duration,
                self.max_rss,
                self.signature,
            ]
        )

    @classmethod
    def decode(cls, data: bytes) -> Realisation:
        """The inverse of :meth:`encode`; FormatError for anything else."""
        values = fields.array(canon.decode(data), 11)
        return cls(
            fields.raw(values[0], 32),
            fields.text(values[1]),
            fields.object_id(values[2]),
            fields.text(values[3]),
            fields.text(values[4]),
            fields.text(values[5]),
            None if values[6] is None else fields.raw(values[6], 32),
            fields.integer(values[7]),
            fields.integer(values[8]),
            fields.integer(values[9]),
            None if values[10] is None else fields.raw(values[10]),
        )

    def digest(self) -> bytes:
        """32 bytes; of the whole record."""
        return digest.keyed(Kind.REALISATION, self.encode())
