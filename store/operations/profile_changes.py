"""Changes of a profile: packages are realised first, and then the profile takes one step."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from store.display import printable, quoted
from store.errors import CorruptObject, StoreFull, UnknownObject, UsageError
from store.job_errors import DiskReserve
from store.layout.paths import default_profile
from store.local.leases import Lease
from store.model.derivation import Ref
from store.model.names import ObjectId
from store.profiles.generations import Generation, profile_of
from store.profiles.installed import USUAL_PRIORITY, Installed, InstalledPackage
from store.profiles.launcher import put_launcher
from store.profiles.profile import OF_PROFILES, Profile, ProfileCommands
from store.system.home import expand_home

if TYPE_CHECKING:
    from store.cache.cache_options import CacheOptions
    from store.layout.paths import Layout
    from store.operations.session import Session
    from store.scheduler.build_options import BuildOptions


LONGEST_NAME: Final = 200
"""Bytes of a profile's name: those of its generations and its lock are longer."""


class ProfileStep(NamedTuple):
    """A step of a profile, from some packages to others; ``generation`` is the current one then. It
    is None, as ``origin`` may be, where nothing was ever installed."""

    origin: Generation | None
    before: Installed
    after: Installed
    generation: Generation | None

    @property
    def moved(self) -> bool:
        """True if the profile is at another generation than before."""
        one, two = self.origin, self.generation
        return (one and one.number) != (two and two.number)


class WantedPackage(NamedTuple):
    """A package to be installed: outputs to realise, or an ``object`` that is there."""

    name: str
    version: str
    request: str
    refs: tuple[Ref, ...] = ()
    object: ObjectId | None = None

    def installed(self, objects: Mapping[Ref, ObjectId], priority: int) -> InstalledPackage:
        """Return it with the objects that its outputs were realised to."""
        found = [objects[ref] for ref in self.refs] if self.object is None else [self.object]
        return InstalledPackage(
            self.name, self.version, self.request, tuple(dict.fromkeys(found)), priority
        )


def profile_path(text: str | None, layout: Layout) -> str:
    """Return the path of the profile that a user names; else ``$STORE_PROFILE``, else the one in
    the store's own folder. Raises UsageError for a name that no profile can have."""
    if text == "":
        raise UsageError("--profile needs a path; without it, the default is used")
    given = text or default_profile()
    path = os.path.abspath(expand_home(given)) if given else f"{layout.profiles}/default"
    name = os.path.basename(path)
    if not name or not path.isprintable():
        raise UsageError(f"{quoted(path)} cannot name a profile")
    if len(os.fsencode(name)) > LONGEST_NAME:
        raise UsageError(f"{quoted(name)} cannot name a profile: {LONGEST_NAME} bytes at most")
    whose = profile_of(path)
    if whose is not None:  # its link would be taken for that generation, and deleted as one
        raise UsageError(
            f"{quoted(path)} cannot name a profile: "
            f"a generation of {quoted(whose)} has such a name",
            hint="`store profile switch N` goes to a generation; --profile names its profile",
        )
    return path


class ProfileChanges:
    """Changes the profile at ``path`` of a session's store. ``options`` and ``caches`` are those of
    realising packages, ``commands`` those that errors name."""

    def __init__(
        self,
        session: Session,
        path: str,
        options: BuildOptions | None = None,
        caches: CacheOptions | None = None,
        *,
        commands: ProfileCommands = OF_PROFILES,
    ) -> None:
        self._session = session
        self._path = path
        self._options = options
        self._caches = caches
        self._commands = commands

    @property
    def profile(self) -> Profile:
        """The profile."""
        return Profile(self._session.store, self._path, self._commands)

    def wanted(self, text: str) -> WantedPackage:
        """Return the package that ``NAME``, ``NAME^OUTPUT`` or a path means. Raises UnknownPackage,
        UnknownOutput or UnknownObject."""
        if "/" in text:
            oid = self._session.object(text)
            return WantedPackage(oid.name, "", oid.path, object=oid)
        catalogue = self._session.catalogue
        refs = catalogue.refs(text)
        package = catalogue.packages[text.partition("^")[0]]
        return WantedPackage(package.name, package.version, text, refs)

    def install(self, wanted: Sequence[WantedPackage], priority: int | None = None) -> ProfileStep:
        """Realise packages, and step to a generation that has them, too.

        One that is installed is replaced, and keeps its priority where none is given. Raises
        UsageError for two of one name, PackageConflict, the errors of realising and those of
        :meth:`Profile.check`.
        """
        _refuse_same_names(wanted)
        return self._realised(wanted, lambda _: wanted, priority)

    def remove(self, names: Sequence[str]) -> ProfileStep:
        """Step to a generation without these packages; UnknownObject if one is not installed."""

        def edit(before: Installed) -> Installed:
            refuse_absent(names, before, self._path)
            return before.without(names)

        with self._session.store.leases.begin() as lease:
            return self._step(edit, lease)

    def switch(self, number: int) -> ProfileStep:
        """Step to the generation with this number. UnknownObject if there is none, or its object is
        missing."""
        return self._go(lambda profile: profile.generation(number))

    def rollback(self) -> ProfileStep:
        """Step to the generation before the current one; UnknownObject when there is none."""
        return self._go(before_current)

    def delete(self, leaving: Callable[[Sequence[Generation]], Sequence[Generation]]) -> list[int]:
        """Delete the generations that ``leaving`` chooses, and never the current one; returns their
        numbers."""
        with self.profile.locked():
            chosen = leaving(self.profile.generations())
            return self.profile.delete(each.number for each in chosen)

    def replace(self, wanted: Sequence[WantedPackage]) -> ProfileStep:
        """Realise packages, and step to a generation with them in the place of those of their names
        that are still installed."""
        return self._realised(
            wanted, lambda before: [each for each in wanted if each.name in before.packages], None
        )

    def only(self, wanted: Sequence[WantedPackage]) -> ProfileStep:
        """Realise packages, and step to a generation that has them and no others. Raises as
        :meth:`install`."""
        return self._realised(wanted, lambda _: wanted, None, alone=True)

    def _realised(
        self,
        wanted: Sequence[WantedPackage],
        chosen: Callable[[Installed], Sequence[WantedPackage]],
        priority: int | None,
        *,
        alone: bool = False,
    ) -> ProfileStep:
        store = self._session.store
        self.profile.check()
        refs = [ref for each in wanted for ref in each.refs]
        with store.leases.begin() as lease:
            lease.add(each.object for each in wanted if each.object is not None)
            realiser = self._session.realiser(self._options, self._caches) if refs else None
            objects = realiser.run(refs, lease) if realiser else {}

            def edit(before: Installed) -> Installed:
                kept = Installed() if alone else before
                return kept.with_packages(
                    each.installed(objects, _priority(each.name, before, priority))
                    for each in chosen(before)
                )

            return self._step(edit, lease)

    def _step(self, edit: Callable[[Installed], Installed], lease: Lease) -> ProfileStep:
        """Take the step that ``edit`` makes of the packages of the current generation; once more
        when the disk was too full and room could be made."""
        try:
            return self._step_once(edit, lease)
        except (DiskReserve, StoreFull):
            # Not within the lock: a collection may delete generations.
            if not self._session.make_room(True):
                raise
            return self._step_once(edit, lease)

    def _step_once(self, edit: Callable[[Installed], Installed], lease: Lease) -> ProfileStep:
        profile = self.profile
        with profile.locked():
            origin = profile.current()
            before = profile.packages(origin)
            after = edit(before)
            if after == before:
                return ProfileStep(origin, before, after, origin)
            lease.add(after.objects())
            put_launcher(self._session.store.layout)
            generation = profile.advance(after, lease)
        return ProfileStep(origin, before, after, generation)

    def _go(self, choose: Callable[[Profile], Generation]) -> ProfileStep:
        profile = self.profile
        with profile.locked():
            origin, before = _readable(profile)
            generation = choose(profile)
            after = profile.packages(generation)
            with self._session.store.leases.begin() as lease:
                lease.add([profile.held(generation)])
                profile.switch(generation)
            return ProfileStep(origin, before, after, profile.current())


def _readable(profile: Profile) -> tuple[Generation | None, Installed]:
    """Return the current generation and its packages; none where they cannot be read: one that is
    damaged or missing can be left."""
    try:
        origin = profile.current()
        return origin, profile.packages(origin)
    except (UnknownObject, CorruptObject):
        return None, Installed()


def before_current(profile: Profile) -> Generation:
    """Return the generation before the current one; UnknownObject when there is none."""
    number = profile.current_number()
    older = [each for each in profile.generations() if number and each.number < number]
    if not older:
        raise UnknownObject(
            f"{printable(profile.path)} has no generation before the current one",
            hint=f"`{profile.commands.listing}` lists all",
        )
    return older[-1]


def _priority(name: str, before: Installed, given: int | None) -> int:
    if given is not None:
        return given
    former = before.packages.get(name)
    return USUAL_PRIORITY if former is None else former.priority


def _refuse_same_names(wanted: Iterable[WantedPackage]) -> None:
    """Raise UsageError if two are different outputs or objects of one name."""
    named: dict[str, WantedPackage] = {}
    for each in wanted:
        other = named.setdefault(each.name, each)
        if (other.refs, other.object) != (each.refs, each.object):
            raise UsageError(
                f"{quoted(other.request)} and {quoted(each.request)} are both called "
                f"{quoted(each.name)}, and a profile has one package of a name",
                hint="NAME^ONE,TWO installs several outputs of one package",
            )


def refuse_absent(names: Iterable[str], installed: Installed, path: str) -> None:
    """Raise UnknownObject, with near matches, if a package is not installed."""
    lacking = [name for name in dict.fromkeys(names) if name not in installed.packages]
    if lacking:
        from difflib import get_close_matches

        verb = "is" if len(lacking) == 1 else "are"
        near = [
            each for name in lacking for each in get_close_matches(name, installed.packages, n=3)
        ]
        raise UnknownObject(
            f"{', '.join(map(quoted, lacking))} {verb} not installed in {printable(path)}; "
            "nothing was changed",
            hint=f"did you mean {', '.join(dict.fromkeys(near))}?"
            if near
            else "`store profile list` names all that are",
        )
