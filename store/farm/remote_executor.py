"""An executor that has some builds run by a server, beside those on this machine."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from store.farm.remote_build import remote_build
from store.jobs.executor import Task
from store.jobs.local_executor import LocalExecutor
from store.local.leases import Lease
from store.local.store import Store
from store.model.derivation import Derivation
from store.model.names import ObjectId
from store.reapi.endpoint import Endpoint
from store.reapi.server import executing


class RemoteExecutor:
    """Runs up to ``most`` builds on a server; other builds, and all fetches and unpacking, here.

    Each remote build has a process here, which takes no processor from the pool.
    """

    def __init__(self, store: Store, local: LocalExecutor, endpoint: Endpoint, most: int) -> None:
        self._store = store
        self._local = local
        self._server = executing(endpoint)
        self._work = partial(remote_build, self._server)
        self._most = most
        self._remote: set[bytes] = set()

    @property
    def active(self) -> Sequence[Task]:
        """The tasks that have not ended."""
        return self._local.active

    @property
    def stalled(self) -> Sequence[Task]:
        """Those of the active fetches that have not got a byte for some seconds."""
        return self._local.stalled

    @property
    def settling(self) -> Sequence[Task]:
        """Those of the active builds that only wait for the disk, and need no processor."""
        return self._local.settling

    @property
    def idle(self) -> bool:
        """True if no process is left that works, or tidies up after its task."""
        return self._local.idle

    def submit(self, task: Task) -> bool:
        """Begin a task; False when the server has its share, and a token is lacking here."""
        self._remote &= {each.id for each in self.active}
        if task.kind != "build" or task.action or len(self._remote) >= self._most:
            return self._local.submit(task)
        begun = self._local.submit(
            replace(
                task,
                token=False,
                cores=1,
                action=self._work,
                claims=True,
                log=self._store.start_log(task.key),
            )
        )
        self._remote.add(task.id)
        return begun

    def ended(self, *, pending: bool) -> Iterator[tuple[Task, object]]:
        """Wait for a moment; yield each task that ended meanwhile, with its value or error."""
        yield from self._local.ended(pending=pending)

    def cancel(self, task: Task) -> None:
        """End a task at once; the server is asked to, if it has it."""
        self._local.cancel(task)

    def close(self) -> None:
        """Cancel every task."""
        self._local.close()
        self._server.close()

    def closure_names(self, roots: Collection[ObjectId]) -> Sequence[str]:
        """Return the ``<digest>-<name>`` of the roots and of all that they refer to."""
        return self._local.closure_names(roots)

    def bring(
        self, nodes: Mapping[bytes, Derivation], wanted: Collection[bytes], lease: Lease
    ) -> None:
        """Do nothing: all results are in this store."""
