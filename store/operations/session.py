"""One use of a store and its recipes: the work of commands, for scripts too.

>>> from store import Session
>>> with Session("/tmp/mine") as session:
...     session.realise("make")
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from store.display import quoted
from store.errors import EvaluationError, NoStore, StoreFull
from store.job_errors import DiskReserve
from store.layout.paths import Layout, default_recipes, default_root, default_seed
from store.model.names import ObjectId
from store.reporting import SILENT, Reporter
from store.system.home import expand_home

if TYPE_CHECKING:
    from store.audit.rebuild import RebuildOptions
    from store.cache.cache_options import CacheOptions
    from store.gc.collector import CollectionOutcome
    from store.gc.policy import Policy
    from store.local.leases import Lease
    from store.local.store import Store
    from store.model.catalogue import Catalogue
    from store.model.derivation import Ref
    from store.model.verdict import AuditFinding
    from store.operations.lookup import Lookup
    from store.reapi.server import Server
    from store.recipes.catalogues import Unkept
    from store.sandbox.variation import Variation
    from store.scheduler.build_options import BuildOptions
    from store.scheduler.realise import Realiser
    from store.substitute.cached_nodes import CachedNodes
    from store.verify.finding import Finding

Absent = Literal["refuse", "make", "empty"]
"""Where there is no store: an error; a new one; or an empty one in its stead, which nobody sees."""

# Compiled where it is used: that takes longer than all else that is done with it.
_SEED = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"


class Session:
    """A store, and recipes on a seed. Both are opened when they are first needed.

    ``root`` is the store's folder (default: ``$STORE_ROOT``, or the user's own), ``recipes`` a
    folder of recipes (default: ``$STORE_RECIPES``, or those that come with the engine), ``seed`` a
    folder of ``bootstrap-seeds``. ``absent`` is the action where there is no store, ``reporter``
    receives the events of all that is done, and ``said`` each line that recipes print.

    Before the store is opened, ``collecting`` may be set, so that one on a full disk is opened to
    free space; and ``evaluation_seconds``, which bounds each evaluation of recipes. ``server`` is
    one that builds will be done by, if its connection was begun already.
    """

    def __init__(
        self,
        root: str | None = None,
        recipes: str | None = None,
        seed: str | None = None,
        *,
        absent: Absent = "make",
        reporter: Reporter = SILENT,
        said: Callable[[str], None] | None = None,
    ) -> None:
        self.root = os.path.abspath(expand_home(root)) if root else default_root()
        self.recipes = os.path.abspath(expand_home(recipes)) if recipes else default_recipes()
        self.seed = seed or default_seed()
        self.absent = absent
        self.reporter = reporter
        self.collecting = False
        self.evaluation_seconds: float | None = None
        self._refused: EvaluationError | None = None
        self._said = said
        self._unkept: list[Unkept] = []
        self.server: Server | None = None

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the store, if it was opened, and end the connection to a server."""
        opened = self.__dict__.pop("store", None)
        try:
            if self.server is not None:
                self.server.close()
        finally:
            if opened is not None:
                opened.close()

    @cached_property
    def store(self) -> Store:
        """The store. Raises NoStore, and what ``Store.open`` raises."""
        from store.local.store import Store

        if self.absent == "empty" and not may_be_store(self.root):
            return _open_empty()
        self.check_store()
        store = Store.open(self.root, collecting=self.collecting)
        while self._unkept:  # evaluated before there was a store
            self._unkept.pop().keep()
        return store

    def check_store(self) -> None:
        """Raise NoStore unless there is a store, or one is to be made."""
        if self.absent != "make" and not may_be_store(self.root):
            raise NoStore(self.root)

    @cached_property
    def catalogue(self) -> Catalogue:
        """The catalogue of the recipes, on the session's seed. Raises EvaluationError; then each
        time the same: another evaluation might last until its limit again."""
        if self._refused is not None:
            raise self._refused
        try:
            return self.catalogue_on(self.seed)
        except EvaluationError as error:
            self._refused = error
            raise

    def catalogue_on(self, seed: str) -> Catalogue:
        """Return the catalogue of the recipes on this seed; EvaluationError when there is no such
        seed."""
        if not re.fullmatch(_SEED, seed):
            raise EvaluationError(f"{quoted(seed)} cannot name a seed")
        from store.recipes import catalogues

        # A package may be misspelt: that alone makes no store.
        layout = self.store.layout if may_be_store(self.root) else Layout(self.root)
        return catalogues.load(
            f"{layout.index}/catalogue-{seed}",
            self.recipes,
            seed,
            seconds=self.evaluation_seconds,
            said=self._said,
            unkept=self._unkept,
        )

    @property
    def lookup(self) -> Lookup:
        """Finds objects by what a user says."""
        from store.operations.lookup import Lookup

        return Lookup(self.store, lambda: self.catalogue)

    def object(self, text: str) -> ObjectId:
        """Return the object that a path, a digest, the beginning of one, a link, or a package
        means.

        UnknownObject when the store does not hold it; NotRealised for a package.
        """
        return self.lookup.object(text)

    def path(self, oid: ObjectId) -> str:
        """Return where an object's tree is on this machine."""
        return self.store.layout.object(oid)

    def make_room(self, urgent: bool = False) -> bool:
        """Collect if the store's settings say so, and always when ``urgent``; returns whether there
        is more room than before."""
        from store.gc.auto_collector import AutoCollector

        return AutoCollector(self.store, self.reporter)(urgent)

    def realiser(
        self, options: BuildOptions | None = None, caches: CacheOptions | None = None
    ) -> Realiser:
        """Return the planner and builder. ``options`` bound its resources; ``caches`` are asked for
        missing objects (default: those of the settings)."""
        from store.scheduler.build_options import BuildOptions, default_cores
        from store.scheduler.realise import Realiser

        chosen = options or BuildOptions(jobs=default_cores(), cores=default_cores())
        return Realiser(
            self.store,
            self.catalogue,
            chosen,
            self.reporter,
            self.make_room,
            lambda: self._cached_nodes(caches, offline=chosen.offline),
            only_cached=caches is not None and caches.only,
            server=self.server,
        )

    def _cached_nodes(self, caches: CacheOptions | None, *, offline: bool) -> CachedNodes | None:
        from store.cache.cache_options import USUAL  # neither is needed where all is there
        from store.cache.named_caches import may_ask

        # Those of the root, where an empty store stands in for one that is not there yet.
        settings, wanted = Layout(self.root), caches or USUAL
        if not may_ask(wanted, settings):
            return None
        from store.operations.caches import cached_nodes

        emit = self.reporter.emit
        return cached_nodes(
            self.store, self.catalogue, wanted, emit, settings=settings, offline=offline
        )

    def realise(
        self,
        *packages: str,
        options: BuildOptions | None = None,
        caches: CacheOptions | None = None,
        link: str | None = None,
    ) -> dict[Ref, ObjectId]:
        """Take packages (``NAME``, ``NAME^OUTPUT``, ``NAME^*``) from caches, or build or fetch
        them; returns their outputs' objects.

        With ``link``, the first output is kept by a symbolic link of that path. Raises
        UnknownPackage, and the BuildError or FetchError of the first failure.
        """
        goals = [ref for package in packages for ref in self.catalogue.refs(package)]
        realiser = self.realiser(options, caches)
        # The target of a link is held until the link is there.
        with self.store.leases.begin() if link else nullcontext() as keep:
            objects = realiser.run(goals, keep)
            if link:
                self.store.roots.link(link, objects[goals[0]])
        return objects

    def add(
        self,
        path: str,
        name: str | None = None,
        *,
        link: str | None = None,
        keep: Lease | None = None,
    ) -> ObjectId:
        """Take a file or folder in, as ``name`` (default: its own), kept by a symbolic ``link``, or
        by a lease. Once more when the disk was too full and room could be made.

        Raises InvalidName, OutputRefused, DiskReserve or StorageError.
        """
        path = os.path.abspath(path)
        called = os.path.basename(path) if name is None else name
        self.make_room()
        with self.store.leases.begin() if keep is None else nullcontext(keep) as lease:
            try:
                oid = self.store.objects.add(path, called, lease)
            except (DiskReserve, StoreFull):
                if not self.make_room(True):
                    raise
                oid = self.store.objects.add(path, called, lease)
            if link:
                self.store.roots.link(link, oid)
        return oid

    def collect(self, policy: Policy | None = None) -> CollectionOutcome:
        """Delete objects that nothing keeps, within a policy (default: that of ``config.toml``)."""
        from store.gc.collector import Collector
        from store.gc.policy import Policy
        from store.gc.settings import load

        collector = Collector(self.store, self.reporter)
        collector.collect(load(self.store.layout).completed(policy or Policy()))
        return collector.outcome

    def audit(
        self,
        *packages: str,
        variations: Sequence[Variation] = (),
        options: RebuildOptions | None = None,
    ) -> list[AuditFinding]:
        """Build packages again, as they are and under these variations, and compare; a verdict for
        each output. Raises UnknownPackage, and errors that prevent all rebuilds."""
        from store.audit.rebuild import Auditor, RebuildOptions
        from store.audit.subjects import SubjectSurvey
        from store.scheduler.build_options import default_cores

        survey = SubjectSurvey(self.store, self.catalogue)
        survey.packages(packages)
        cores = default_cores()
        chosen = options or RebuildOptions(jobs=cores, cores=cores)
        auditor = Auditor(self.store, chosen, self.reporter)
        if survey.subjects:
            auditor.run(survey.subjects, variations)
        return survey.findings + auditor.findings

    def repair(
        self, source: str | None = None, builds: BuildOptions | None = None
    ) -> list[Finding]:
        """Read all of the store, replace damaged objects, and quarantine the others; returns the
        errors that are left.

        Objects come from equal files, from the store in the folder ``source``, and from fetches and
        ``builds``, where these are given.
        """
        from store.operations.repair import RepairPlan, repair
        from store.verify.verifier import Verifier

        verifier = Verifier(self.store, lambda finding: None, contents=True)
        if not verifier.run().errors:
            return []
        plan = RepairPlan([item.id for item in verifier.damaged], source, builds)
        list(repair(self.store, plan, self.reporter))
        return verifier.errors_left()


def may_be_store(root: str) -> bool:
    """Return whether anything of a store is at ``root``, or that cannot be seen."""
    layout = Layout(root)
    for path in (layout.index, layout.objects):
        try:
            os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            pass
        return True
    return False


def _open_empty() -> Store:
    """Return a store that is removed already; its open index serves until the process ends."""
    import tempfile

    from store.local.store import Store

    with tempfile.TemporaryDirectory(prefix="fixpoint-") as folder:
        return Store.open(f"{folder}/store")
