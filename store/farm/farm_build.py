"""One derivation, built by a worker of ours: asked for, and the answer checked.

It is done in the process that speaks to the server, beside others. The outputs stay on the server;
only their heads come, and statements, each of which a trusted key has to have signed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from typing import Final

from store.cache import zstd
from store.cache.blob_runs import BlobBatch, tree_blobs
from store.cache.head import Head
from store.display import printable, quoted
from store.errors import CorruptObject, FormatError, InvalidName, ServerUnusable, UnknownObject
from store.events import Event, Phase, Retrying
from store.farm.action_call import ActionCall
from store.farm.derivation_action import (
    FAILURE,
    REASON,
    RequestLimits,
    contents_in,
    derivation_action,
    output_places,
)
from store.farm.encoded_action import SALT, EncodedAction
from store.farm.farm_objects import FarmBuilt, FarmObject, KnownObjects, ObjectBlobs
from store.farm.object_blobs import ObjectUpload, object_upload, read_blobs, read_heads
from store.job_errors import (
    BuildError,
    BuildFailed,
    BuildSilent,
    BuildTimeout,
    LogTooLarge,
    OutputMissing,
    OutputRefused,
)
from store.jobs.job import Job, made
from store.jobs.log_excerpt import excerpt
from store.layout.paths import Layout
from store.model.derivation import Resolved
from store.model.manifest import Manifest
from store.model.names import ObjectId, parse_all
from store.model.origin import How, Origin
from store.model.realisation import Realisation
from store.model.result import Result
from store.objects.content import read_record
from store.reapi.blob import Blob, BlobDigest, Message, read_digest
from store.reapi.known_blobs import KnownBlobs
from store.reapi.messages import message
from store.reapi.server_calls import ServerCalls, send_blobs
from store.reapi.shared_work import SharedWork
from store.sandbox.log_limit import MAX_LOG
from store.signing import envelope, statement, strict
from store.signing.keys import KEY_SIZE, SIGNATURE_SIZE, PublicKey
from store.system.clock import unix_seconds

STATEMENT_LIMIT: Final = 8 << 20
"""Bytes of a statement in its envelope."""

FAILURES: Final[Mapping[int, type[BuildError]]] = {
    each.exit_code: each
    for each in (OutputMissing, OutputRefused, BuildTimeout, BuildSilent, LogTooLarge)
}
"""The failures of a builder but the usual one, by the exit code in a result."""


def preload() -> None:
    """Load what the first action takes, whose inputs are sent as a rule."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: F401

    from store.index import sha256_table  # noqa: F401

    zstd.compress(b"x")
    for name in ("Action", "Command", "Directory", "Tree"):
        message(name)


def _preload_answer() -> None:
    """Load what the first result takes, and the pull at the end."""
    message("ExecuteResponse")
    zstd.decompress_record(zstd.compress(b"x"), 1)
    PublicKey(bytes(KEY_SIZE), "none").verifies(bytes(SIGNATURE_SIZE), b"")
    for kind in (Origin, Realisation):  # they are completed when they are used first
        fields(kind)
    from store.farm import served_pull  # noqa: F401


def farm_build(
    keys: Sequence[PublicKey],
    layout: Layout,
    job: Job,
    server: ServerCalls,
    emit: Callable[[Event], None],
) -> FarmBuilt:
    """Have a derivation built by a worker. Raises ServerUnusable, or as a build here."""
    assert isinstance(job.node, Resolved)
    return _FarmBuild(server, keys, layout, job, job.node, emit).run()


class _FarmBuild:
    def __init__(
        self,
        server: ServerCalls,
        keys: Sequence[PublicKey],
        layout: Layout,
        job: Job,
        node: Resolved,
        emit: Callable[[Event], None],
    ) -> None:
        self._server = server
        self._shared = server.shared or SharedWork()
        self._seen = server.known or KnownBlobs()
        self._keys = keys
        self._known = self._shared.get(KnownObjects, KnownObjects)
        self._fresh: dict[ObjectId, FarmObject] = {}
        self._layout = layout
        self._job = job
        self._node = node
        self._emit = emit
        self._uploads: list[Blob] = []
        self._cached = False

    def run(self) -> FarmBuilt:
        started, began = unix_seconds(), time.monotonic()
        inputs = self._inputs(self._known)
        try:
            result = self._result(inputs, skip_cache=False)
            records, heads, outputs = self._checked(result)
            if self._cached:
                self._check_kept(heads, outputs)
        except (FormatError, InvalidName, ServerUnusable, UnknownObject, CorruptObject):
            # Inputs that were forgotten are sent again; a result that is another's, or of which
            # the server has forgotten a part, is made again.
            away = {oid: each for oid, each in inputs.items() if self._away(oid)}
            inputs = self._inputs(away, again=True)
            result = self._result(inputs, skip_cache=True)
            try:
                records, heads, outputs = self._checked(result)
            except (FormatError, InvalidName) as error:
                raise ServerUnusable(f"{quoted(self._server.name)}: {error.message}") from error
        first = records[0]
        for output, head in heads.items():
            self._fresh[head.manifest.id] = FarmObject(outputs[output], head.closure)
        self._known.update(self._fresh)
        done = Result(
            tuple(made(output, head.manifest) for output, head in heads.items()),
            first.level,
            started,
            time.monotonic() - began,
            first.log,
            elsewhere=True,
        )
        return FarmBuilt(done, records, self._fresh)

    def _phase(self, phase: str) -> None:
        self._emit(Phase(self._job.digest, self._node.name, phase))

    def _stage(self, stage: str) -> None:
        """Report a stage of the action. While the server has the first one, there is nothing else
        to do here: before that, it would have had to wait."""
        self._phase(stage)
        self._shared.get(_preload_answer, _preload_answer)

    def _again(self, reason: str) -> None:
        self._emit(Retrying(self._job.digest, self._node.name, reason))

    # -- asking --

    def _away(self, oid: ObjectId) -> bool:
        """Return whether an object is not here to be sent."""
        try:
            read_record(self._layout.manifest(oid))
        except OSError:
            return True
        return False

    def _inputs(
        self, known: Mapping[ObjectId, FarmObject], *, again: bool = False
    ) -> dict[ObjectId, FarmObject]:
        """Return the closure of the inputs; those that are not known are sent, ``again`` if another
        build has sent them; the answer names those."""
        oids = parse_all([str(each) for each in self._job.closure])
        manifests = {
            oid: Manifest.decode(read_record(self._layout.manifest(oid))[0])
            for oid in oids
            if oid not in known
        }
        found = {oid: known[oid] for oid in oids if oid in known}
        for oid, manifest in manifests.items():
            closure = _closure(oid, manifests, known)
            work = partial(self._sent, manifest, closure)
            upload = self._shared.get(oid, work, again=again)
            self._uploads += upload.blobs
            self._fresh[oid] = found[oid] = FarmObject(upload.place, upload.closure)
        return found

    def _sent(self, manifest: Manifest, closure: Collection[ObjectId]) -> ObjectUpload:
        upload = object_upload(self._layout, self._server, manifest, closure)
        send_blobs(self._server, upload.blobs)
        whole = {blob.digest: blob.source for blob in upload.blobs}
        self._seen.add({each: data for each, data in whole.items() if isinstance(data, bytes)})
        return upload

    def _read(self, digests: Sequence[BlobDigest]) -> dict[BlobDigest, bytes]:
        """Return heads and trees of inputs, as far as they can be had."""
        found = read_blobs(self._server, digests, SALT, self._seen.of(digests))
        self._seen.add(found)
        return found

    def _result(self, inputs: Mapping[ObjectId, FarmObject], *, skip_cache: bool) -> Message:
        """Return the result of a build that succeeded; a failure is raised."""
        if self._uploads:  # the action itself takes no time
            self._phase("upload")
        places = {oid: each.place for oid, each in inputs.items()}
        action = derivation_action(self._node, places, self._limits(), self._read)
        whole = EncodedAction(action.digest, [*self._uploads, *action.blobs])
        call = ActionCall(self._server, self._node.name, self._stage, self._again)
        result = call.run(whole, self._job.retries, skip_cache=skip_cache)
        self._cached = call.cached
        if self._job.log is not None:
            call.write_log(result, self._job.log, self._job.limits.max_log)
        if result.exit_code:
            raise self._failure(result)
        return result

    def _limits(self) -> RequestLimits:
        given = self._job.limits
        log = None if given.max_log == MAX_LOG else given.max_log
        return RequestLimits(given.timeout, given.max_silent, log)

    def _failure(self, result: Message) -> BuildError:
        files = [read_digest(each.digest) for each in result.output_files if each.path == FAILURE]
        reasons = read_blobs(self._server, files, REASON, contents_in(result))
        told = printable(b"".join(reasons.values()).decode("utf-8", "replace"))
        kind = FAILURES.get(result.exit_code)
        if kind is not None:
            return kind(told)
        name = self._node.name
        status = told.removeprefix(f"building {name} failed: ") or f"code {result.exit_code}"
        return BuildFailed(name, status, excerpt(self._job.log) if self._job.log else ())

    # -- the answer --

    def _checked(
        self, result: Message
    ) -> tuple[list[Realisation], dict[str, Head], dict[str, ObjectBlobs]]:
        """Return the records and heads of all outputs, and their blobs. FormatError, InvalidName,
        ServerUnusable."""
        told = output_places(result)
        if set(told) != set(self._node.outputs):
            raise FormatError(f"the result of {self._node.name} has other outputs")
        known = contents_in(result)
        parts = [digest for place, _ in told.values() for digest in place]
        self._seen.add({each: known[each] for each in parts if each in known})
        asked = [line for _, line in told.values()]
        lines = read_blobs(self._server, asked, STATEMENT_LIMIT, known)
        records = {output: self._record(output, lines, line) for output, (_, line) in told.items()}
        places = {records[output][0].object: place for output, (place, _) in told.items()}
        heads, bad = read_heads(self._server, places, known)
        found = {}
        for output, (record, tree) in records.items():
            head = heads.get(record.object)
            if head is None:
                raise FormatError("; ".join(bad) or f"the head of {record.object} is missing")
            if tree != head.manifest.root.digest():
                raise FormatError(f"{record.object} has another tree than was signed")
            found[output] = head
        outputs = {output: place for output, (place, _) in told.items()}
        return [record for record, _ in records.values()], found, outputs

    def _check_kept(self, heads: Mapping[str, Head], outputs: Mapping[str, ObjectBlobs]) -> None:
        """Check that the server still has all of the outputs. UnknownObject, FormatError,
        CorruptObject, ServerUnusable."""
        batch = BlobBatch(self._server)
        blobs: dict[BlobDigest, None] = {}
        for output, place in outputs.items():
            files = tree_blobs(self._server, heads[output].manifest, [place.tree], batch)
            blobs |= dict.fromkeys([place.head, place.tree, *files.values()])
        lost = self._server.missing(list(blobs))
        if lost:
            raise UnknownObject(f"{self._server.name} has lost {len(lost)} blobs of a result")

    def _record(
        self, output: str, lines: Mapping[BlobDigest, bytes], line: BlobDigest
    ) -> tuple[Realisation, bytes | None]:
        """Return what a trusted key signed of an output, and the digest of its tree."""
        if line not in lines:
            raise FormatError(f"the statement about {self._node.name} is missing")
        sealed = envelope.from_members(strict.document(lines[line], STATEMENT_LIMIT))
        signers, _ = envelope.check(sealed, self._keys)
        if not signers:
            raise ServerUnusable(
                f"{self._node.name} was built by a worker whose key is not trusted",
                hint="`store key trust` adds the key of a worker",
            )
        record, tree = statement.recorded(sealed.payload)
        if (
            sealed.payload_type != envelope.PAYLOAD_TYPE
            or (record.key, record.output) != (self._node.digest, output)
            or not record.is_of(self._node.name)
        ):
            raise FormatError(f"the statement about {self._node.name} is of something else")
        lines_of = tuple(sorted(str(key) for key in signers))
        origin = Origin(How.SIGNED, self._server.name.encode(), lines_of)
        return replace(record, origin=origin), tree


def _closure(
    oid: ObjectId, manifests: Mapping[ObjectId, Manifest], known: Mapping[ObjectId, FarmObject]
) -> set[ObjectId]:
    """Return all that an object refers to, out of the closure that it is in."""
    found: set[ObjectId] = set()
    waiting = [oid]
    while waiting:
        each = waiting.pop()
        references = known[each].closure if each in known else manifests[each].references
        waiting += [other for other in references if other not in found]
        found.update(references)
    return found
