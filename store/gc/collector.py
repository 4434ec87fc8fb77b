"""Collecting: in rounds, of which each takes objects out of the index and the store directory in
short transactions, and then gives their space back.

docs/collector.md has the protocol by which builds that go on meanwhile lose nothing.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from store.errors import Busy, StoreFull
from store.events import Collected, CollectorPhase
from store.gc.downloads import abandoned
from store.gc.kept_trees import Expired, expired, leaving
from store.gc.logs import removable
from store.gc.marking import Marking
from store.gc.plan import CollectionPlan, make_plan
from store.gc.policy import Policy
from store.gc.removal import DeadRemoval
from store.index.content_table import ContentTable
from store.local.equal_files import reconcile
from store.local.object_removal import Batch, ObjectRemoval, unregistered
from store.local.root_snapshot import NamedRoot
from store.local.store import Store
from store.model.names import ObjectId
from store.profiles.old_generations import delete_old
from store.reporting import SILENT, Reporter
from store.system.locks import LockFile
from store.system.unfinished import sweep
from store.usage.space import SpaceForecast

ROUND = 4096
"""Objects that are taken out before their space is given back."""

FEW = 8
"""Objects that are looked at first for what they would free; each time twice as many after that."""

CROWD = 100
"""Roots whose links are looked at in one transaction."""

_EVERY = 0.2


@dataclass
class CollectionOutcome:
    """The result of a run. ``freed`` bytes by the disk's blocks; ``longest_hold`` the longest time
    in seconds for which a writer may have had to wait for it. ``refused`` are the paths that the
    system did not let go of, with its reasons; ``undeleted`` the objects among them.
    ``generations`` were deleted, by the paths of their profiles."""

    deleted: list[ObjectId] = field(default_factory=list)
    freed: int = 0
    downloads: int = 0
    logs: int = 0
    trees: int = 0
    generations: dict[str, list[int]] = field(default_factory=dict)
    dropped_roots: int = 0
    dropped_leases: int = 0
    longest_hold: float = 0.0
    seconds: float = 0.0
    refused: dict[str, str] = field(default_factory=dict)
    undeleted: dict[ObjectId, str] = field(default_factory=dict)


class Collector:
    """One run in one store. Only one process collects at a time (Busy)."""

    def __init__(self, store: Store, reporter: Reporter = SILENT) -> None:
        self._store = store
        self._reporter = reporter
        self._told = 0.0
        self.outcome = CollectionOutcome()
        self.removal = DeadRemoval(store.layout, self._freed)

    def collect(self, policy: Policy) -> CollectionPlan:
        """Free what the policy asks for. Interrupted anywhere, it leaves work for the next run, and
        nothing half-done that another process could see."""
        layout = self._store.layout
        with self._alone(), expired(layout, policy) as kept:
            if policy.keep_generations is not None:
                self._phase("generations")
                self.outcome.generations = delete_old(self._store, policy.keep_generations)
            plan = make_plan(self._store, policy, self._phase, leaving=leaving(layout, kept))
            self._store.roots.note_unseen(plan.holders.roots)
            self._note_now(plan.ahead)
            self._drop_roots(plan.holders.dead)
            self._drop_logs(policy)
            self._drop_downloads(policy)
            self._drop_kept(policy, kept)
            self._take(plan)
            if not policy.bounded:
                self._sweep()
        return plan

    def _note_now(self, numbers: Sequence[int]) -> None:
        """Note a use now for objects whose use a wrong clock put into the future: from now on that
        has an end."""
        with self._store.index.read() as txn:
            oids = [txn.by_number.id(number) for number in numbers]
        self._store.leases.note_used(oids)

    def delete(self, numbers: Sequence[int], marking: Marking) -> None:
        """Delete these dead objects, each before what it refers to, and nothing else."""
        self._round(numbers, marking)

    # -- being the only one --

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        with collecting(self._store):
            began = time.monotonic()
            self._phase("leftovers")
            # Again: the disk may have become full since the store was opened.
            self._store.index.spend_reserve()
            self.removal.empty_trash()
            self._store.workspaces.remove_stale()
            self._sweep_unfinished()
            self._store.index.write(lambda txn: txn.journal.start())
            self.outcome.dropped_leases = self._store.leases.drop_stale()
            try:
                yield
            finally:
                with contextlib.suppress(StoreFull):
                    self._store.index.write(lambda txn: txn.journal.end())
                self._store.index.keep_reserve()
            self.outcome.freed = self.removal.freed
            self.outcome.refused.update(self.removal.left)
            self.outcome.seconds = time.monotonic() - began
            self._reporter.emit(
                Collected(len(self.outcome.deleted), self.outcome.freed, self.outcome.seconds)
            )

    def alone(self) -> contextlib.AbstractContextManager[None]:
        """Begin and end a run, for a process that deletes."""
        return self._alone()

    def _sweep_unfinished(self) -> None:
        # Each writer sweeps its folder. Here, for those that nobody writes to for long.
        layout = self._store.layout
        for folder in (layout.root, layout.index, layout.profiles):
            sweep(folder)

    # -- roots --

    def _drop_roots(self, dead: Sequence[NamedRoot]) -> None:
        for start in range(0, len(dead), CROWD):
            crowd = dead[start : start + CROWD]
            self.outcome.dropped_roots += self._store.roots.drop_dead(crowd)

    # -- logs, downloads and kept trees --

    def _drop_logs(self, policy: Policy) -> None:
        for log in removable(self._store, policy):
            if policy.wanted(self.removal.freed, self._store.disk.free_bytes()) == 0:
                return
            freed = log.remove(self._store)
            self.removal.add(freed)
            self.outcome.logs += freed > 0

    def _drop_downloads(self, policy: Policy) -> None:
        for download in abandoned(self._store.layout, policy):
            if policy.wanted(self.removal.freed, self._store.disk.free_bytes()) == 0:
                return
            freed = download.remove()
            self.removal.add(freed)
            self.outcome.downloads += freed > 0

    def _drop_kept(self, policy: Policy, kept: Sequence[Expired]) -> None:
        for item in kept:
            if policy.wanted(self.removal.freed, self._store.disk.free_bytes()) == 0:
                return
            self.removal.remove(item.folder, item.name)
            self.outcome.trees += not os.path.lexists(item.path)

    # -- objects --

    def _take(self, plan: CollectionPlan) -> None:
        at = 0
        while at < len(plan.dead):
            wanted = plan.policy.wanted(self.removal.freed, self._store.disk.free_bytes())
            if wanted == 0:
                return
            end = self._end_of_round(plan, at, wanted)
            self._round(plan.dead[at:end], plan.marking)
            at = end
            self._phase("deleting", at, len(plan.dead))

    def _end_of_round(self, plan: CollectionPlan, start: int, wanted: int | None) -> int:
        """Return the end of a round that takes out no more than is wanted, by the blocks on the
        disk, as the plan shows it: the sum of files' own sizes is less by far where they are
        small."""
        end = min(start + ROUND, len(plan.dead))
        if wanted is None:
            return end
        forecast, few = SpaceForecast(self._store), FEW
        with self._store.index.read() as txn:
            while start < end:
                crowd = plan.dead[start : min(start + few, end)]
                for freed in forecast.freed_by(txn.by_number.names(crowd)):
                    start += 1
                    wanted -= freed
                    if wanted <= 0:
                        return start
                few *= 2
        return end

    def _round(self, numbers: Sequence[int], marking: Marking) -> None:
        leaving = ObjectRemoval(self._store)
        try:
            at, before = 0, len(self.outcome.deleted)
            while at < len(numbers):
                # Large changes are looked at without a lock first.
                with self._store.index.read() as txn:
                    marking.refresh(txn)
                batch = leaving.take(numbers[at:], marking.refresh)
                at += batch.done
                self._note(batch)
            self._forget(self.outcome.deleted[before:])
            self._give_back(leaving)
        finally:
            leaving.close()

    def _note(self, batch: Batch) -> None:
        self.outcome.deleted += batch.taken
        self._refused(batch.refused)
        self._held(batch.held)

    def _forget(self, gone: Sequence[ObjectId]) -> None:
        if gone:
            ContentTable(self._store.layout.index).forget(oid.digest for oid in gone)

    def _give_back(self, leaving: ObjectRemoval) -> None:
        leaving.sync()
        self.outcome.refused.update(leaving.remove_in_place())
        self.removal.empty_run(leaving.folder)

    def _refused(self, objects: Sequence[tuple[ObjectId, str]]) -> None:
        self.outcome.undeleted.update(objects)

    def _held(self, seconds: float) -> None:
        self.outcome.longest_hold = max(self.outcome.longest_hold, seconds)

    # -- what nobody knows --

    def _sweep(self) -> None:
        """Sweep the leftovers of killed processes, from before the index knew of them, or after it
        had forgotten them."""
        self._phase("strays")
        with self._store.index.read() as txn:
            found = unregistered(self._store.layout, txn)
        leaving = ObjectRemoval(self._store)
        try:
            way = leaving.sweep(found.names)
            self.outcome.deleted += way.left
            self._forget(way.left)
            self._refused(way.refused)
            self._held(way.held)
            leaving.clear_swaps(found.swapped)
            self._give_back(leaving)
        finally:
            leaving.close()
        self._phase("shared files")
        reconcile(self._store.layout, self._store.index)

    # -- telling --

    def _phase(self, name: str, done: int = 0, total: int | None = None) -> None:
        self._told = time.monotonic()
        self._reporter.emit(CollectorPhase(name, done, total, self.removal.freed))

    def _freed(self, freed: int) -> None:
        if time.monotonic() - self._told > _EVERY:
            self._phase("removing")


@contextlib.contextmanager
def collecting(store: Store) -> Iterator[None]:
    """Hold the right to collect; Busy when another process has it."""
    store.check_writable()
    lock = LockFile(f"{store.layout.locks}/collector").try_lock(0)
    if lock is None:
        raise Busy("another process is collecting in this store", hint="wait until it has finished")
    try:
        yield
    finally:
        lock.release()
