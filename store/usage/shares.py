"""The disk space of each object, as columns of numbers: of a million, some 170 MB."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import NamedTuple, overload

from store.model.names import ObjectId

NOBODY = -1
SEVERAL = -2


class Share(NamedTuple):
    """The space of one object, in bytes on disk but for ``apparent``, its files' own sizes.

    ``exclusive`` would be freed if only this object was deleted; ``shared`` are of inodes that
    other objects have, too; ``fair`` counts of those a part by the number of names, so that the sum
    over the store is its space. ``owner`` is the position of its only holder, or NOBODY or SEVERAL.
    """

    id: ObjectId
    apparent: int
    owner: int
    exclusive: int
    shared: int
    fair: float
    files: int

    @property
    def total(self) -> int:
        """Bytes that the object takes, shared ones in full."""
        return self.exclusive + self.shared


class Shares(Sequence[Share]):
    """The objects by what they take, the largest first, made as they are asked for.

    ``names`` are ``<digest>-<name>``, and of each there are the files' own sizes and the owner;
    :meth:`add` tells the rest of one after another, and then they are put in order.
    """

    def __init__(self, names: Sequence[str], apparent: array[int], owners: array[int]) -> None:
        self.names = names
        self.owners = owners
        self.apparent = apparent
        self.files = array("I")
        self._exclusive = array("Q")
        self._shared = array("Q")
        self._fair = array("d")
        self._order: Sequence[int] = range(0)

    def add(self, exclusive: int, shared: int, fair: float, files: int) -> None:
        """Add the next object's space."""
        self._exclusive.append(exclusive)
        self._shared.append(shared)
        self._fair.append(fair)
        self.files.append(files)

    def put_in_order(self) -> None:
        """Sort all when they are added; equal ones by digest."""
        order = sorted(range(len(self.names)), key=self.names.__getitem__)
        order.sort(key=lambda at: -self._exclusive[at] - self._shared[at])
        self._order = array("I", order)

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, at: int) -> Share: ...

    @overload
    def __getitem__(self, at: slice) -> list[Share]: ...

    def __getitem__(self, at: int | slice) -> Share | list[Share]:
        if isinstance(at, slice):
            return list(map(self._share, self._order[at]))
        return self._share(self._order[at])

    def __iter__(self) -> Iterator[Share]:
        return map(self._share, self._order)

    def _share(self, at: int) -> Share:
        return Share(
            ObjectId.parse(self.names[at]),
            self.apparent[at],
            self.owners[at],
            self._exclusive[at],
            self._shared[at],
            self._fair[at],
            self.files[at],
        )
