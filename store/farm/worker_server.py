"""A server whose builds are done by workers of ours. Their outputs stay on it, until they are asked
for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from store.display import printable
from store.errors import ServerUnusable
from store.events import Event
from store.farm.begun_server import served_build
from store.farm.farm_job import FarmJob
from store.farm.farm_objects import FarmBuilt, FarmObject
from store.index.writing import Writer
from store.jobs.executor import Task
from store.jobs.job import Job
from store.local.absence import absent
from store.local.leases import Lease
from store.local.store import Store
from store.model.derivation import Derivation, Resolved
from store.model.file_tree import Node
from store.model.names import ObjectId
from store.model.realisation import Realisation
from store.reapi.server import Server, executing
from store.signing.keys import PublicKey


class FarmOutcome(NamedTuple):
    """A build by a worker, with the records of its outputs."""

    node: bytes
    value: Resolved
    records: Sequence[Realisation]


class WorkerServer:
    """Has builds done by workers, and other tasks that need an object of the server. Only results
    that one of ``keys`` signed count."""

    waits = True

    def __init__(
        self,
        store: Store,
        server: Server,
        keys: Sequence[PublicKey],
        emit: Callable[[Event], None],
    ) -> None:
        self._store = store
        self._keys = keys
        self._emit = emit
        self._server = executing(server)
        self._known: dict[ObjectId, FarmObject] = {}
        self._away: set[ObjectId] = set()
        self._outcomes: dict[bytes, FarmOutcome] = {}

    def wants(self, task: Task) -> bool:
        """Return whether it is a build, or an input of the task is on the server alone."""
        if task.kind == "build":
            return True
        names = (ObjectId.parse(str(each)) for each in task.closure)
        return bool(self._away) and not self._away.isdisjoint(names)

    def sent(self, task: Task) -> Task:
        """Return the task of a process here that has a worker do it."""
        return replace(task, call=self._begin)

    def _begin(self, job: Job) -> FarmJob:
        work = partial(served_build, self._keys, self._store.layout, job)
        return FarmJob(self._server, work, job.node.name)

    def taken(self, task: Task, value: object) -> object:
        """Return the result of a build, whose outputs are noted, or the value as it is."""
        return self._noted(task, value) if isinstance(value, FarmBuilt) else value

    def _noted(self, task: Task, built: FarmBuilt) -> object:
        assert isinstance(task.value, Resolved)
        self._known.update(built.objects)
        outputs = {made.id for made in built.result.outputs}
        self._away |= absent(self._store, outputs)
        self._outcomes[task.id] = FarmOutcome(task.id, task.value, built.records)
        return built.result

    def prepare(self) -> None:
        """Load what :meth:`bring` needs: at the end, everybody would wait for it."""
        from store.cache import pull  # noqa: F401
        from store.farm import object_blobs, served_pull  # noqa: F401

    def close(self) -> None:
        """End the connection."""
        self._server.close()

    # -- objects on the server --

    def closure_names(self, roots: Collection[ObjectId]) -> tuple[str, ...]:
        """Return the objects here and there that the roots consist of, each its
        ``<digest>-<name>``."""
        away = [oid for oid in roots if oid in self._away]
        below = {other for oid in away for other in (oid, *self._known[oid].closure)}
        here = self._store.objects.closure_names(oid for oid in roots if oid not in self._away)
        return tuple(sorted({*here, *map(str, below)}))

    def bring(
        self, nodes: Mapping[bytes, Derivation], wanted: Collection[bytes], lease: Lease
    ) -> None:
        """Get the objects of the ``wanted`` nodes with all that they refer to, and register them as
        they were signed. ``nodes`` are those of all builds. ServerUnusable."""
        outcomes = [each for node, each in self._outcomes.items() if node in wanted]
        goals = {record.object for each in outcomes for record in each.records}
        if not goals:
            return
        from store.cache.pull import pull
        from store.farm.object_blobs import BlobOffers
        from store.farm.served_pull import ServedPull

        # Their heads are asked for with those of all that they refer to.
        goals |= {other for oid in goals & self._away for other in self._known[oid].closure}
        places = {oid: each.place for oid, each in self._known.items()}
        offers = BlobOffers(self._server, places)

        def settle(txn: Writer, roots: Mapping[ObjectId, Node]) -> None:
            for each in self._outcomes.values():
                objects = {record.object for record in each.records}
                if all(oid in roots or txn.objects.has(oid) for oid in objects):
                    _settle(txn, each, nodes[each.node])

        begin = partial(ServedPull, self._store.layout, self._server, places, {})
        pulled = pull(
            self._store,
            [offers],
            goals,
            lease=lease,
            emit=self._emit,
            settle=settle,
            begin=begin,
        )
        self._away -= set(pulled.taken)
        lacking = sorted(absent(self._store, goals))
        if lacking:
            unusable = (error.message for error in pulled.unusable.values())
            why = [*pulled.damaged, *unusable, *pulled.refused.values()]
            raise ServerUnusable(f"cannot get {lacking[0]}: {printable('; '.join(why[:3]))}")


def _settle(txn: Writer, outcome: FarmOutcome, derivation: Derivation) -> None:
    txn.nodes.put([derivation, outcome.value])
    for record in outcome.records:
        txn.realisations.add(record)
    txn.nodes.put_outcomes({outcome.node: outcome.value.digest})
