"""Changes of the system that a machine of this distribution runs.

A generation of the system is one of the profile ``system`` in the machine's store, with the system
as its only package. So it is kept from collections, and switching is one rename.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from store.activation.kernels import Kernel, kernel_of, refusal, running_kernel
from store.activation.running import IMAGE, NEEDED, ROOT, activate, forgive, running
from store.display import quoted
from store.errors import UnknownObject, UsageError
from store.local.leases import Lease
from store.model.catalogue import SYSTEMS
from store.model.derivation import Ref
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.model.tree_paths import find
from store.operations.profile_changes import ProfileChanges, ProfileStep, WantedPackage
from store.operations.system_difference import SystemDifference, differences
from store.profiles.generations import Generation
from store.profiles.profile import Profile, ProfileCommands

if TYPE_CHECKING:
    from store.cache.cache_options import CacheOptions
    from store.operations.session import Session
    from store.scheduler.build_options import BuildOptions
    from store.substitute.cache_sizes import CacheForecast

NAME: Final = "system"
"""The name of the profile; process 1 knows it, too."""

COMMANDS: Final = ProfileCommands(
    "store system list",
    "store system rollback N",
    "`store system list` lists those that are there",
)


class NextKernel(NamedTuple):
    """The kernel of the system that was chosen, where another one runs. ``refusal`` is the reason
    why the running kernel cannot start it; None if it will, as soon as the machine reboots."""

    kernel: Kernel
    refusal: str | None


class SystemChanges:
    """Changes the system of this machine. ``options`` and ``caches`` are those of realising it.

    Every change raises UsageError, before anything is done, where this is no machine of ours. So it
    does where the session's store is not the one that the machine starts from.
    """

    def __init__(
        self,
        session: Session,
        options: BuildOptions | None = None,
        caches: CacheOptions | None = None,
    ) -> None:
        self._session = session
        self._options = options
        self._caches = caches
        self.changes: Final = ProfileChanges(
            session, f"{ROOT}/profiles/{NAME}", options, caches, commands=COMMANDS
        )

    @property
    def profile(self) -> Profile:
        """The profile with the generations."""
        return self.changes.profile

    def check(self) -> None:
        """Raise UsageError where no system can be changed."""
        running()
        if os.path.realpath(self._session.root) != os.path.realpath(ROOT):
            raise UsageError(
                f"the machine starts from the store {ROOT}, and not from "
                f"{quoted(self._session.root)}",
                hint="leave out --root, and unset STORE_ROOT",
            )

    def wanted(self, text: str) -> WantedPackage:
        """Return the system that a name means, with or without its ``system.``, or an object's
        path. Raises UnknownPackage or UnknownObject."""
        if "/" in text:
            return self.changes.wanted(text)
        from store.operations.image_plan import full_name

        return self.changes.wanted(full_name(self._session.catalogue, text))

    def build(self, text: str) -> list[ObjectId]:
        """Realise a system on any machine; its object. Raises as :meth:`choose`."""
        wanted = self.wanted(text)
        self._check_kind(wanted)
        realiser = self._session.realiser(self._options, self._caches)
        return list(realiser.run(wanted.refs).values()) if wanted.refs else []

    def choose(self, text: str, *, now: bool) -> ProfileStep:
        """Realise a system, and make it the one that the machine starts; with ``now``, the running
        one, too. Raises the errors of realising, and UsageError where it is no system."""
        self.check()
        wanted = self.wanted(text)
        self._check_kind(wanted)
        with self._session.store.leases.begin() as lease:
            self.take_from_image(wanted.refs, lease)
            return self._chosen(self.changes.only([wanted]), now=now)

    def replace(self, wanted: Sequence[WantedPackage], *, now: bool) -> ProfileStep:
        """Step to a generation with the new state of the system."""
        self.check()
        with self._session.store.leases.begin() as lease:
            self.take_from_image([ref for each in wanted for ref in each.refs], lease)
            return self._chosen(self.changes.replace(wanted), now=now)

    def rollback(self, number: int | None = None) -> ProfileStep | None:
        """Go back to the generation before the current one, or to that with a number. Before the
        first comes the image's own system, for which this returns None. Raises UnknownObject."""
        self.check()
        if number is None and not self._older():
            with self.profile.locked():
                if self.profile.current_number() is None:
                    raise UnknownObject("the machine runs its image's own system already")
                self.profile.leave()
            activate(IMAGE, 0)
            return None
        step = self.changes.rollback() if number is None else self.changes.switch(number)
        return self._chosen(step, now=True)

    def _older(self) -> bool:
        current = self.profile.current_number() or 0
        return any(each.number < current for each in self.profile.generations())

    def take_from_image(self, refs: Sequence[Ref], lease: Lease) -> list[ObjectId]:
        """Take those objects that caches would have to send from the machine's own image, as far as
        they are there; each is checked. Returns them."""
        if not refs:  # a system by its path: no recipe has to be evaluated for it
            return []
        realiser = self._session.realiser(self._options, self._caches)
        _, forecast = realiser.forecast(refs)
        found = list(_in_image(forecast))
        if found:
            from store.substitute.directory import StoreDirectory
            from store.substitute.importing import import_objects

            import_objects(self._session.store, StoreDirectory(IMAGE), found, lease)
        return found

    def next_kernel(self) -> NextKernel | None:
        """Return the kernel of the system that was chosen, where another one runs. Raises
        UnknownObject where a file of it is missing, and StorageError."""
        current = self.profile.current()
        tree = IMAGE
        if current is not None:
            tree = self._session.store.layout.object(self.system(current))
        kernel = kernel_of(tree)
        return None if kernel.name == running_kernel() else NextKernel(kernel, refusal(kernel))

    def chosen(self) -> Generation:
        """Return the generation that was chosen. Raises UnknownObject where there is none yet."""
        current = self.profile.current()
        if current is None:
            raise UnknownObject(
                "the machine runs its image's own system, and no generation was chosen yet",
                hint="`store system switch NAME` makes the first one",
            )
        return current

    def system(self, generation: Generation) -> ObjectId:
        """Return the object of a generation's system. Raises UnknownObject and CorruptObject."""
        (package,) = self.profile.packages(generation).packages.values()
        return package.objects[0]

    def differences(self, before: ObjectId | None, after: ObjectId) -> list[SystemDifference]:
        """Return the packages and services that differ between two systems."""
        return differences(self._session.store, before, after)

    def _chosen(self, step: ProfileStep, *, now: bool) -> ProfileStep:
        assert step.generation is not None
        oid = self.system(step.generation)
        forgive(step.generation.number)
        if now:
            activate(self._session.store.layout.object(oid), step.generation.number)
        return step

    def _check_kind(self, wanted: WantedPackage) -> None:
        if wanted.object is None:
            if self._session.catalogue.package(wanted.name).group == SYSTEMS:
                return
            reason = "it is a package"
        else:
            manifest = self._session.store.objects.manifest(wanted.object)
            reason = ", ".join(_missing(manifest))
            if not reason:
                return
        raise UsageError(
            f"{quoted(wanted.request)} is no system: {reason}",
            hint="`store list --group systems` names systems",
        )


def _missing(manifest: Manifest) -> Iterator[str]:
    for path in NEEDED:
        try:
            find(manifest, path.encode(), follow=False)
        except UnknownObject:
            yield f"it has no {path}"


def _in_image(forecast: CacheForecast | None) -> Iterator[ObjectId]:
    if forecast is not None:
        for oid in forecast.objects:
            if os.path.isfile(f"{IMAGE}/manifests/{oid}"):
                yield oid
