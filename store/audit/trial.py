"""One rebuild, in a process of its own: build, take in elsewhere, compare, keep trees if asked.

Nothing of it is registered: the outputs go to a store of their own inside the work folder.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import time
from dataclasses import dataclass, replace

from store.audit.compare import explained
from store.audit.outcomes import Trial, TrialOutcome
from store.job_errors import BuildError, SourceError
from store.jobs.job import Job, perform
from store.jobs.process import Send
from store.layout.paths import Layout
from store.local.directories import make_directories
from store.model.derivation import Source
from store.sandbox.log_limit import MAX_LOG
from store.system import removing
from store.system.durable import open_file

LOGS = ("original.log", "rebuilt.log")


@dataclass(frozen=True)
class Rebuild:
    """A trial with all that is needed to carry it out. ``kind`` is ``build`` or ``unpack``.

    ``shelf`` is the folder for logs, and for trees if ``keep``, of outputs that are not as
    expected.
    """

    kind: str
    trial: Trial
    shelf: str
    keep: bool = False


def carry_out(rebuild: Rebuild, layout: Layout, job: Job, send: Send) -> TrialOutcome:
    """Build again and compare. A build that fails is an outcome; StorageError and the like rise."""
    began = time.monotonic()
    aside = f"{job.work_dir}/root"
    make_directories(Layout(aside))
    job = replace(job, into=aside, log=f"{job.work_dir}/log", variation=rebuild.trial.variation)
    if rebuild.kind == "build":
        _touch(f"{job.work_dir}/log")
    try:
        result = perform(layout, rebuild.kind, job, send)
    except (BuildError, SourceError) as error:
        logs = _shelve(layout, rebuild, job, None) if rebuild.trial.shown else ()
        return TrialOutcome(time.monotonic() - began, error=error, logs=logs)
    outcome = TrialOutcome(result.seconds, {made.output: made.id for made in result.outputs})
    return _compared(layout, rebuild, job, outcome)


def _compared(layout: Layout, rebuild: Rebuild, job: Job, outcome: TrialOutcome) -> TrialOutcome:
    aside = job.into
    assert aside is not None
    differing = {
        output: next(oid for oid in objects if oid != outcome.objects[output])
        for output, objects in rebuild.trial.expected.items()
        if set(objects) != {outcome.objects[output]}
    }
    if not differing or not rebuild.trial.shown:
        return outcome
    differences = {
        output: explained(layout.root, expected, aside, outcome.objects[output])
        for output, expected in differing.items()
    }
    logs = _shelve(layout, rebuild, job, Layout(aside).objects if rebuild.keep else None)
    kept = {name: f"{rebuild.shelf}/store/{outcome.objects[name]}" for name in differing}
    return replace(outcome, differences=differences, logs=logs, kept=kept if rebuild.keep else {})


def _shelve(layout: Layout, rebuild: Rebuild, job: Job, objects: str | None) -> tuple[str, ...]:
    """Put the original's log, if it is there, the rebuild's and the folder ``objects`` onto the
    shelf, in place of what lay there. Returns the logs' paths.
    """
    fresh = f"{job.work_dir}/shelf"
    os.mkdir(fresh)
    originals = (layout.log(job.key), f"{job.work_dir}/log")
    for name, path in zip(LOGS, originals, strict=True):
        with contextlib.suppress(OSError):  # a log may be missing, or too much for the disk
            _copy(path, f"{fresh}/{name}")
    if objects is not None:
        # The folder, and not the objects: an ordinary user can only move what he may write to.
        os.rename(objects, f"{fresh}/store")
    logs = tuple(f"{rebuild.shelf}/{name}" for name in LOGS if os.path.exists(f"{fresh}/{name}"))
    os.makedirs(os.path.dirname(rebuild.shelf), exist_ok=True)
    _replace(fresh, rebuild.shelf)
    return logs


def _copy(path: str, target: str) -> None:
    """Copy the log at ``path``, or as much of it as a log has by default."""
    with open(open_file(path), "rb") as stream, open(target, "xb") as copy:
        left = MAX_LOG
        while left and (piece := stream.read(min(left, 1 << 20))):
            copy.write(piece)
            left -= len(piece)


def _replace(fresh: str, place: str) -> None:
    while True:
        removing.remove(place)
        try:
            os.rename(fresh, place)
            return
        except OSError as error:
            # Another audit of the same was quicker; the later one stays.
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise


def rehash(path: str, source: Source) -> str:
    """Return the fault of a fetched file in the store; empty when it has the hash that was asked
    for."""
    hasher = hashlib.sha256()
    with open(path, "rb") as stream:
        while chunk := stream.read(1 << 20):
            hasher.update(chunk)
        executable = bool(os.fstat(stream.fileno()).st_mode & 0o111)
    if hasher.hexdigest() != source.sha256:
        return f"sha256 {hasher.hexdigest()} instead of {source.sha256}"
    if executable != source.executable:
        return "executable" if executable else "not executable"
    return ""


def _touch(path: str) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
