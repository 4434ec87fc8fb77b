"""Removing closures from a cache in a folder: planned, shown, carried out.

A push may run beside. So an object that was put, or is still wanted, since the plan was made stays
with its closure; and packs go a while after their heads, as somebody may be reading them.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from store.cache import file_names
from store.cache.checking import read_head
from store.cache.file_answers import SOURCE_LIMIT, STATEMENTS_LIMIT, source_object
from store.cache.folder_place import FolderPlace, PlacedFile
from store.cache.inventory import Inventory, StatementsOf, take_inventory
from store.cache.static_cache import StaticCache
from store.errors import FormatError, InvalidName, UnknownObject
from store.model.names import ObjectId
from store.signing import envelope, statement
from store.system import unfinished

GRACE: Final = 24 * 3600.0
"""Seconds that a pack stays after its head, if nothing else is asked for."""


@dataclass(frozen=True)
class PrunePolicy:
    """``older_than`` in seconds since an object was pushed, or seen to be wanted; ``most`` bytes of
    heads and packs that may stay, the newest closures first. ``grace`` in seconds."""

    older_than: float | None = None
    most: int | None = None
    grace: float = GRACE


@dataclass(frozen=True, kw_only=True)
class PrunePlan:
    """``objects`` go with their heads; ``facts`` are statements, sources and logs that go before
    them. ``packs`` and ``unfinished`` files go now, ``later`` packs after the grace period.
    ``listed`` has all heads as they were."""

    policy: PrunePolicy
    kept: int
    objects: tuple[ObjectId, ...]
    facts: tuple[PlacedFile, ...]
    packs: tuple[PlacedFile, ...]
    later: tuple[PlacedFile, ...]
    unfinished: tuple[PlacedFile, ...]
    listed: Mapping[ObjectId, PlacedFile]

    @property
    def freed(self) -> int:
        """Bytes that are freed now."""
        heads = [self.listed[oid] for oid in self.objects]
        now = (self.facts, self.packs, self.unfinished, heads)
        return sum(file.size for files in now for file in files)

    @property
    def freed_later(self) -> int:
        """Bytes that a later prune frees."""
        return sum(file.size for file in self.later)


def plan_prune(place: FolderPlace, policy: PrunePolicy) -> PrunePlan:
    """Choose the files to remove. CacheUnusable when the folder is no cache."""
    StaticCache(place).check()
    now = time.time()
    inventory = take_inventory(place)
    closures = _closures(place, inventory.heads)
    kept = _kept(inventory, closures, policy, now)
    dead = sorted(closures.keys() - kept)
    gone = set(dead)
    headless = [file for oid, file in inventory.packs.items() if oid not in inventory.heads]
    fresh = [inventory.packs[oid] for oid in dead if oid in inventory.packs]
    aged = [file for file in headless if file.written <= now - policy.grace]
    return PrunePlan(
        policy=policy,
        kept=len(kept),
        objects=tuple(dead),
        facts=tuple(_dead_facts(place, inventory, gone, now, policy)),
        packs=(*aged, *(fresh if not policy.grace else ())),
        later=tuple(fresh if policy.grace else ()),
        unfinished=tuple(
            file
            for file in inventory.unfinished
            if file.written <= now - max(policy.grace, unfinished.SPARED)
        ),
        listed=inventory.heads,
    )


def prune(place: FolderPlace, plan: PrunePlan) -> set[ObjectId]:
    """Carry out a plan; returns the objects that stayed, as a push wanted them meanwhile."""
    spared = _wanted_since(place, plan)
    for file in plan.facts:
        place.remove_unless_newer(file)
    spared |= _wanted_since(place, plan)
    for oid in plan.objects:
        if oid not in spared and not place.remove_unless_newer(plan.listed[oid]):
            spared.add(oid)
    packs = {file.name for file in plan.later}
    for oid in plan.objects:
        if oid not in spared:
            for name in packs & {_pack_name(oid)}:
                place.touch(name)
    kept = {_pack_name(oid) for oid in spared}
    for file in plan.packs:
        if file.name not in kept:
            place.remove_unless_newer(file)
    for file in plan.unfinished:
        place.remove_unfinished(file)
    return spared


def _pack_name(oid: ObjectId) -> str:
    return file_names.pack(oid)


def _closures(
    place: FolderPlace, heads: Iterable[ObjectId]
) -> dict[ObjectId, tuple[ObjectId, ...]]:
    """Return the closure of each object whose head can be read; others stay, for the check."""
    found = {}
    for oid in heads:
        try:
            found[oid] = read_head(place, oid).closure
        except (UnknownObject, FormatError, InvalidName):
            continue
    return found


def _kept(
    inventory: Inventory,
    closures: Mapping[ObjectId, Collection[ObjectId]],
    policy: PrunePolicy,
    now: float,
) -> set[ObjectId]:
    """Return the objects that stay: whole closures, the newest first, as far as they fit."""
    newest_first = sorted(closures, key=lambda oid: (-inventory.heads[oid].written, oid))
    if policy.older_than is not None:
        since = now - policy.older_than
        newest_first = [oid for oid in newest_first if inventory.heads[oid].written >= since]
    kept: set[ObjectId] = set()
    size = 0
    for oid in newest_first:
        more = ({oid, *closures[oid]} & closures.keys()) - kept
        added = sum(inventory.object_size(each) for each in more)
        if policy.most is not None and size + added > policy.most:
            continue
        kept |= more
        size += added
    return kept


def _dead_facts(
    place: FolderPlace,
    inventory: Inventory,
    gone: set[ObjectId],
    now: float,
    policy: PrunePolicy,
) -> Iterator[PlacedFile]:
    """Yield the files that speak of nothing that stays: of objects that go, or of some that are
    absent and were for long."""
    oldest = now - max(policy.grace, policy.older_than or 0)
    logs: set[bytes] = set()

    def is_dead(file: PlacedFile, objects: Collection[ObjectId]) -> bool:
        there = inventory.heads.keys() - gone
        absent = any(oid not in inventory.heads for oid in objects)
        return there.isdisjoint(objects) and (not absent or file.written < oldest)

    for each in inventory.statements:
        objects, said = _said(place, each)
        if objects and is_dead(each.file, objects):
            yield each.file
        else:
            logs |= said
    for file in inventory.sources.values():
        try:
            oid = source_object(place.get([file.name], SOURCE_LIMIT).get(file.name, b""))
        except (FormatError, InvalidName):
            continue  # for the check
        if is_dead(file, [oid]):
            yield file
    for log, file in inventory.logs.items():
        if log not in logs and file.written < now - policy.grace:
            yield file


def _said(place: FolderPlace, each: StatementsOf) -> tuple[set[ObjectId], set[bytes]]:
    """Return the objects and logs that a file of statements names; nothing of it is believed."""
    objects: set[ObjectId] = set()
    logs: set[bytes] = set()
    data = place.get([each.file.name], STATEMENTS_LIMIT).get(each.file.name, b"")
    for line in data.splitlines():
        try:
            record, _ = statement.recorded(envelope.parse(line).payload)
        except FormatError:
            continue
        objects.add(record.object)
        if record.log is not None:
            logs.add(record.log)
    return objects, logs


def _wanted_since(place: FolderPlace, plan: PrunePlan) -> set[ObjectId]:
    """Return the closures of objects that were put, or wanted, since the plan was made."""
    heads = take_inventory(place).heads
    found = _closures(place, [oid for oid, file in heads.items() if file != plan.listed.get(oid)])
    return {each for oid in found for each in (oid, *found[oid])} & {*plan.objects}
