"""One derivation, built by a worker for somebody else: its inputs got, its outputs sent."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Final

from store.cache.pull import pull
from store.display import printable
from store.errors import StoreError, UnknownObject
from store.events import Event
from store.farm.derivation_action import (
    FAILURE,
    INLINE,
    REASON,
    DerivationRequest,
    RequestLimits,
    add_contents,
    add_output,
)
from store.farm.object_blobs import BlobOffers, object_upload
from store.farm.served_pull import ServedPull
from store.job_errors import BuildError, DiskReserve
from store.jobs.executor import Task
from store.jobs.local_executor import LocalExecutor
from store.jobs.lower import BuildLimits, check_system
from store.local.absence import absent
from store.local.leases import Lease
from store.local.realisations import records_of
from store.local.store import Store
from store.model import derivation
from store.model.derivation import Resolved
from store.model.names import ObjectId
from store.model.realisation import Realisation
from store.model.result import Registration, Result
from store.reapi.blob import Blob, Message, blob_of, digest_message
from store.reapi.messages import message
from store.reapi.server import Server
from store.signing import envelope, statement
from store.signing.keys import PrivateKey
from store.system.locks import Lock, position

WAIT: Final = 0.2
"""Seconds between looks at another process that builds the same."""

LEASED_TIME: Final = 600.0
"""Seconds for which one lease holds the objects of builds, from the first of them on."""

_PULLS: Final = 2
"""Times that inputs are pulled: once more if the collector took one before it was leased."""

LEASED_OBJECTS: Final = 2000
"""Objects of builds that one lease holds, from which on there is another for the next build."""


class WorkerBuild:
    """Builds in ``store``, by its executor. ``check`` is called often; it raises to give up."""

    def __init__(
        self,
        store: Store,
        executor: LocalExecutor,
        server: Server,
        key: PrivateKey,
        check: Callable[[], None],
        emit: Callable[[Event], None],
    ) -> None:
        self._store = store
        self._executor = executor
        self._server = server
        self._key = key
        self._check = check
        self._emit = emit
        self._lease = Lease(store.index)
        self._leased_until = 0.0

    def rest(self) -> None:
        """Let the collector have the objects that builds used."""
        self._lease.end()

    def _renew_lease(self) -> Lease:
        """Return the lease for a build. It goes on from one to the next, which often needs the same
        objects: each end is a transaction, and a wait for the disk."""
        if time.monotonic() > self._leased_until or self._lease.held > LEASED_OBJECTS:
            self.rest()
        if not self._lease.held:
            self._leased_until = time.monotonic() + LEASED_TIME
        return self._lease

    @contextmanager
    def built(
        self, request: DerivationRequest, limits: BuildLimits
    ) -> Iterator[tuple[bytes, list[Blob]]]:
        """Build, and give the encoded ActionResult with the blobs that it names: a failure of the
        builder is one, too. The outputs are registered at the end of the block: that waits for the
        disk, and a result need not wait for it to be sent. UnknownObject if an input cannot be had;
        errors of this store and of the server."""
        node = request.node
        check_system(node)
        limits = _within(limits, request.limits)
        lease = self._renew_lease()
        self._pull(request, lease)
        with ExitStack() as ends:
            ends.callback(self._locked(node.digest).release)
            result = message("ActionResult")()
            try:
                records = self._here(node, lease)
                if records is None:
                    made = self._made(node, limits)
                    records = records_of(made)
                    # Whatever becomes of the result: its objects are claimed until then.
                    ends.callback(self._store.realisations.register_results, [made], lease)
                blobs = self._outputs(result, node, records)
            except DiskReserve:
                raise
            except BuildError as error:
                result = message("ActionResult")(exit_code=error.exit_code)
                blobs = self._explanation(result, node, error)
            add_contents(result, blobs)
            yield result.SerializeToString(), blobs

    # -- inputs --

    def _pull(self, request: DerivationRequest, lease: Lease) -> None:
        goals = _roots(request.node)
        reasons: list[str] = []
        for _ in range(_PULLS):
            if not self._absent(goals, lease):
                return
            reasons = self._pulled(request, goals, lease)
        lacking = self._absent(goals, lease)
        if lacking:
            why = printable("; ".join(reasons[:3]))
            raise UnknownObject(f"cannot get the input {lacking[0]}: {why}")

    def _pulled(
        self, request: DerivationRequest, goals: Collection[ObjectId], lease: Lease
    ) -> list[str]:
        """Pull the goals, and return the reasons why some were not to be had."""
        # Of the objects that are here, the other process need not hear.
        places = {oid: request.inputs[oid] for oid in absent(self._store, request.inputs)}
        offers = BlobOffers(self._server, places)
        given = (self._store.layout, self._server, places, request.known)
        begin = partial(ServedPull, *given)
        pulled = pull(self._store, [offers], goals, lease=lease, emit=self._emit, begin=begin)
        unusable = (error.message for error in pulled.unusable.values())
        return [*pulled.refused.values(), *unusable]

    def _absent(self, oids: Collection[ObjectId], lease: Lease) -> list[ObjectId]:
        """Return those that are not here; if all are, they are leased."""
        lacking = absent(self._store, oids)
        if lacking or not lease.add(oids):
            return sorted(lacking)
        return sorted(absent(self._store, oids))

    # -- building --

    def _locked(self, key: bytes) -> Lock:
        while True:
            lock = self._store.try_lock(position(key))
            if lock is not None:
                return lock
            self._check()
            time.sleep(WAIT)

    def _here(self, node: Resolved, lease: Lease) -> list[Realisation] | None:
        """Return the records of an earlier build here, if all of its outputs are there."""
        found = self._store.realisations.realised(node.digest, node.outputs, node.name, here=True)
        if found is None:
            return None
        lease.add(found.values())
        if not all(map(self._store.objects.present, found.values())):
            return None
        return [self._record(node, output, oid) for output, oid in found.items()]

    def _record(self, node: Resolved, output: str, oid: ObjectId) -> Realisation:
        """Return the oldest record of an output that was built here."""
        return next(
            record
            for record in self._store.realisations.of(node.digest, output)
            if record.origin.built_here and record.object == oid
        )

    def _made(self, node: Resolved, limits: BuildLimits) -> Registration:
        """Build, and return the outputs, which are to be registered."""
        kind, key = derivation.kind(node), node.digest
        task = Task(
            id=key,
            name=node.name,
            kind=kind,
            label=kind,
            key=key,
            value=node,
            closure=self._store.objects.closure_names(_roots(node)),
            limits=limits,
        )
        return Registration(key, key, node, self._executed(task))

    def _executed(self, task: Task) -> Result:
        begun = False
        try:
            while True:
                begun = begun or self._executor.submit(task)
                for _, value in self._executor.ended(pending=not begun):
                    if isinstance(value, Result):
                        return value
                    assert isinstance(value, Exception)
                    raise value
                self._check()
        except BaseException:
            self._executor.cancel(task)
            raise

    # -- the result --

    def _outputs(
        self, result: Message, node: Resolved, records: Sequence[Realisation]
    ) -> list[Blob]:
        """Add the outputs to the result, and return their blobs. They may be registered later."""
        blobs: list[Blob] = []
        for record in sorted(records, key=lambda record: record.output):
            manifest = self._store.objects.manifest(record.object)
            closure = self._store.objects.closure(manifest.references)
            upload = object_upload(self._store.layout, self._server, manifest, closure)
            told = statement.provenance(record, node, self._key.public, manifest.root.digest())
            signed = blob_of(envelope.seal(told, [self._key]).encode())
            blobs += [*upload.blobs, signed]
            add_output(result, record.output, upload.place, signed.digest)
        self._add_log(result, node, blobs)
        return blobs

    def _explanation(self, result: Message, node: Resolved, error: StoreError) -> list[Blob]:
        blobs: list[Blob] = []
        self._add_log(result, node, blobs)
        told = blob_of(printable(error.message.partition("\n  | ")[0]).encode()[:REASON])
        blobs.append(told)
        result.output_files.add(path=FAILURE, digest=digest_message(told.digest))
        return blobs

    def _add_log(self, result: Message, node: Resolved, blobs: list[Blob]) -> None:
        path = self._store.layout.log(node.digest)
        if derivation.kind(node) != "build" or not os.path.exists(path):
            return
        with open(path, "rb") as stream:
            data = stream.read()
        if len(data) <= INLINE:
            result.stdout_raw = data
            return
        log = blob_of(data)
        blobs.append(log)
        result.stdout_digest.CopyFrom(digest_message(log.digest))


def _within(own: BuildLimits, asked: RequestLimits) -> BuildLimits:
    """Return the narrower ones of the limits of a worker and of its client."""
    return replace(
        own,
        timeout=_least(own.timeout, asked.timeout),
        max_silent=_least(own.max_silent, asked.max_silent),
        max_log=min(own.max_log, own.max_log if asked.max_log is None else asked.max_log),
    )


def _least(*bounds: float | None) -> float | None:
    return min((each for each in bounds if each is not None), default=None)


def _roots(node: Resolved) -> list[ObjectId]:
    return [*node.inputs, *([] if node.rootfs is None else [node.rootfs])]
