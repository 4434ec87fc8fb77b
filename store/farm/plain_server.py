"""A server that runs builds in a sandbox of its own, each as a plain action."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial

from store.farm.remote_build import remote_build
from store.jobs.executor import Task
from store.local.leases import Lease
from store.local.store import Store
from store.model.derivation import Derivation
from store.model.names import ObjectId
from store.reapi.server import Server, executing


class PlainServer:
    """Runs builds, as far as it has no share yet. Their outputs are taken into the store at once;
    fetches, unpacking, and builds that have work of their own are done here."""

    waits = False

    def __init__(self, store: Store, server: Server) -> None:
        self._store = store
        self._server = executing(server)
        self._work = partial(remote_build, self._server)

    def wants(self, task: Task) -> bool:
        """Return whether it is a usual build."""
        return task.kind == "build" and not task.action

    def sent(self, task: Task) -> Task:
        """Return the task of a process here that has the server run the build."""
        return replace(task, action=self._work, claims=True)

    def taken(self, _: Task, value: object) -> object:
        """Return the value: the process has taken the outputs in."""
        return value

    def prepare(self) -> None:
        """Do nothing: there is nothing to bring."""

    def close(self) -> None:
        """End the connection."""
        self._server.close()

    def closure_names(self, roots: Collection[ObjectId]) -> Sequence[str]:
        """Return the ``<digest>-<name>`` of the roots and of all that they refer to."""
        return self._store.objects.closure_names(roots)

    def bring(
        self, nodes: Mapping[bytes, Derivation], wanted: Collection[bytes], lease: Lease
    ) -> None:
        """Do nothing: all results are in this store."""
