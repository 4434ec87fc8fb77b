"""The record that a resolved derivation's output was a certain object."""

from __future__ import annotations

from store import canon, digest
from store.canon import Value
from store.digest import DigestKind
from store.model import fields
from store.model.frozen import frozen
from store.model.names import ObjectId, check_output, object_name
from store.model.origin import BUILT, How, Origin


@frozen()
class Realisation:
    """``key`` is the 32-byte digest of a resolved derivation or source.

    ``builder`` is the user and ``host`` the machine that made it; ``level``, the sandbox's ("full",
    "none", "fetch", "builtin"); ``log``, the plain BLAKE3 of the build log. ``started`` is in Unix
    seconds, ``duration`` in milliseconds, ``max_rss`` in bytes (of the largest process). ``origin``
    is not part of the build, but this store's knowledge of the record.
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
    origin: Origin = BUILT

    def __post_init__(self) -> None:
        fields.raw(self.key, digest.DIGEST_SIZE)
        check_output(self.output)

    def encode(self) -> bytes:
        """Return all fields but the origin, in the order in which they are declared."""
        return canon.encode(self._fields())

    @classmethod
    def decode(cls, data: bytes) -> Realisation:
        """Return the inverse of :meth:`encode`, with the origin "built"; FormatError for anything
        else."""
        return cls._from_fields(fields.array(canon.decode(data), 11))

    def stored(self) -> bytes:
        """Return all fields, the origin last: as an index keeps them."""
        return canon.encode([*self._fields(), self.origin.to_fields()])

    @classmethod
    def from_stored(cls, data: bytes) -> Realisation:
        """Return the inverse of :meth:`stored`; FormatError for anything else."""
        values = fields.array(canon.decode(data), 12)
        return cls._from_fields(values, Origin.from_fields(values[11]))

    def _fields(self) -> list[Value]:
        return [
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

    @classmethod
    def _from_fields(cls, values: list[Value], origin: Origin = BUILT) -> Realisation:
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
            origin,
        )

    def digest(self) -> bytes:
        """Return 32 bytes; of all but the origin."""
        return digest.keyed(DigestKind.REALISATION, self.encode())

    def may_be_fetched(self) -> bool:
        """Return whether the record can be of a source. Its file can be looked at: nobody's word
        counts, and an import that saw the right hash says so."""
        return self.origin.how not in (How.SIGNED, How.TRUSTED)

    def is_of(self, name: str) -> bool:
        """Return whether the object is called as this output of a derivation ``name`` has to be."""
        return self.object.name == object_name(name, self.output)
