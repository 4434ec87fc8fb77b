"""A profile: its generations, the current one, and the steps from one to another.

A step makes the new generation's object, then its link, which is a root, and then leads the profile
there by one rename. Each is on disk before the next begins. So after a kill or a power cut the
profile is at the old generation or at the new one.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from store import digest
from store.display import printable, quoted
from store.errors import (
    CorruptObject,
    FormatError,
    NotOwner,
    UnknownObject,
    UsageError,
    storage_error,
)
from store.local.leases import Lease
from store.local.links import make_link
from store.local.object_files import read
from store.local.store import Store
from store.model.names import ObjectId
from store.model.tree_paths import find
from store.profiles.generation_tree import make_tree
from store.profiles.generations import (
    ELSEWHERE,
    Generation,
    current_number,
    generations,
    link_of,
    place_error,
)
from store.profiles.installed import LIST, Installed
from store.profiles.merged_tree import PackageTree
from store.system import owned
from store.system.durable import sync_folder
from store.system.locks import lock_alone

NAME: Final = "profile"
"""The name of each generation's object."""


class ProfileCommands(NamedTuple):
    """The commands that errors name: to list generations, and to go to another one. ``elsewhere``
    is the hint for a generation of another store."""

    listing: str = "store profile history"
    going: str = "store profile switch N"
    elsewhere: str = "--root names the store that a profile belongs to"


OF_PROFILES: Final = ProfileCommands()


class Profile:
    """The profile at ``path``, an absolute path; there need not be one yet. Whoever changes it
    does so in the ``with`` block of :meth:`locked`."""

    def __init__(self, store: Store, path: str, commands: ProfileCommands = OF_PROFILES) -> None:
        self._store = store
        self.path: Final = path
        self.commands: Final = commands

    @property
    def _place(self) -> str:
        """The profile's path without links among its folders. Generations have it, so that their
        roots stay where such a link goes or leads elsewhere."""
        folder, name = os.path.split(self.path)
        real, profiles = os.path.realpath(folder), self._store.layout.profiles
        # As the store is named: links in it are relative, and move with it.
        return f"{profiles if real == os.path.realpath(profiles) else real}/{name}"

    # -- looking --

    def generations(self) -> list[Generation]:
        """Return all generations, by number. Raises UsageError where the path is something else,
        and StorageError."""
        try:
            return generations(self._place, self._store.layout)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise place_error(error, "cannot look at the profile") from error

    def generation(self, number: int) -> Generation:
        """Return the generation with this number; UnknownObject when there is none."""
        found = self.generations()
        for each in found:
            if each.number == number:
                return each
        numbers = ", ".join(str(each.number) for each in found[-10:])
        hint = f"its generations: {numbers}"
        if not found:
            lost = self.current_number() is not None
            hint = self._afresh() if lost else "no package was installed there yet"
        raise UnknownObject(f"{printable(self.path)} has no generation {number}", hint=hint)

    def _afresh(self) -> str:
        """Return the hint for a profile of which no generation is left to go to."""
        name = printable(self.path)
        return f"no other is left: remove {name} and {name}-*-link, and install packages anew"

    def current(self) -> Generation | None:
        """Return the current generation; None where nothing was installed yet. UnknownObject when
        its link is missing."""
        number = self.current_number()
        return None if number is None else self.generation(number)

    def current_number(self) -> int | None:
        """Return the number of the current generation, which may be missing; None where nothing
        was installed yet. UsageError where the path is something else, and StorageError."""
        return current_number(self.path)

    def packages(self, generation: Generation | None) -> Installed:
        """Return the packages of a generation; of None, no packages.

        Raises UnknownObject when its object is missing, and CorruptObject for a damaged one.
        """
        if generation is None:
            return Installed()
        oid, which = self.held(generation), self._named(generation)
        node = find(self._store.objects.manifest(oid), LIST.encode(), follow=False).node
        data = b"".join(read(self._store, oid, LIST.encode()))
        try:
            if digest.file_digest(data) != node.payload:
                raise FormatError("it is not as it was stored")
            return Installed.decode(data)
        except FormatError as error:
            raise CorruptObject(
                f"the list of packages of {which} is damaged: {error.message}",
                hint="`store verify --contents --repair` mends it; "
                f"`{self.commands.going}` goes to another generation",
            ) from error

    def held(self, generation: Generation) -> ObjectId:
        """Return the object of a generation; UnknownObject when the store does not hold it."""
        oid = generation.object
        if oid is None or not self._store.objects.present(oid):
            raise self._missing(generation)
        return oid

    def _missing(self, generation: Generation) -> UnknownObject:
        """Return the error for a generation that this store does not hold."""
        oid, which = generation.object, self._named(generation)
        if oid is not None:
            return UnknownObject(
                f"{which} is missing: this store holds no {oid.path}",
                hint=f"`{self.commands.listing}` lists those that are there"
                if self._others(generation)
                else self._afresh(),
            )
        return UnknownObject(
            f"{which} is missing: its link leads to {_target(generation.link)}, out of this store",
            hint=self.commands.elsewhere,
        )

    def _others(self, generation: Generation) -> bool:
        """Return whether the store holds another generation."""
        return any(
            each.object is not None and self._store.objects.present(each.object)
            for each in self.generations()
            if each.number != generation.number
        )

    def _named(self, generation: Generation) -> str:
        return f"generation {generation.number} of {printable(self.path)}"

    # -- changing --

    def check(self) -> None:
        """Raise UsageError where no profile can be, NotOwner where it is another user's, and what
        else a change would raise in the end."""
        folder = os.path.dirname(self.path)
        layout = self._store.layout
        self._store.check_writable()
        try:
            if folder == layout.profiles:
                os.makedirs(folder, 0o755, exist_ok=True)
            if not stat.S_ISDIR(os.stat(folder).st_mode):
                raise UsageError(f"{quoted(self.path)} would be below a file", hint=ELSEWHERE)
            os.close(owned.open_folder(os.path.realpath(folder)))
        except FileNotFoundError:
            raise UsageError(
                f"{quoted(self.path)} would be in a folder that does not exist",
                hint=f"make the folder, or {ELSEWHERE}",
            ) from None
        except OSError as error:
            raise place_error(error, "no profile can be there") from error
        except NotOwner as error:
            raise NotOwner(error.message, hint=ELSEWHERE) from None
        real = os.path.realpath(folder)
        root = os.path.realpath(layout.root)
        if os.path.commonpath([real, root]) == root and real != os.path.realpath(layout.profiles):
            raise UsageError(
                f"{quoted(self.path)} would be among the store's own files",
                hint=f"profiles there are in {layout.profiles}",
            )
        current_number(self.path)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Let no other process change the profile meanwhile; waits for one that does. Raises Busy,
        and as :meth:`check`."""
        self.check()
        folder, name = os.path.split(self.path)
        try:
            fd = owned.open_lock(f"{os.path.realpath(folder)}/.{name}.lock")
        except OSError as error:
            raise place_error(error, "cannot lock the profile") from error
        try:
            lock_alone(fd, f"the profile {printable(self.path)}")
            yield
        finally:
            os.close(fd)

    def advance(self, installed: Installed, lease: Lease) -> Generation:
        """Make the generation with these packages the current one. ``lease`` holds the packages'
        objects. If the newest generation is equal, it is that one.

        Raises PackageConflict, UsageError, StoreFull and other StorageErrors; then the profile is
        as it was.
        """
        oid = self._added(installed, lease)
        found = self.generations()
        number = found[-1].number if found else 0
        if not found or found[-1].object != oid:
            number += 1
            self._store.roots.link(link_of(self._place, number), oid)
        self.switch(self.generation(number))
        return self.generation(number)

    def switch(self, generation: Generation) -> None:
        """Make this generation the current one, at once. Raises UnknownObject when its object is
        missing, and StorageError."""
        oid = self.held(generation)
        if not self._store.roots.has_link(generation.link):  # killed before it was one
            self._store.roots.link(generation.link, oid)
        make_link(self.path, os.path.basename(generation.link))

    def leave(self) -> None:
        """Lead the profile to no generation, as before the first; all of them stay. Raises
        StorageError."""
        try:
            os.unlink(self.path)
            sync_folder(os.path.dirname(self.path))
        except OSError as error:
            raise storage_error(error, "cannot leave the generation") from error

    def delete(self, numbers: Iterable[int]) -> list[int]:
        """Delete generations by number, but never the current one; returns those deleted. Their
        objects stay until a collection."""
        wanted = set(numbers)
        deleted = []
        for each in self.generations():
            if each.number in wanted and not each.current:
                try:
                    os.unlink(each.link)
                except OSError as error:
                    raise storage_error(error, f"cannot delete {self._named(each)}") from error
                deleted.append(each)
        if deleted:
            sync_folder(os.path.dirname(self.path))
        # A root without its link is dropped by the next collection, when a kill leaves it.
        for each in deleted:
            self._store.roots.remove(each.link)
        return [each.number for each in deleted]

    def _added(self, installed: Installed, lease: Lease) -> ObjectId:
        objects = installed.objects()
        trees = self._trees(installed)
        work = self._store.workspaces.make()
        try:
            make_tree(f"{work}/{NAME}", installed, trees)
            return self._store.objects.add(f"{work}/{NAME}", NAME, lease, objects)
        except OSError as error:
            raise storage_error(error, "cannot make the generation") from error
        finally:
            self._store.workspaces.remove(work)

    def _trees(self, installed: Installed) -> Sequence[PackageTree]:
        return [
            PackageTree(package.name, package.priority, self._store.objects.manifest(oid))
            for package in installed.packages.values()
            for oid in package.objects
        ]


def _target(link: str) -> str:
    try:
        return quoted(os.path.normpath(os.path.join(os.path.dirname(link), os.readlink(link))))
    except OSError as error:
        raise storage_error(error, "cannot look at the generation") from error
