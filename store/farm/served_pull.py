"""A pull from a server by its digests, in the process that speaks to the server.

Inputs of builds are many and small. A process for each pull, with a connection of its own, would
cost more than the rest of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from itertools import chain
from multiprocessing.connection import Connection
from typing import Any

from store.cache.head_search import Missing
from store.cache.pull_process import PullLife, transferred
from store.cache.transfer import Transferred
from store.events import Event
from store.farm.farm_objects import ObjectBlobs
from store.farm.object_blobs import BlobOffers
from store.layout.paths import Layout
from store.model.names import ObjectId
from store.reapi.blob import BlobDigest
from store.reapi.server import Server
from store.reapi.server_calls import ServerCalls
from store.system.locks import SharedLocks
from store.system.steps import Steps


class ServedPull:
    """One pull, with the face of a :class:`~store.cache.pull.PullWork`. The objects that it puts in
    place are claimed there. The ``known`` blobs are not asked for, nor those that the process has
    had."""

    def __init__(
        self,
        layout: Layout,
        server: Server,
        places: Mapping[ObjectId, ObjectBlobs],
        known: Mapping[BlobDigest, bytes],
        goals: Collection[ObjectId],
        reserve: int,
    ) -> None:
        given = (layout, dict(places), dict(known), set(goals), reserve)
        self._stream = server.perform(partial(_pull, *given))

    def result(self, missing: Missing, emit: Callable[[Event], None]) -> Steps[Transferred]:
        """Wait for its end, and answer questions until then."""
        return transferred(self._stream.connection, missing, emit)

    def end(self) -> None:
        """Let it note the contents and remove its leftovers, as the objects are registered: that is
        done beside the work of this process."""
        try:
            self._stream.connection.send(None)
        except OSError:  # the process died: the objects are here
            self._stream.cancel()
        else:
            self._stream.release_later()

    def cancel(self) -> None:
        """End it. A question that it has is not answered, and nothing of it is registered."""
        self._stream.cancel()


def _pull(
    layout: Layout,
    places: Mapping[ObjectId, ObjectBlobs],
    known: Mapping[BlobDigest, bytes],
    goals: Collection[ObjectId],
    reserve: int,
    server: ServerCalls,
    connection: Connection[Any, Any],
) -> None:
    seen = server.known.of(chain.from_iterable(places.values())) if server.known else {}
    with SharedLocks(layout.claims) as claims:
        offers = BlobOffers(server, places, {**seen, **known})
        PullLife(connection, layout, [offers], claims, reserve).work(goals)
