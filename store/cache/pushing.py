"""Putting a plan's files into a place: packs, heads, sources and logs, statements; then asking for
each of them again."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from store import digest
from store.cache import file_names, zstd
from store.cache.file_answers import (
    HEAD_LIMIT,
    SOURCE_LIMIT,
    STATEMENTS_LIMIT,
    head_of,
    own_head,
    source_object,
)
from store.cache.folder_place import FolderPlace
from store.cache.head import Head
from store.cache.pack_writer import write_pack
from store.cache.place import CachePlace
from store.cache.push_plan import PushPlan
from store.cache.static_cache import AT_ONCE, no_cache
from store.display import printable, quoted
from store.errors import FormatError, InvalidName
from store.job_errors import CacheUnusable
from store.local.store import Store
from store.model.names import ObjectId
from store.objects.content import read_record
from store.reporting import Count, uncounted
from store.signing import envelope
from store.signing.keys import PublicKey
from store.system import unfinished
from store.system.parallel import worker_count

UPLOADS: Final = 8
"""Files that are made and put at once."""

ROUNDS: Final = 3
"""Times that objects are put, when they are missing afterwards: a prune may run beside."""

LOOK_SECONDS: Final = 0.2
"""Between two counts of the objects that are put."""

IN_MEMORY: Final = 8 << 20
"""Bytes of a pack that is not written to a temporary file."""


@dataclass
class Pushed:
    """The objects that were put, those that had been there, bytes of packs that were put, and how
    many statements, sources and logs are new."""

    objects: list[ObjectId] = field(default_factory=list)
    present: int = 0
    packed: int = 0
    statements: int = 0
    sources: int = 0
    logs: int = 0
    refused: dict[ObjectId, str] = field(default_factory=dict)
    """Objects that the cache cannot hold, with the reasons."""
    mended: dict[ObjectId, str] = field(default_factory=dict)
    """Those of the objects that had been there damaged, each with its fault."""

    @property
    def nothing(self) -> bool:
        """True when everything had been there."""
        return not (self.objects or self.statements or self.sources or self.logs)


def push(
    store: Store,
    place: CachePlace,
    plan: PushPlan,
    progress: Count = uncounted,
) -> Pushed:
    """Put into the place whatever of the plan is not there, and make it a cache if it is none.
    ``progress`` counts the objects to put.

    Nothing of others' is written over. CacheUnusable, also when the place did not keep something;
    CorruptObject for an object that is damaged here.
    """
    done = Pushed()
    _check_marker(place)
    uploads = _Uploads(store, place, progress, done)
    for number in range(ROUNDS):
        missing = _missing(store, place, plan.objects)
        if number == 0:
            done.present = len(plan.objects) - len(missing)
            done.mended = {oid: why for oid, why in missing.items() if why}
            kept = [oid for oid in plan.goals if oid not in missing]
            place.refresh([file_names.head(oid) for oid in kept])
        elif not missing:
            break
        if missing:
            uploads.put([*missing])
        if number == 0:
            _put_facts(store, place, plan, done)
            if not done.nothing:
                place.sync()
            elif not missing:
                return done
    else:
        if missing := _missing(store, place, plan.objects):
            raise _not_kept(place, file_names.head(next(iter(missing))))
    uploads.check()
    return done


class _Uploads:
    """Puts objects; remembers their heads, to look for them afterwards."""

    def __init__(self, store: Store, place: CachePlace, progress: Count, done: Pushed) -> None:
        self._store = store
        self._place = place
        self._progress = progress
        self._done = done
        self._heads: dict[ObjectId, Head] = {}

    def put(self, missing: Sequence[ObjectId]) -> None:
        """Put the packs and heads of objects, references first."""
        folder = os.open(self._store.layout.objects, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        pool = ThreadPoolExecutor(worker_count())
        work = ThreadPoolExecutor(UPLOADS)
        futures: dict[ObjectId, Future[Head]] = {}
        try:
            for oid in missing:
                # Those that it waits for were begun before.
                references = self._store.objects.references(oid)
                before = [futures[ref] for ref in references if ref in futures]
                closure = sorted(set(self._store.objects.closure([oid])) - {oid})
                futures[oid] = work.submit(self._one, folder, oid, closure, pool, before)
            for number, (oid, future) in enumerate(futures.items()):
                while wait([future], LOOK_SECONDS).not_done:
                    self._progress("object", number, len(futures))
                self._heads[oid] = future.result()
                self._done.objects.append(oid)
                self._done.packed += self._heads[oid].packed_size
        finally:
            work.shutdown(cancel_futures=True)
            pool.shutdown(cancel_futures=True)
            os.close(folder)

    def _one(
        self,
        folder: int,
        oid: ObjectId,
        closure: Sequence[ObjectId],
        pool: Executor,
        before: Sequence[Future[Head]],
    ) -> Head:
        """Put one object, its head when those of its references are there."""
        with _temporary(self._store) as file:
            head = write_pack(folder, self._store.objects.manifest(oid), closure, file, pool)
            self._place.put(file_names.pack(oid), file)
        for other in before:
            other.result()
        self._place.put(file_names.head(oid), zstd.compress(head.encode()))
        return head

    def check(self) -> None:
        """Raise CacheUnusable unless each pack is there with its whole length, and each head."""
        names = {file_names.pack(oid): head.packed_size for oid, head in self._heads.items()}
        sizes = self._place.sizes(names)
        for name, size in names.items():
            if sizes.get(name) != size:
                raise _not_kept(self._place, name)
        found = self._place.get([file_names.head(oid) for oid in self._heads], HEAD_LIMIT)
        for oid, head in self._heads.items():
            data = found.get(file_names.head(oid), b"")
            if data != zstd.compress(head.encode()):
                self._settle(oid, head, data)

    def _settle(self, oid: ObjectId, head: Head, data: bytes) -> None:
        """Let another push's head stand if it fits the pack that is there now, which may be that
        push's, or ours."""
        try:
            other = head_of(oid, data)
        except (FormatError, InvalidName):
            other = head
        hasher = digest.file_hasher()
        for part in self._place.read(file_names.pack(oid), 0, head.packed_size):
            hasher.update(part)
        if hasher.digest() not in (head.pack_digest, other.pack_digest):
            raise _not_kept(self._place, file_names.pack(oid))
        if hasher.digest() == head.pack_digest != other.pack_digest or other is head:
            self._place.put(file_names.head(oid), zstd.compress(head.encode()))


def _check_marker(place: CachePlace) -> None:
    """Make the place a cache; CacheUnusable when it is something else."""
    found = place.get([file_names.MARKER], len(file_names.VERSION)).get(file_names.MARKER)
    if found == file_names.VERSION:
        return
    if found is not None:
        raise no_cache(place.name, found)
    if isinstance(place, FolderPlace) and _has_others(place.path):
        raise CacheUnusable(
            f"the cache {printable(place.name)} cannot be used: the folder has other things in it",
            hint="give an empty folder, or one that is missing, for a new cache",
        )
    place.put(file_names.MARKER, file_names.VERSION)
    if file_names.MARKER not in place.sizes([file_names.MARKER]):
        raise _not_kept(place, file_names.MARKER)


def _has_others(path: str) -> bool:
    """Return whether a folder has something in it but the first files of another push."""
    if not os.path.isdir(path):
        return False
    names = {name for name in os.listdir(path) if not name.startswith(unfinished.PREFIX)}
    return file_names.MARKER not in names and bool(names)


def _missing(store: Store, place: CachePlace, objects: Sequence[ObjectId]) -> dict[ObjectId, str]:
    """Return those of the objects that are not there whole, in order; each with its fault, which
    is empty when nothing of it is there."""
    found: dict[ObjectId, str] = {}
    for at in range(0, len(objects), AT_ONCE):
        # The closures of all together would grow with the square of a store.
        part = objects[at : at + AT_ONCE]
        closures = {oid: set(store.objects.closure([oid])) - {oid} for oid in part}
        found.update(_lacking(store, place, closures))
    return {oid: found[oid] for oid in objects if oid in found}


def _lacking(
    store: Store, place: CachePlace, objects: Mapping[ObjectId, set[ObjectId]]
) -> Iterator[tuple[ObjectId, str]]:
    """Yield those of the objects, with their closures, that are not there whole."""
    heads = place.get([file_names.head(oid) for oid in objects], HEAD_LIMIT)
    sizes: dict[ObjectId, int] = {}
    for oid, closure in objects.items():
        data = heads.get(file_names.head(oid), b"")
        try:
            if data:
                head = own_head(oid, data, _own_manifest(store, oid), closure)
                sizes[oid] = head.packed_size
            else:  # an empty one is left of a power cut
                other = place.obstacle(file_names.head(oid))
                yield oid, f"its head was damaged: {other}" if other else ""
        except (FormatError, InvalidName) as error:
            yield oid, f"its head was damaged: {error.message}"
    packs = place.sizes([file_names.pack(oid) for oid in sizes])
    for oid, size in sizes.items():
        there = packs.get(file_names.pack(oid))
        if there is None:
            other = place.obstacle(file_names.pack(oid))
            yield oid, f"its pack was damaged: {other}" if other else "its pack was missing"
        elif there != size:
            yield oid, f"its pack had {there} bytes, not {size}"


def _own_manifest(store: Store, oid: ObjectId) -> bytes:
    try:
        return read_record(store.layout.manifest(oid))[0]
    except OSError:
        return store.objects.manifest(oid).encode()  # which names the fault


def _put_facts(store: Store, place: CachePlace, plan: PushPlan, done: Pushed) -> None:
    """Put logs, sources and statements, those that say something last."""
    logs = {file_names.log(log): (log, key) for log, key in plan.logs.items()}
    put = set()
    kept = {name for name, size in place.sizes(logs).items() if size}
    for name in logs.keys() - kept:
        data = compressed_log(store, *logs[name])
        if data is not None:
            place.put(name, data)
            put.add(name)
    done.logs += len(put)
    sources = plan.source_files()
    lacking = lacking_sources(sources, place.get(sources, SOURCE_LIMIT), place.sizes)
    _put_each(place, lacking)
    done.sources += len(lacking)
    fresh = [*lacking, *put]
    for name in set(fresh) - place.sizes(fresh).keys():
        raise _not_kept(place, name)
    files = plan.statement_files()
    for _ in range(ROUNDS):
        changed = dict(changed_statements(files, place.get(files, STATEMENTS_LIMIT), plan.signer))
        if not changed:
            return
        _put_each(place, {name: data for name, (data, _) in changed.items()})
        done.statements += sum(count for _, count in changed.values())
    raise _not_kept(place, min(changed))


def lacking_sources(
    wanted: Mapping[str, bytes],
    found: Mapping[str, bytes],
    present: Callable[[Collection[str]], Collection[str]],
) -> dict[str, bytes]:
    """Return the files of sources that are not there, or name no object, or one that is not there;
    ``present`` says which files are."""
    others = {}
    lacking = {}
    for name, data in wanted.items():
        if found.get(name) == data:
            continue
        try:
            others[name] = file_names.head(source_object(found.get(name, b"")))
        except (FormatError, InvalidName):
            lacking[name] = data
    there = set(present(list(others.values()))) if others else set()
    return lacking | {name: wanted[name] for name, head in others.items() if head not in there}


def compressed_log(store: Store, log: bytes, key: bytes) -> bytes | None:
    """Return a log, compressed; None when it is another build's by now."""
    try:
        data, _ = read_record(store.layout.log(key))
    except OSError:
        return None
    return zstd.compress(data) if digest.file_digest(data) == log else None


def _put_each(place: CachePlace, files: Mapping[str, bytes]) -> None:
    with ThreadPoolExecutor(UPLOADS) as pool:
        for future in [pool.submit(place.put, name, data) for name, data in files.items()]:
            future.result()


def changed_statements(
    wanted: Mapping[str, Sequence[str]], found: Mapping[str, bytes], signer: PublicKey | None
) -> Iterator[tuple[str, tuple[bytes, int]]]:
    """Yield the files that lack lines, with these added, and how many these are. Earlier lines
    stay, but for damaged ones: those that the signer, whose files these are, did not sign."""
    for name, lines in wanted.items():
        there = [line for line in found.get(name, b"").split(b"\n") if line]
        own = dict.fromkeys(each.encode() for each in lines)
        kept = [line for line in there if line in own or _is_signed(line, signer)]
        fresh = [line for line in own if line not in kept]
        if not fresh and kept == there:
            continue
        before, added = (b"".join(line + b"\n" for line in part) for part in (kept, fresh))
        if len(before) + len(added) > STATEMENTS_LIMIT:
            before, added = b"", b"".join(line + b"\n" for line in own)  # nobody would read it
        yield name, (before + added, len(fresh))


def _is_signed(line: bytes, signer: PublicKey | None) -> bool:
    try:
        signers, _ = envelope.check(envelope.parse(line), [signer] if signer else [])
    except FormatError:
        return False
    return bool(signers)


def _not_kept(place: CachePlace, name: str) -> CacheUnusable:
    return CacheUnusable(
        f"the cache {printable(place.name)} did not keep {quoted(name)}",
        hint="is its disk full, or does something else remove files there?",
    )


def _temporary(store: Store) -> BinaryIO:
    folder = store.layout.tmp if os.access(store.layout.tmp, os.W_OK) else None
    return tempfile.SpooledTemporaryFile(IN_MEMORY, dir=folder)  # type: ignore[return-value]
