"""The upgrade of a profile before it is done: versions, sizes, and the work that it takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from store.errors import UnknownPackage, WithoutRecipe
from store.graph.resolver import BuildPlan
from store.local.store import Store
from store.model.names import ObjectId
from store.operations.profile_changes import ProfileChanges, WantedPackage, refuse_absent
from store.profiles.installed import Installed, InstalledPackage

if TYPE_CHECKING:
    from store.cache.cache_options import CacheOptions
    from store.operations.session import Session
    from store.scheduler.build_options import BuildOptions
    from store.scheduler.realise import Realiser
    from store.substitute.cache_sizes import CacheForecast


class UpgradeItem(NamedTuple):
    """A package of a profile, and its new state. ``objects`` are None where they are not known
    before a build, and so are sizes, in bytes of all that the package refers to.

    ``action`` is ``none``, ``take`` (it is in the store), ``download`` or ``build``; ``keep`` for a
    package that was installed as an object, ``lost`` for one that no recipe makes any more.
    """

    package: InstalledPackage
    version: str
    objects: tuple[ObjectId, ...] | None
    action: str
    size_before: int | None = None
    size_after: int | None = None
    download: int | None = None

    @property
    def is_change(self) -> bool:
        """True if the package would be another than now."""
        return self.action in ("take", "download", "build") or self.version != self.package.version


class UpgradePlan(NamedTuple):
    """The packages that were looked at, those to realise, and the work for that."""

    items: tuple[UpgradeItem, ...]
    wanted: tuple[WantedPackage, ...]
    work: BuildPlan
    forecast: CacheForecast | None = None

    @property
    def changes(self) -> list[UpgradeItem]:
        """The packages that would change."""
        return [item for item in self.items if item.is_change]


def plan_upgrade(
    session: Session,
    changes: ProfileChanges,
    names: Sequence[str] = (),
    options: BuildOptions | None = None,
    caches: CacheOptions | None = None,
) -> UpgradePlan:
    """Return the upgrade of these packages of a profile, or of all; nothing is taken or built.

    Raises UnknownObject for a package that is not installed, and WithoutRecipe or UnknownOutput
    for a named one that has no recipe any more.
    """
    profile = changes.profile
    installed = profile.packages(profile.current())
    refuse_absent(names, installed, profile.path)
    chosen = _chosen(installed, names)
    known = session.catalogue.packages
    wanted = {
        package.name: _wanted(changes, package)
        for package in chosen
        if not package.pinned and (names or package.name in known)
    }
    realiser = session.realiser(options, caches)
    work, forecast = realiser.forecast([ref for each in wanted.values() for ref in each.refs])
    outlook = _Outlook(session.store, realiser, work, forecast)
    items = [outlook.item(package, wanted.get(package.name)) for package in chosen]
    return UpgradePlan(tuple(items), tuple(wanted.values()), work, forecast)


def _wanted(changes: ProfileChanges, package: InstalledPackage) -> WantedPackage:
    try:
        return changes.wanted(package.request)
    except UnknownPackage as error:
        raise WithoutRecipe(package.name) from error


def _chosen(installed: Installed, names: Sequence[str]) -> list[InstalledPackage]:
    return [each for name, each in installed.packages.items() if not names or name in names]


class _Outlook:
    """Finds the new state of packages."""

    def __init__(
        self,
        store: Store,
        realiser: Realiser,
        work: BuildPlan,
        forecast: CacheForecast | None,
    ) -> None:
        self._store = store
        self._realiser = realiser
        self._todo = frozenset(work.nodes)
        self._forecast = forecast

    def item(self, package: InstalledPackage, wanted: WantedPackage | None) -> UpgradeItem:
        """Return the state of one package; ``wanted`` is its recipe's, if it has one."""
        if wanted is None:
            action = "keep" if package.pinned else "lost"
            return UpgradeItem(package, package.version, package.objects, action)
        objects = self._objects(wanted)
        return UpgradeItem(
            package,
            wanted.version,
            objects,
            self._action(package, wanted, objects),
            self._size(package.objects),
            None if objects is None else self._size(objects),
            None if objects is None else self._download(objects),
        )

    def _objects(self, wanted: WantedPackage) -> tuple[ObjectId, ...] | None:
        """Return the objects that the outputs are known to be; None if one has to be built."""
        found: list[ObjectId] = []
        for ref in wanted.refs:
            cached = self._forecast.nodes.get(ref.node) if self._forecast else None
            if cached is not None:
                found += cached
            elif ref.node in self._todo:
                return None
            else:
                found.append(self._realiser.resolver.object(ref))
        return tuple(dict.fromkeys(found))

    def _action(
        self,
        package: InstalledPackage,
        wanted: WantedPackage,
        objects: tuple[ObjectId, ...] | None,
    ) -> str:
        if objects is None:
            return "build"
        if self._forecast and any(ref.node in self._forecast.nodes for ref in wanted.refs):
            return "download"
        return "none" if objects == package.objects else "take"

    def _all(self, objects: Iterable[ObjectId]) -> set[ObjectId]:
        """Return the objects and all that they refer to, here and in caches."""
        offered = self._forecast.objects if self._forecast else {}
        found = set(objects)
        for oid in tuple(found):
            if oid in offered:
                found.update(offered[oid].closure)
        here = [oid for oid in found if self._store.objects.present(oid)]
        return found.union(self._store.objects.closure(here))

    def _size(self, objects: Iterable[ObjectId]) -> int | None:
        offered = self._forecast.objects if self._forecast else {}
        missing = [oid for oid in self._all(objects) if oid in offered]
        here = [oid for oid in self._all(objects) if oid not in offered]
        if not all(map(self._store.objects.present, here)):
            return None
        return self._store.objects.total_size(here) + sum(offered[o].unpacked for o in missing)

    def _download(self, objects: Iterable[ObjectId]) -> int:
        offered = self._forecast.objects if self._forecast else {}
        return sum(offered[oid].packed for oid in self._all(objects) if oid in offered)
