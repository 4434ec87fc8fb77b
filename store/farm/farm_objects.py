"""Objects that a server has, and a build whose outputs are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from store.model.names import ObjectId
from store.model.realisation import Realisation
from store.model.result import Result
from store.reapi.blob import BlobDigest


class ObjectBlobs(NamedTuple):
    """The blobs of an object's head and of its Tree message."""

    head: BlobDigest
    tree: BlobDigest


class FarmObject(NamedTuple):
    """An object that a server has, and all that it refers to, itself left out."""

    place: ObjectBlobs
    closure: tuple[ObjectId, ...]


@dataclass(frozen=True)
class FarmBuilt:
    """``records`` are of the outputs, as they were signed. ``objects`` are those that the server
    has now, inputs and outputs, without those that it was known to have."""

    result: Result
    records: Sequence[Realisation]
    objects: Mapping[ObjectId, FarmObject]
