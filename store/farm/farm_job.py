"""A build by a worker of ours as its master sees it: done in the process that speaks to the server.

A process for each would cost more than a small build itself.
"""

from __future__ import annotations

from store.jobs.process import received
from store.reapi.process_messages import StreamEnd
from store.reapi.server import Server
from store.reapi.server_calls import ServedWork


class FarmJob:
    """One build, with the face of a :class:`~store.jobs.process.JobWorker`."""

    renewed = True
    """Its work folder is as it was. To make one for each build, and remove it, took a quarter of
    this process's time."""

    def __init__(self, server: Server, work: ServedWork, name: str) -> None:
        self._name = name
        self._ended = False
        self._stream = server.perform(work)
        self.connection = self._stream.connection
        self.pid = self._stream.pid

    def receive(self) -> object:
        """Return the next message; a StoreError when the process died without a last word."""
        message = received(self.connection, self._name)
        self._ended = isinstance(message, StreamEnd)
        return message

    def reap(self) -> None:
        """Free the connection for another build."""
        if self._ended:
            self._stream.release()
        else:
            self._stream.cancel()

    def kill(self) -> None:
        """Have the action cancelled."""
        self._stream.cancel()
