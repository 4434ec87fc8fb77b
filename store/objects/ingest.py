"""Taking a tree into the store: copy and hash in one pass, make durable, put in place.

The order makes a power cut harmless. An inode's bytes are on disk before anything but the staging
folder names it. The names are on disk before the caller notes the object in the index.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from store.digest import TEXT_SIZE
from store.errors import CorruptObject, storage_error
from store.job_errors import OutputRefused
from store.layout.paths import Layout
from store.model import identity
from store.model.manifest import Manifest
from store.model.names import STORE_DIR, ObjectId
from store.objects.contents import ContentHolders, NoHolders, contents
from store.objects.finishing import (
    finish_directories,
    rename_others,
    rename_own,
    sync,
)
from store.objects.leaves import LeafCopier
from store.objects.placing import place
from store.objects.scan import Scanner
from store.objects.staged import TOP, Staged
from store.objects.staging import Copier
from store.system.locks import SharedLocks, make_held
from store.system.longpath import LONGEST
from store.system.parallel import uncollected
from store.system.removing import remove_tree

NO_HOLDERS = NoHolders()


@dataclass
class _Output:
    """A tree in the folder ``staging``. ``siblings`` are the other outputs that it names."""

    name: str
    scratch: ObjectId | None
    staged: Staged
    staging: str
    references: frozenset[ObjectId]
    siblings: frozenset[ObjectId]
    fresh: int
    rewritable: bool
    expected: ObjectId | None


def ingest(
    root: str,
    path: str,
    name: str,
    *,
    candidates: Sequence[ObjectId | str] = (),
    executable: bool | None = None,
    ours: bool = False,
    claims: SharedLocks | None = None,
    holders: ContentHolders = NO_HOLDERS,
    reserve: int = 0,
) -> Manifest:
    """Take the file, link or tree at ``path`` into the store at ``root`` as an object ``name``.

    ``candidates`` are the objects that it may refer to, or of each its ``<digest>-<name>``;
    ``executable`` overrides a file's own bit; ``ours`` allows to change modes that forbid reading;
    ``claims`` keep the object until it is registered; ``holders`` have the files that it can share
    with others, and note its own; ``reserve`` bytes of disk stay free. The object is on disk and in
    place when this returns; the index does not know it. Raises OutputRefused, StoreFull,
    DiskReserve or StoreReadOnly.
    """
    layout = Layout(root)
    with _taking(f"cannot take {path} into the store"), _staging(layout) as staging:
        output = _stage(
            layout,
            staging,
            os.path.abspath(path),
            name,
            candidates,
            executable=executable,
            ours=ours,
            holders=holders,
            reserve=reserve,
        )
        return _complete(layout, output, {}, claims, holders)


def ingest_outputs(
    root: str,
    outputs: Mapping[ObjectId, str],
    *,
    candidates: Sequence[ObjectId | str] = (),
    claims: SharedLocks | None = None,
    holders: ContentHolders = NO_HOLDERS,
    reserve: int = 0,
    copied: Callable[[], None] = lambda: None,
) -> dict[ObjectId, Manifest]:
    """Take a build's outputs in: scratch identities with their physical paths.

    ``reserve`` bytes of disk stay free, or DiskReserve is raised. ``copied`` is called when all was
    read and written, and the disk is to be waited for.
    Outputs may refer to each other, but not in a cycle (OutputRefused). Returns each scratch
    identity's manifest; in it, scratch digests are replaced by final ones.
    """
    layout = Layout(root)
    with _taking("cannot take the outputs into the store"), contextlib.ExitStack() as folders:
        staged = {
            scratch: _stage(
                layout,
                folders.enter_context(_staging(layout)),
                os.path.abspath(path),
                scratch.name,
                candidates,
                scratch=scratch,
                scratches=outputs,
                ours=True,
                holders=holders,
                reserve=reserve,
            )
            for scratch, path in outputs.items()
        }
        copied()
        graph = {scratch: output.siblings for scratch, output in staged.items()}
        final: dict[ObjectId, Manifest] = {}
        for scratch in _order(graph):
            final[scratch] = _complete(layout, staged[scratch], final, claims, holders)
        return final


def ingest_again(
    root: str,
    path: str,
    oid: ObjectId,
    references: Sequence[ObjectId],
    *,
    claims: SharedLocks | None = None,
    holders: ContentHolders = NO_HOLDERS,
    always: bool = False,
    reserve: int = 0,
) -> Manifest:
    """Take in the tree at ``path``, which is said to be the object ``oid`` that refers to
    ``references``, as :func:`ingest` does; it replaces one in place that is damaged, or
    ``always``, whichever there is.

    ``reserve`` bytes of disk stay free, or DiskReserve is raised.
    CorruptObject when it is another object; nothing is put in place then.
    """
    layout = Layout(root)
    with _taking(f"cannot take {path} into the store"), _staging(layout) as staging:
        output = _stage(
            layout,
            staging,
            os.path.abspath(path),
            oid.name,
            references,
            scratch=oid,
            scratches=[oid],
            again=True,
            holders=holders,
            reserve=reserve,
        )
        return _complete(layout, output, {}, claims, holders, always=always)


@contextlib.contextmanager
def _taking(failure: str) -> Iterator[None]:
    """Translate OSError to StoreError."""
    try:
        with uncollected():
            yield
    except OSError as error:
        raise storage_error(error, failure) from error


def _order(graph: Mapping[ObjectId, Iterable[ObjectId]]) -> list[ObjectId]:
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        names = " -> ".join(oid.name for oid in error.args[1])
        raise OutputRefused(f"outputs refer to each other in a cycle: {names}") from None


def _stage(
    layout: Layout,
    staging: str,
    path: str,
    name: str,
    candidates: Sequence[ObjectId | str],
    *,
    scratch: ObjectId | None = None,
    scratches: Collection[ObjectId] = (),
    executable: bool | None = None,
    ours: bool = False,
    again: bool = False,
    holders: ContentHolders,
    reserve: int = 0,
) -> _Output:
    others = {name[:TEXT_SIZE]: name for name in map(str, candidates)}
    renamed = {oid.text.encode(): oid for oid in scratches}
    own = scratch.text.encode() if scratch else None
    root = os.stat(layout.root)
    with (
        contextlib.closing(holders),
        _folder(staging) as target,
        _folder(layout.objects) as objects,
        _folder(os.path.dirname(path)) as source,
    ):
        leaves = LeafCopier(
            target,
            objects,
            holders,
            Scanner((*others, *map(bytes.decode, renamed))),
            own=own,
            scratches=renamed,
            shown=os.fsencode(scratch.path if scratch else path),
            ours=ours,
            reserve=reserve,
        )
        copier = Copier(
            leaves,
            store=(root.st_dev, root.st_ino),
            longest=LONGEST - len(f"{STORE_DIR}/-{name}") - TEXT_SIZE,
        )
        staged = copier.copy(os.fsencode(os.path.basename(path)), source, executable)
    return _Output(
        name,
        scratch,
        staged,
        staging,
        frozenset(
            ObjectId.parse(others[text])
            for text in map(bytes.decode, leaves.seen)
            if text in others
        ),
        frozenset(renamed[text] for text in leaves.seen & renamed.keys() if text != own),
        leaves.fresh_files,
        leaves.rewritable > 0,
        scratch if again else None,
    )


def _complete(
    layout: Layout,
    output: _Output,
    final: Mapping[ObjectId, Manifest],
    claims: SharedLocks | None,
    holders: ContentHolders,
    *,
    always: bool = False,
) -> Manifest:
    staged = output.staged
    beside = {scratch: final[scratch].id for scratch in output.siblings}
    references = tuple(sorted(output.references.union(beside.values())))
    with _folder(output.staging) as folder:
        if output.rewritable:
            rename_others(staged, _texts(beside), folder)
        itself = output.rewritable and any(entry.texts for entry in staged.files())
        directories = {} if output.rewritable else staged.directories()
        blanked = staged.blanked_tree() if output.rewritable else staged.node
        oid = identity.object_id(output.name, blanked.digest(), references, itself)
        if output.expected not in (None, oid):
            raise CorruptObject(f"{output.expected} was expected, and {oid} was made")
        if itself and output.scratch:
            rename_own(staged, _texts({output.scratch: oid}), folder)
        finish_directories(staged, folder)
        directories = directories or staged.directories()
        manifest = Manifest(oid, references, itself, staged.node, directories)
        sync(staged, output.fresh, folder)
    place(layout, f"{output.staging}/{os.fsdecode(TOP)}", manifest, claims, always=always)
    holders.tell(str(oid), oid.digest, contents(manifest))
    return manifest


def _texts(renamed: Mapping[ObjectId, ObjectId]) -> dict[bytes, bytes]:
    return {old.text.encode(): new.text.encode() for old, new in renamed.items()}


@contextlib.contextmanager
def _folder(path: str) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


@contextlib.contextmanager
def _staging(layout: Layout) -> Iterator[str]:
    # Nobody holds the leftovers of a killed process; they are removed.
    staging, hold = make_held(layout.tmp, "object-")
    try:
        yield staging
    finally:
        remove_tree(staging, threads=True)
        hold.release()
