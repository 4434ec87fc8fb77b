"""One build as an action on a server: sent, run, its outputs got and taken in.

It is done in a process of its own, as any job; the server does not see the store. The server's
sandbox is weaker than ours, and the record of the build says so.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Final

from store.display import quoted
from store.errors import FormatError, ServerUnusable
from store.events import Phase, Retrying
from store.farm.action_call import ActionCall
from store.farm.download import OutputDownload
from store.farm.encoded_action import EncodedAction
from store.farm.plain_action import plain_action
from store.job_errors import BuildFailed
from store.jobs.job import Job, describe, take_outputs
from store.jobs.log_excerpt import excerpt
from store.jobs.lower import build_request
from store.layout.paths import Layout
from store.model.derivation import Resolved
from store.model.result import Result
from store.reapi.blob import Message
from store.reapi.server import Server
from store.sandbox.request import BuildRequest
from store.system import removing
from store.system.clock import unix_seconds

LEVEL: Final = "remote"
"""The sandbox level of such a build."""

OUTPUTS: Final = {
    "output_files": "file",
    "output_directories": "folder",
    "output_symlinks": "link",
    "output_file_symlinks": "link",
    "output_directory_symlinks": "link",
}
"""The fields of a result that name outputs, with their kinds; the last two are of older servers."""


def remote_build(
    server: Server, layout: Layout, job: Job, emit: Callable[[object], None]
) -> Result:
    """Have a derivation built by a server, over the connection of the process that forked this
    one. Raises ServerUnusable, or as a build here."""
    assert isinstance(job.node, Resolved)
    server.adopt()
    try:
        return _RemoteBuild(server, layout, job, job.node, emit).run()
    finally:
        server.close()


class _RemoteBuild:
    def __init__(
        self,
        server: Server,
        layout: Layout,
        job: Job,
        node: Resolved,
        emit: Callable[[object], None],
    ) -> None:
        self._server = server
        self._layout = layout
        self._job = job
        self._node = node
        self._emit = emit
        self._folder = f"{job.work_dir}/store"

    def run(self) -> Result:
        started, began = unix_seconds(), time.monotonic()
        job, node = self._job, self._node
        request = build_request(
            self._layout, node, job.closure, job.work_dir, job.limits, log=job.log
        )
        self._phase("upload")
        action = plain_action(self._layout, self._server, request, node.system)
        call = ActionCall(self._server, node.name, self._phase, self._again)
        try:
            log = self._taken(call, action, request)
        except ServerUnusable:
            if not call.cached:
                raise
            # The server had the result, and may have lost a part of what that names.
            removing.remove(self._folder)
            log = self._taken(call, action, request, skip_cache=True)
        outputs = take_outputs(self._layout, job, node, self._emit)
        return Result(outputs, LEVEL, started, time.monotonic() - began, log)

    def _taken(
        self,
        call: ActionCall,
        action: EncodedAction,
        request: BuildRequest,
        *,
        skip_cache: bool = False,
    ) -> bytes:
        """Have the action run, and get its outputs; returns the digest of its log. Raises as
        :func:`remote_build`."""
        result = call.run(action, self._job.retries, skip_cache=skip_cache)
        log = call.write_log(result, request.log_path, request.max_log)
        if result.exit_code != 0:
            status = describe(result.exit_code)
            raise BuildFailed(self._node.name, status, excerpt(request.log_path))
        self._phase("download")
        self._download(request, result)
        return log

    def _phase(self, phase: str) -> None:
        self._emit(Phase(self._job.digest, self._node.name, phase))

    def _again(self, reason: str) -> None:
        self._emit(Retrying(self._job.digest, self._node.name, reason))

    # -- its result --

    def _download(self, request: BuildRequest, result: Message) -> None:
        os.makedirs(self._folder, exist_ok=True)
        download = OutputDownload(self._server, self._folder, request.disk_reserve)
        wanted = set(request.outputs)
        try:
            for name, kind in OUTPUTS.items():
                for each in getattr(result, name):
                    output = each.path.removeprefix("store/")
                    if output in wanted:
                        wanted.discard(output)
                        download.add(output, each, kind)
            download.run()
        except FormatError as error:
            raise ServerUnusable(f"{quoted(self._server.name)}: {error.message}") from error
