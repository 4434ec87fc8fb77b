"""Where a record of a realisation comes from, and so how far it counts."""

from __future__ import annotations

import os
from enum import Enum

from store.canon import Value
from store.display import printable, quoted
from store.errors import FormatError
from store.model import fields
from store.model.frozen import frozen

PLACE_LIMIT = 4096
"""Bytes of the path of another store."""


class How(Enum):
    """By what this store believes a realisation. The value is part of the format."""

    BUILT = "built"
    """This store made it. Only this is attested."""
    SIGNED = "signed"
    """Imported, with a statement that a trusted key had signed."""
    CHECKED = "checked"
    """Imported, of a source: the file has the hash that the source states."""
    TRUSTED = "trusted"
    """Imported on the other store's word alone, as the user asked for."""
    KEPT = "kept"
    """It stood in an index of schema 2, which knew no origins, and names another machine or user;
    or another store built it, of whose index a copy was taken back here."""


_RANKS = {how: rank for rank, how in enumerate(reversed(How))}


@frozen()
class Origin:
    """``place`` is the other store's folder, for imported records; ``signers`` are the lines of the
    trusted public keys that signed it, sorted, for signed ones."""

    how: How = How.BUILT
    place: bytes = b""
    signers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        imported = self.how not in (How.BUILT, How.KEPT)
        if bool(self.place) != imported or len(self.place) > PLACE_LIMIT:
            raise FormatError(f"a realisation that is {self.how.value}, from {quoted(self.place)}")
        if bool(self.signers) != (self.how is How.SIGNED):
            raise FormatError(f"a realisation that is {self.how.value}, by {quoted(self.signers)}")
        fields.strictly_ascending(self.signers, "signers")

    @property
    def built_here(self) -> bool:
        """True if this store made it."""
        return self.how is How.BUILT

    @property
    def shown_place(self) -> str:
        """The other store's folder, in characters that can be printed."""
        return printable(os.fsdecode(self.place))

    @property
    def signer_names(self) -> tuple[str, ...]:
        """The names of the keys that signed it."""
        return tuple(line.partition(":")[0] for line in self.signers)

    def joined(self, other: Origin) -> Origin:
        """Return the better of two origins of one record; both sets of signers, if both are
        signed."""
        if self.how is other.how is How.SIGNED:
            signers = tuple(sorted({*self.signers, *other.signers}))
            return Origin(How.SIGNED, self.place, signers)
        return max(self, other, key=lambda origin: _RANKS[origin.how])

    def __str__(self) -> str:
        """Return a phrase behind "made"."""
        match self.how:
            case How.BUILT:
                return "built here"
            case How.SIGNED:
                signers = ", ".join(self.signer_names)
                return f"imported from {self.shown_place}, signed by {signers}"
            case How.CHECKED:
                return f"imported from {self.shown_place}, has the hash that its source states"
            case How.TRUSTED:
                return f"imported from {self.shown_place}, signed by nobody"
        return "kept from before origins were recorded"

    def to_fields(self) -> Value:
        """Return ``[how, place, [signer, …]]``."""
        return [self.how.value, self.place, list(self.signers)]

    @classmethod
    def from_fields(cls, value: Value) -> Origin:
        """Return the inverse of :meth:`to_fields`; FormatError for anything else."""
        how, place, signers = fields.array(value, 3)
        try:
            found = How(fields.text(how))
        except ValueError:
            raise FormatError(f"{quoted(how)} is no origin") from None
        return cls(found, fields.raw(place), fields.several(signers, fields.text))


BUILT = Origin()
KEPT = Origin(How.KEPT)
