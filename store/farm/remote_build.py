"""One build as an action on a server: sent, run, its outputs got and taken in.

It is done in a process of its own, as any job; the server does not see the store. The server's
sandbox is weaker than ours, and the record of the build says so.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Final

from store.digest import file_digest
from store.display import printable, quoted
from store.errors import BuildFailed, BuildTimeout, FormatError, LogTooLarge, ServerUnusable
from store.events import Event, Phase
from store.farm.download import OutputDownload
from store.farm.plain_action import PlainAction, plain_action
from store.jobs.job import Job, describe, tail, take_outputs
from store.jobs.lower import build_request
from store.layout.paths import Layout
from store.model.derivation import Resolved
from store.model.result import Result
from store.reapi.action_run import ExecutionEnd
from store.reapi.blob import Message, read_digest
from store.reapi.endpoint import Endpoint
from store.reapi.messages import message
from store.reapi.server import Server
from store.sandbox.request import BuildRequest
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

PAUSE: Final = 1.0
"""Seconds before another try, after the server failed to run an action."""

_DEADLINE_EXCEEDED: Final = 4
_FAILED_PRECONDITION: Final = 9
_AGAIN: Final = frozenset((1, 2, 8, 10, 13, 14))
"""Codes of a server that may do better the next time: a worker that ended is one of them."""


def remote_build(
    endpoint: Endpoint, layout: Layout, job: Job, emit: Callable[[Event], None]
) -> Result:
    """Have a derivation built by a server. Raises ServerUnusable, or as a build here."""
    assert isinstance(job.node, Resolved)
    server = Server(endpoint)
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
        emit: Callable[[Event], None],
    ) -> None:
        self._server = server
        self._layout = layout
        self._job = job
        self._node = node
        self._emit = emit

    def run(self) -> Result:
        started, began = unix_seconds(), time.monotonic()
        job, node = self._job, self._node
        request = build_request(
            self._layout, node, job.closure, job.work_dir, job.limits, log=job.log
        )
        if not self._server.capabilities().executes:
            raise ServerUnusable(f"{quoted(self._server.name)} runs no actions")
        self._phase("upload")
        action = plain_action(self._layout, self._server, request, node.system)
        result = self._executed(request, action)
        log = self._write_log(request, result)
        if result.exit_code != 0:
            raise BuildFailed(node.name, describe(result.exit_code), tail(request.log_path))
        self._phase("download")
        self._download(request, result)
        outputs = take_outputs(self._layout, job, node, self._emit)
        return Result(outputs, LEVEL, started, time.monotonic() - began, log)

    def _phase(self, phase: str) -> None:
        self._emit(Phase(self._job.digest, self._node.name, phase))

    # -- running --

    def _executed(self, request: BuildRequest, action: PlainAction) -> Message:
        """Return the result of the action, with any exit code. Blobs that the server lacks are
        sent, and sent again when it has forgotten them meanwhile."""
        skip_cache = False
        for left in reversed(range(self._job.retries + 1)):
            self._send(action)
            response = self._response(self._end(action, skip_cache=skip_cache))
            code = response.status.code
            if code == 0 and response.result.exit_code != 0 and response.cached_result:
                skip_cache = True  # a failure that somebody had before; perhaps of the machine
                continue
            if code == 0:
                return response.result
            detail = printable(response.status.message[:300])
            if code == _DEADLINE_EXCEEDED:
                raise BuildTimeout(f"{self._node.name} took too long on the server: {detail}")
            if not left or code not in (*_AGAIN, _FAILED_PRECONDITION):
                break
            time.sleep(PAUSE)
        raise ServerUnusable(
            f"{quoted(self._server.name)} could not run {self._node.name}: {detail} (code {code})"
        )

    def _send(self, action: PlainAction) -> None:
        blobs = {blob.digest: blob for blob in action.blobs}
        lacking = self._server.missing(list(blobs))
        for _ in self._server.send([blob for each, blob in blobs.items() if each in lacking]):
            pass

    def _end(self, action: PlainAction, *, skip_cache: bool) -> ExecutionEnd:
        for found in self._server.execute(action.digest, skip_cache=skip_cache):
            if isinstance(found, ExecutionEnd):
                return found
            self._phase(found.stage.lower().replace("_", " "))
        raise ServerUnusable(f"{quoted(self._server.name)} did not end {self._node.name}")

    def _response(self, end: ExecutionEnd) -> Message:
        kind = message("ExecuteResponse")
        if not end.code:
            return kind.FromString(end.response)
        response = kind()
        response.status.code, response.status.message = end.code, end.detail
        return response

    # -- its result --

    def _write_log(self, request: BuildRequest, result: Message) -> bytes:
        """Write the log; returns its digest. LogTooLarge."""
        data = b"".join(self._outputs_of(request, result))
        with open(request.log_path, "wb") as stream:
            stream.write(data[: request.max_log])
        if len(data) > request.max_log:
            raise LogTooLarge(
                f"{self._node.name} wrote more than {request.max_log} bytes to its log",
                hint="--max-log-size sets the bound",
            )
        return file_digest(data)

    def _outputs_of(self, request: BuildRequest, result: Message) -> Iterator[bytes]:
        for name in ("stdout", "stderr"):
            raw: bytes = getattr(result, f"{name}_raw")
            if raw or not result.HasField(f"{name}_digest"):
                yield raw
                continue
            digest = read_digest(getattr(result, f"{name}_digest"))
            if digest.size > request.max_log:
                raise LogTooLarge(
                    f"{self._node.name} wrote {digest.size} bytes to its log",
                    hint="--max-log-size sets the bound",
                )
            yield self._server.read_small([digest], request.max_log).get(digest, b"")

    def _download(self, request: BuildRequest, result: Message) -> None:
        folder = f"{self._job.work_dir}/store"
        os.makedirs(folder, exist_ok=True)
        download = OutputDownload(self._server, folder, request.disk_reserve)
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
