"""One rebuild, in a process of its own: build, take in elsewhere, compare, keep what is asked for.

Nothing of it is registered: the outputs go to a store of their own inside the work folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
from dataclasses import dataclass, replace

from store.audit.causes import Outcome, Trial
from store.audit.compare import explained
from store.build import cleaning
from store.errors import BuildError, SourceError
from store.layout import Layout
from store.model.derivation import Source
from store.store import make_directories
from store.work.job import Job, perform
from store.work.process import Send


@dataclass(frozen=True)
class Rebuild:
    """A trial with all that is needed to carry it out. ``kind`` is ``build`` or ``unpack``.

    ``shelf`` is the folder for logs, and for trees if ``keep``, of what is not as expected.
    """

    kind: str
    job: Job
    trial: Trial
    shelf: str
    keep: bool = False


def carry_out(layout: Layout, rebuild: Rebuild, send: Send) -> Outcome:
    """Build again and compare. A build that fails is an outcome; StorageError and the like rise."""
    began = time.monotonic()
    job = rebuild.job
    aside = f"{job.work_dir}/root"
    make_directories(Layout(aside))
    job = replace(job, into=aside, log=f"{job.work_dir}/log", variation=rebuild.trial.variation)
    if rebuild.kind == "build":
        _touch(f"{job.work_dir}/log")
    try:
        result = perform(layout, rebuild.kind, job, send)
    except (BuildError, SourceError) as error:
        logs = _keep_logs(layout, rebuild) if rebuild.trial.shown else ()
        return Outcome(time.monotonic() - began, error=error, logs=logs)
    outcome = Outcome(result.seconds, {made.output: made.id for made in result.outputs})
    return _compared(layout, rebuild, aside, outcome)


def _compared(layout: Layout, rebuild: Rebuild, aside: str, outcome: Outcome) -> Outcome:
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
    logs = _keep_logs(layout, rebuild)
    kept = {}
    if rebuild.keep:
        # The folder, and not the objects: an ordinary user can only move what he may write to.
        os.rename(Layout(aside).objects, f"{rebuild.shelf}/store")
        kept = {output: f"{rebuild.shelf}/store/{outcome.objects[output]}" for output in differing}
    return replace(outcome, differences=differences, logs=logs, kept=kept)


def _keep_logs(layout: Layout, rebuild: Rebuild) -> tuple[str, ...]:
    """The original's log, if it is there, and the rebuild's; what lay on the shelf is removed."""
    cleaning.remove(rebuild.shelf)
    os.makedirs(rebuild.shelf)
    kept = []
    for name, path in (
        ("original.log", layout.log(rebuild.job.key)),
        ("rebuilt.log", f"{rebuild.job.work_dir}/log"),
    ):
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(path, f"{rebuild.shelf}/{name}")
            kept.append(f"{rebuild.shelf}/{name}")
    return tuple(kept)


def rehash(path: str, source: Source) -> str:
    """What is wrong with a fetched file in the store; empty when it has the hash that was asked
    for.
    """
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
