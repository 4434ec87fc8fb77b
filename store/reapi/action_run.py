"""Running one action: followed until its end, over lost connections, and cancelled on request."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Final

from store.reapi import status
from store.reapi.blob import BlobDigest, Message, digest_message
from store.reapi.channel import CallFailed, Channel
from store.reapi.messages import message
from store.reapi.process_messages import ExecutionEnd, ExecutionStage

RECONNECTS: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds before each try to get back to an action, after the connection was lost."""

CANCEL: Final = 2.0
"""Seconds for asking that an action be cancelled, and before that, for its name."""

_CUT: Final = ("UNAVAILABLE", "CANCELLED")
"""Codes of a call whose connection was lost."""

_LOST: Final = (*_CUT, "INTERNAL", "UNKNOWN")
"""Codes of a call (not of an action) after which the action may still be going on."""

_LACKING: Final = ("FAILED_PRECONDITION", "NOT_FOUND")
"""Codes of a call to run an action of which the server lacks a part: it is to be sent again."""


class ActionRun:
    """One run of one action. ``operation`` is the server's name for it, while it goes on."""

    def __init__(self, channel: Channel, action: BlobDigest, *, skip_cache: bool) -> None:
        self._channel = channel
        self._action = action
        self._skip_cache = skip_cache
        self.operation = ""
        self._cancelling = threading.Lock()
        self._cancelled = False
        self._begun = False
        self._named = threading.Event()  # or it has ended without a name

    def follow(self) -> Iterator[ExecutionStage | ExecutionEnd]:
        """Yield each stage, then the end. Raises ServerUnusable."""
        try:
            yield from self._follow()
        finally:
            self._named.set()

    def _follow(self) -> Iterator[ExecutionStage | ExecutionEnd]:
        failures = 0
        while True:
            known = not self.operation  # by the server; one that has a name may be forgotten
            try:
                for found in self._operations():
                    failures, known = 0, True
                    self.operation = found.name
                    self._named.set()
                    if found.done:
                        self.operation = ""
                        yield _end(found)
                        return
                    yield ExecutionStage(_stage(found), found.name)
                raise CallFailed("UNAVAILABLE", "the answer ended before the action did")
            except CallFailed as error:
                if not known and error.code not in _CUT:
                    # The server has forgotten it, which servers say in many ways: begin again.
                    self.operation = ""
                    self._named.clear()
                elif error.code in _LACKING:
                    yield ExecutionEnd(b"", status.FAILED_PRECONDITION, error.message)
                    return
                elif error.code not in _LOST or failures >= len(RECONNECTS):
                    raise self._channel.unusable(error) from error
            if failures >= len(RECONNECTS):
                raise self._channel.unusable(CallFailed("UNAVAILABLE", "it forgets actions"))
            time.sleep(RECONNECTS[failures])
            failures += 1

    def _operations(self) -> Iterator[Message]:
        if self.operation:
            request = message("WaitExecutionRequest")(name=self.operation)
            return self._channel.stream("Execution.WaitExecution", request, silent=None)
        self._begun = True
        if self._cancelled:
            raise CallFailed("ABORTED", "the action was cancelled")
        request = message("ExecuteRequest")(
            instance_name=self._channel.instance,
            action_digest=digest_message(self._action),
            skip_cache_lookup=self._skip_cache,
        )
        return self._channel.stream("Execution.Execute", request, silent=None)

    def cancel(self) -> bool:
        """Ask the server to end it; returns whether it was asked. When this returns, an earlier
        call of another thread has ended, too."""
        with self._cancelling:
            self._cancelled = True
            if self._begun:
                # A server that runs it may not have said its name yet.
                self._named.wait(CANCEL)
            name, self.operation = self.operation, ""
            return bool(name) and self._ask_to_cancel(name)

    def _ask_to_cancel(self, name: str) -> bool:
        request = message("google.longrunning.CancelOperationRequest")(name=name)
        try:
            self._channel.unary(
                "google.longrunning.Operations.CancelOperation", request, timeout=CANCEL
            )
        except CallFailed:
            return False  # it is going to end by itself
        return True


def _stage(operation: Message) -> str:
    metadata = message("ExecuteOperationMetadata")()
    if not operation.metadata.Unpack(metadata):
        return "UNKNOWN"
    values = metadata.DESCRIPTOR.fields_by_name["stage"].enum_type.values_by_number
    found = values.get(metadata.stage)
    return found.name if found is not None else "UNKNOWN"


def _end(operation: Message) -> ExecutionEnd:
    if operation.HasField("error"):
        return ExecutionEnd(b"", operation.error.code, operation.error.message)
    response = message("ExecuteResponse")()
    if not operation.response.Unpack(response):
        return ExecutionEnd(b"", status.INTERNAL, "the server answered with something else")
    return ExecutionEnd(response.SerializeToString())
