"""An action that a server is asked to run: sent, followed until its end, and tried again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

from store.digest import file_digest
from store.display import printable, quoted
from store.errors import ServerUnusable
from store.farm.encoded_action import EncodedAction
from store.job_errors import BuildTimeout, LogTooLarge
from store.reapi import status
from store.reapi.blob import Message, blob_of, read_digest
from store.reapi.messages import message
from store.reapi.process_messages import ExecutionEnd
from store.reapi.server_calls import ServerCalls, send_blobs

PAUSE: Final = 1.0
"""Seconds before another try, after the server failed to run an action."""

_AGAIN: Final = frozenset(
    (
        status.CANCELLED,
        status.UNKNOWN,
        status.RESOURCE_EXHAUSTED,
        status.ABORTED,
        status.INTERNAL,
        status.UNAVAILABLE,
    )
)
"""Codes of a server that may do better the next time: a worker that ended is one of them."""


class ActionCall:
    """One action for ``name``; ``phase`` is called with each stage of it, and ``again`` with the
    reason that the server is going to be asked once more. ``cached`` is True if its result is one
    that the server had: of that, blobs may be lost."""

    def __init__(
        self,
        server: ServerCalls,
        name: str,
        phase: Callable[[str], None],
        again: Callable[[str], None],
    ) -> None:
        self._server = server
        self._name = name
        self._phase = phase
        self._again = again
        self.cached = False

    def run(self, action: EncodedAction, retries: int, *, skip_cache: bool = False) -> Message:
        """Return the result of the action, with any exit code. Blobs that the server lacks are
        sent, and sent again when it has forgotten or lost them meanwhile. ServerUnusable,
        BuildTimeout."""
        lost = False
        while True:
            self._send(action, again=lost)
            response = self._response(self._end(action, skip_cache=skip_cache))
            code, result = response.status.code, response.result
            self.cached = response.cached_result and not skip_cache
            if code == 0 and not (result.exit_code and self.cached):
                return result
            if code == 0:
                skip_cache = True  # a failure that somebody had before; perhaps of the machine
                continue
            detail = printable(response.status.message[:300])
            if code == status.DEADLINE_EXCEEDED:
                raise BuildTimeout(f"{self._name} took too long on the server: {detail}")
            failure = f"could not run {self._name}: {detail} (code {code})"
            if not retries or code not in (*_AGAIN, status.FAILED_PRECONDITION):
                raise ServerUnusable(f"{quoted(self._server.name)} {failure}")
            retries -= 1
            self._again(f"{self._server.name} {failure}")
            # It may believe that it has blobs which its disk lost.
            lost = code == status.INTERNAL and not lost
            time.sleep(PAUSE)

    def _send(self, action: EncodedAction, *, again: bool) -> None:
        if not again:
            send_blobs(self._server, action.blobs)
            return
        whole = {blob.digest: blob for blob in (*action.blobs, blob_of(b""))}
        for _ in self._server.send(list(whole.values())):
            pass

    def _end(self, action: EncodedAction, *, skip_cache: bool) -> ExecutionEnd:
        for found in self._server.execute(action.digest, skip_cache=skip_cache):
            if isinstance(found, ExecutionEnd):
                return found
            self._phase(found.stage.lower().replace("_", " "))
        raise ServerUnusable(f"{quoted(self._server.name)} did not end {self._name}")

    def _response(self, end: ExecutionEnd) -> Message:
        kind = message("ExecuteResponse")
        if not end.code:
            return kind.FromString(end.response)
        response = kind()
        response.status.code, response.status.message = end.code, end.detail
        return response

    def write_log(self, result: Message, path: str, most: int) -> bytes:
        """Write the log of a result; returns its digest. LogTooLarge."""
        data = b"".join(self._outputs_of(result, most))
        with open(path, "wb") as stream:
            stream.write(data[:most])
        if len(data) > most:
            raise LogTooLarge(
                f"{self._name} wrote more than {most} bytes to its log",
                hint="--max-log-size sets the bound",
            )
        return file_digest(data)

    def _outputs_of(self, result: Message, most: int) -> Iterator[bytes]:
        for name in ("stdout", "stderr"):
            raw: bytes = getattr(result, f"{name}_raw")
            if raw or not result.HasField(f"{name}_digest"):
                yield raw
                continue
            digest = read_digest(getattr(result, f"{name}_digest"))
            if digest.size > most:
                raise LogTooLarge(
                    f"{self._name} wrote {digest.size} bytes to its log",
                    hint="--max-log-size sets the bound",
                )
            yield self._server.read_small([digest], most).get(digest, b"")
