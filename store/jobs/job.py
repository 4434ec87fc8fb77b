"""One job in a process of its own: fetch, unpack, or build, and then ingest.

A job never touches the index. It sends events while it works; its caller registers its result.
Killing the process kills everything below it.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

from store.display import quoted
from store.errors import SandboxUnavailable, StoreError
from store.events import Event, Phase, Progress
from store.job_errors import (
    BuildFailed,
    BuildSilent,
    BuildTimeout,
    DiskReserve,
    LogTooLarge,
    OutputMissing,
)
from store.jobs.log_excerpt import excerpt
from store.jobs.lower import BuildLimits, build_request, scratch_ids
from store.jobs.watch import INGEST, Alive, Copied
from store.layout.kept import REQUEST
from store.layout.paths import Layout
from store.model.derivation import Resolved, Source
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.model.result import Made, Result
from store.quantities import bytes_text, limit_text
from store.system import owned
from store.system.clock import unix_seconds
from store.system.locks import SharedLocks

if TYPE_CHECKING:
    from store.fetch.bounds import Bounds
    from store.objects.contents import ContentHolders
    from store.sandbox.request import BuildRequest, BuildResult
    from store.sandbox.variation import Variation


@dataclass(frozen=True)
class Job:
    """One node's work. ``node`` is a source, or a derivation resolved; ``digest`` is the node's.

    ``closure`` holds the inputs with everything they refer to, or of each its ``<digest>-<name>``,
    which is handed over faster. ``log`` is the path of a build's log. ``into`` is the root of the
    store that takes the outputs, when it is not the one of the inputs; ``variation``, the change
    that an audit makes. ``claims`` keep the outputs until they are registered. ``holders`` say
    where equal content is; by default, the store's own table.
    """

    digest: bytes
    key: bytes
    node: Source | Resolved
    work_dir: str
    closure: Sequence[ObjectId | str] = ()
    limits: BuildLimits = field(default_factory=lambda: BuildLimits(cores=1))
    jobserver: tuple[int, int] | None = None
    keep_failed: bool = False
    retries: int = 3
    log: str | None = None
    into: str | None = None
    variation: Variation | None = None
    claims: SharedLocks | None = None
    holders: ContentHolders | None = None


def made(output: str, manifest: Manifest) -> Made:
    """Return the summary of a manifest."""
    return Made(output, manifest.id, manifest.references, manifest.refers_to_itself, manifest.size)


def fetch(layout: Layout, job: Job, emit: Callable[[object], None]) -> Result:
    """Fetch a source and ingest the file."""
    from store.fetch import attempts as fetching

    source = job.node
    assert isinstance(source, Source)
    started, began = unix_seconds(), time.monotonic()
    fetched = fetching.fetch(
        source.name,
        source.sha256,
        source.locators,
        partial_dir=layout.partial,
        bad_dir=layout.bad,
        retries=job.retries,
        reserve=job.limits.disk_reserve,
        bounds=_bounds(job.limits),
        alive=lambda: emit(Alive()),
        report=lambda progress: emit(
            Progress(job.digest, source.name, progress.received, progress.total)
        ),
    )
    manifest = _ingested(layout, job, fetched.path, emit, executable=source.executable)
    os.unlink(fetched.path)
    return Result(
        (made("out", manifest),),
        "fetch",
        started,
        time.monotonic() - began,
        locator=fetched.locator,
    )


def _ingested(
    layout: Layout,
    job: Job,
    path: str,
    emit: Callable[[Event], None],
    *,
    candidates: Sequence[ObjectId | str] = (),
    executable: bool | None = None,
) -> Manifest:
    """Take the only output of a job into the store."""
    from store.objects import ingest

    emit(Phase(job.digest, job.node.name, INGEST))
    return ingest.ingest(
        job.into or layout.root,
        path,
        job.node.name,
        candidates=candidates,
        executable=executable,
        claims=job.claims,
        holders=_holders(layout, job),
        reserve=job.limits.disk_reserve,
    )


def _holders(layout: Layout, job: Job) -> ContentHolders:
    """Return where equal content stands in the store that takes the outputs."""
    from store.index.content_table import ContentTable

    if job.holders is not None and job.into is None:
        return job.holders
    return ContentTable(Layout(job.into).index if job.into else layout.index)


def _bounds(limits: BuildLimits) -> Bounds:
    """Return the bounds of one visit to a server: one that is silent for too long is left for the
    next."""
    from store.fetch.bounds import Bounds

    usual, silent = Bounds(), limits.max_silent
    if silent is None:
        return usual
    return replace(usual, connect=min(usual.connect, silent), silent=silent)


def unpack(layout: Layout, job: Job, emit: Callable[[Event], None]) -> Result:
    """Unpack archives into one tree and ingest it."""
    from store.unpack import extract as unpacking

    node = job.node
    assert isinstance(node, Resolved)
    started, began = unix_seconds(), time.monotonic()
    archives = [layout.object(oid) for oid in _archives(node)]
    options = unpacking.UnpackOptions.parse(
        [arg for arg in node.args if not arg.startswith("archive=")]
    )
    target = f"{job.work_dir}/tree"
    emit(Phase(job.digest, node.name, "unpack"))
    unpacking.unpack(archives, target, options, reserve=job.limits.disk_reserve)
    manifest = _ingested(layout, job, target, emit, candidates=job.closure)
    return Result((made("out", manifest),), "builtin", started, time.monotonic() - began)


def image(layout: Layout, job: Job, emit: Callable[[Event], None]) -> Result:
    """Write an image of the inputs and ingest it."""
    from store.jobs.image_job import write_image

    node = job.node
    assert isinstance(node, Resolved)
    started, began = unix_seconds(), time.monotonic()
    emit(Phase(job.digest, node.name, "write"))
    written = write_image(layout, node, job.closure, job.work_dir, job.limits.disk_reserve)
    manifest = _ingested(layout, job, written, emit, candidates=job.closure)
    return Result((made("out", manifest),), "builtin", started, time.monotonic() - began)


def _archives(node: Resolved) -> list[ObjectId]:
    """Return the objects to unpack. Each is an input: files that a build reads belong to its
    identity."""
    words = [arg.removeprefix("archive=") for arg in node.args if arg.startswith("archive=")]
    archives = [ObjectId.from_path(word) for word in words]
    for oid in archives:
        if oid not in node.inputs:
            raise BuildFailed(
                node.name,
                f"archive={oid.path} is not among its inputs",
                hint="in a recipe, name the archive by the reference of its source or package",
            )
    return archives


def build(layout: Layout, job: Job, emit: Callable[[object], None]) -> Result:
    """Run the builder in the sandbox and ingest its outputs."""
    from store.sandbox import reuse, runner

    node = job.node
    assert isinstance(node, Resolved)
    started, began = unix_seconds(), time.monotonic()
    request = requested(layout, job, node)
    reuse.shed(job.work_dir, request.inputs)
    ran = runner.run(request)
    _raise_for(node, ran, request)
    outputs = take_outputs(layout, job, node, emit)
    seconds = time.monotonic() - began
    return Result(outputs, ran.level, started, seconds, ran.log, ran.max_rss)


def take_outputs(
    layout: Layout, job: Job, node: Resolved, emit: Callable[[object], None]
) -> tuple[Made, ...]:
    """Ingest the outputs of a build, which are in its work folder; an output comes after the others
    that it refers to. OutputMissing, OutputRefused, or an error of this store."""
    from store.objects import ingest

    emit(Phase(job.digest, node.name, INGEST))
    os.chmod(f"{job.work_dir}/store", 0o700)  # the builder could take this right from itself
    scratch = scratch_ids(node, "" if job.variation is None else job.variation.salt)
    for output, oid in scratch.items():
        if not os.path.lexists(f"{job.work_dir}/store/{oid}"):
            raise OutputMissing(
                f"{node.name} succeeded without making its output {quoted(output)}",
                hint=f"the builder has to make {oid.path}",
            )
    named = {oid: output for output, oid in scratch.items()}
    manifests = ingest.ingest_outputs(
        job.into or layout.root,
        {oid: f"{job.work_dir}/store/{oid}" for oid in scratch.values()},
        candidates=job.closure,
        claims=job.claims,
        holders=_holders(layout, job),
        reserve=job.limits.disk_reserve,
        copied=lambda: emit(Copied()),
    )
    return tuple(made(named[oid], manifest) for oid, manifest in manifests.items())


def requested(layout: Layout, job: Job, node: Resolved) -> BuildRequest:
    """Return the sandbox's request for this job."""
    from store.sandbox.variation import CONTROL, apply

    variation = job.variation or CONTROL
    request = build_request(
        layout,
        node,
        job.closure,
        job.work_dir,
        job.limits,
        salt=variation.salt,
        log=job.log,
        jobserver=job.jobserver,
    )
    return request if variation is CONTROL else apply(variation, request)


def _raise_for(node: Resolved, ran: BuildResult, request: BuildRequest) -> None:
    if ran.stopped == "timeout":
        raise BuildTimeout(
            f"{node.name} ran longer than {limit_text(request.timeout or 0)}",
            hint="--timeout sets the bound",
        )
    if ran.stopped == "silent":
        raise BuildSilent(
            f"{node.name} wrote nothing to its log for {limit_text(request.max_silent or 0)}",
            hint="--max-silent-time sets the bound",
        )
    if ran.stopped == "log":
        raise LogTooLarge(
            f"{node.name} wrote more than {_size(request.max_log)} to its log",
            hint="--max-log-size sets the bound",
        )
    if ran.stopped == "disk":
        raise DiskReserve(
            f"{node.name} was stopped: less than {bytes_text(request.disk_reserve)} of disk, or "
            "hardly an inode, would have stayed free",
            hint="free some space; nothing that was finished is lost",
        )
    if ran.exec_error is not None:
        if os.statvfs(request.store_dir).f_flag & os.ST_NOEXEC:
            raise SandboxUnavailable(
                f"nothing in {request.store_dir} can be executed: it is mounted with noexec",
                hint="mount it without, or choose another place with --root or $STORE_ROOT",
            )
        raise BuildFailed(node.name, ran.exec_error)
    if ran.status != 0:
        raise BuildFailed(node.name, describe(ran.status), excerpt(request.log_path))


def _size(count: int) -> str:
    mebi = 1 << 20
    return f"{round(count / mebi, 1):g} MiB" if count >= mebi else f"{count} bytes"


def describe(status: int) -> str:
    """Return an exit status in words; negative is a signal."""
    if status < 0:
        try:
            return f"killed by {signal.Signals(-status).name}"
        except ValueError:
            return f"killed by signal {-status}"
    return f"exit status {status}"


_NEEDED = {
    "fetch": ("store.fetch.attempts", "store.objects.ingest"),
    "unpack": ("store.unpack.extract", "store.objects.ingest"),
    "image": ("store.jobs.image_job", "store.objects.ingest"),
    "build": ("store.sandbox.runner", "store.sandbox.variation", "store.objects.ingest"),
}


def preload(kind: str) -> None:
    """Import what jobs of this kind need, so that each process forked for one has it already."""
    for module in _NEEDED[kind]:
        importlib.import_module(module)


WORK = {"fetch": fetch, "unpack": unpack, "image": image, "build": build}


def perform(layout: Layout, kind: str, job: Job, send: Callable[[object], None]) -> Result:
    """Do a job of one of the kinds in ``WORK``; a build that fails may leave its tree for a look.

    Raises what the work raises: a BuildError, a SourceError, a StorageError.
    """
    try:
        return WORK[kind](layout, job, send)
    except Exception as error:
        if job.keep_failed and kind == "build":
            _keep(layout, job, error)
        raise


def _keep(layout: Layout, job: Job, error: Exception) -> None:
    kept = f"{layout.failed}/{os.path.basename(job.work_dir)}-{job.node.name}"
    os.rename(job.work_dir, kept)
    assert isinstance(job.node, Resolved)
    request = build_request(layout, job.node, job.closure, kept, job.limits)
    fd = owned.open_file(f"{kept}/{REQUEST}", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    record = asdict(request)
    del record["files"]  # they are in the tree, as the builder left them
    with open(fd, "w", encoding="utf-8") as stream:
        json.dump(record, stream, indent=1)
    if isinstance(error, StoreError):
        error.hint = f"its tree is kept at {kept}; `store enter {kept}` opens a shell in it"
