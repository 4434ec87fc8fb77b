"""Changes of an audit to a build, which must not show in its output.

Each variation changes one thing, so that an output that differs under it names its cause. All of
them are things that a sandbox usually fixes, or that it cannot hide. Several can be had in one
build, which is enough where nothing differs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from store.sandbox.request import BuildRequest
from store.system import kernel


@dataclass(frozen=True)
class Variation:
    """``salt`` asks for other scratch paths, ``cores`` for another number of processors, and
    ``changes`` are fields of the build request to be replaced.
    """

    name: str
    description: str
    salt: str = ""
    cores: int | None = None
    changes: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


def apply(variation: Variation, request: BuildRequest) -> BuildRequest:
    """Return the request with what the variation changes, but for ``salt``: scratch paths are
    chosen before there is a request."""
    cores = request.cores if variation.cores is None else variation.cores
    return replace(request, cores=cores, **variation.changes)


def together(variations: Sequence[Variation]) -> list[list[Variation]]:
    """Return the variations in as few groups as one build each can have, without one undoing
    another."""
    groups: list[list[Variation]] = []
    for variation in variations:
        for group in groups:
            if all(_independent(variation, other) for other in group):
                group.append(variation)
                break
        else:
            groups.append([variation])
    return groups


def suffice(variations: Sequence[Variation]) -> bool:
    """Return True if builds of these, as :func:`together` has them, show by themselves if a build
    with nothing varied differs: whatever one of them varies is as usual in another, or varied in
    another way."""
    return len(together(variations)) > 1


def _independent(one: Variation, other: Variation) -> bool:
    salted = bool(one.salt and other.salt)
    counted = one.cores is not None and other.cores is not None
    return not (salted or counted or one.changes.keys() & other.changes.keys())


def joined(group: Sequence[Variation]) -> Variation:
    """Return what a group of :func:`together` is in one build; its name is theirs, joined by
    ``JOINT``."""
    whole, *rest = group
    for other in rest:
        whole = Variation(
            name=f"{whole.name}{JOINT}{other.name}",
            description=f"{whole.description}; {other.description}",
            salt=whole.salt or other.salt,
            cores=other.cores if whole.cores is None else whole.cores,
            changes={**whole.changes, **other.changes},
        )
    return whole


def pinned(when: int) -> Variation:
    """Return a wall clock that stands still at ``when`` (Unix seconds), to check if the time makes
    builds differ. See ``clock_stopped`` of the request for when it moves on."""
    return Variation("pinned", "the clock stands still", changes={"clock_stopped": when})


def _other_cores(available: int) -> Variation:
    if available > 1:
        return Variation("cores", "one processor", cores=1, changes={"processors": 1})
    return Variation("cores", "two processors reported, and one present", cores=2)


def _listed(*variations: Variation) -> Mapping[str, Variation]:
    return MappingProxyType({variation.name: variation for variation in variations})


_PROCESSORS: Final = len(os.sched_getaffinity(0))

JOINT: Final = "+"
"""Stands between the names of variations that one build had together."""

AHEAD: Final = 400 * 86400 + 5 * 3600 + 17 * 60 + 11
"""Seconds. Year, month, day of the month and of the week, hour, minute and second all differ."""

CONTROL: Final = Variation("control", "nothing but the time of day and chance")

VARIATIONS: Final = _listed(
    Variation("path", "another scratch path", salt="audit"),
    _other_cores(_PROCESSORS),
    Variation("cores-more", "more processors reported than present", cores=2 * _PROCESSORS + 1),
    Variation("date", "the clock 400 days and some hours ahead", changes={"clock_ahead": AHEAD}),
    Variation("order-reversed", "directories listed backwards", changes={"listing": "reversed"}),
    Variation("order-shuffled", "directories listed shuffled", changes={"listing": "shuffled"}),
    Variation(
        "personality", "a kernel that says it is 2.6", changes={"personality": kernel.UNAME26}
    ),
    Variation(
        "user",
        "another build user",
        changes={"uid": 4321, "gid": 8765, "user": "auditor", "group": "auditors"},
    ),
    Variation("aslr", "addresses randomised", changes={"aslr": True}),
)
"""By name; all but ``CONTROL`` and what ``pinned`` makes, which an audit needs to judge them."""
