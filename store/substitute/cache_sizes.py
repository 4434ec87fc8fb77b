"""The objects that would come from caches, by their sizes there: nothing is taken."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from store.cache.head import stream
from store.cache.head_search import GUESSES
from store.graph.resolver import BuildPlan
from store.job_errors import CacheUnusable
from store.model.names import ObjectId
from store.substitute.cache_search import apart, why
from store.substitute.candidates import TrustedCache
from store.system.steps import Steps


class OfferedSize(NamedTuple):
    """An object that a cache offers: its bytes as they are transferred, and as they are."""

    packed: int
    unpacked: int
    closure: tuple[ObjectId, ...]


@dataclass(frozen=True)
class CacheForecast:
    """The part of a plan that caches have: the ``nodes`` that need no work, with their objects;
    ``objects`` are those to be downloaded, with their sizes. ``left`` is the rest of the plan."""

    nodes: Mapping[bytes, tuple[ObjectId, ...]]
    objects: Mapping[ObjectId, OfferedSize]
    left: BuildPlan

    @property
    def packed(self) -> int:
        """Bytes to download."""
        return sum(each.packed for each in self.objects.values())

    @property
    def unpacked(self) -> int:
        """Bytes of the objects."""
        return sum(each.unpacked for each in self.objects.values())


@dataclass
class SizesAnswer:
    """The sizes of the objects that caches have; the rest is as a search has it."""

    sizes: dict[ObjectId, OfferedSize] = field(default_factory=dict)
    unusable: dict[str, str] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)


def sizes(caches: Sequence[TrustedCache], oids: Collection[ObjectId]) -> Steps[SizesAnswer]:
    """Return the sizes of objects and of all that they refer to, as far as the caches have them;
    asked for in a process of its own. Raises HelperEnded when that was killed."""
    return apart(lambda: _sizes(caches, oids))


def _sizes(caches: Sequence[TrustedCache], oids: Collection[ObjectId]) -> SizesAnswer:
    answer = SizesAnswer()
    found, wanted = answer.sizes, set(oids)
    for _ in range(2):  # the closures of the goals are whole
        for cache in caches:
            left = wanted - found.keys()
            if left and cache.offers.name not in answer.unusable:
                _ask(cache, left, answer)
        members = (other for each in found.values() for other in each.closure)
        wanted = set(islice(members, GUESSES))
    for cache in caches:
        cache.offers.close()
    return answer


def _ask(cache: TrustedCache, oids: Collection[ObjectId], answer: SizesAnswer) -> None:
    try:
        for oid, head in cache.offers.heads(oids).items():
            size = sum(span.size for span in stream(head.manifest))
            answer.sizes[oid] = OfferedSize(head.packed_size, size, head.closure)
    except CacheUnusable as error:
        answer.unusable[cache.offers.name] = why(error)
    answer.damaged += cache.offers.damaged()
