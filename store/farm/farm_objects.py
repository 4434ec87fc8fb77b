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


class KnownObjects(dict[ObjectId, FarmObject]):
    """The objects that a server has, in the process that speaks to it: one value for all builds
    there, which only grows. Each object names all that it refers to, and to send that with each
    build would cost more than the build."""


@dataclass(frozen=True)
class FarmBuilt:
    """``records`` are of the outputs, as they were signed. ``objects`` are the outputs, and the
    inputs that the server has got."""

    result: Result
    records: Sequence[Realisation]
    objects: Mapping[ObjectId, FarmObject]
