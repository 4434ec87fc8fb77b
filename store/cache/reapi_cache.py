"""A cache on a server of the Remote Execution API: the questions to it, answered by its blobs.

Each file of a cache (but a pack) is a blob. It is found by the result of an action that is made
from the file's name, and that nobody ever runs. The result of a head also has the object's tree, so
that the server keeps all of its files, or forgets the result. Files are blobs by themselves: there
is no pack. ``docs/farm.md`` describes it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from store.cache import file_names
from store.cache.blob_trees import wrapper
from store.cache.file_answers import FileAnswers
from store.cache.head import FRAME_LIMIT, Head, PackFrame, stream
from store.cache.offering import ContentRun, Piece
from store.errors import CorruptObject, FormatError, ServerUnusable, UnknownObject
from store.job_errors import CacheUnusable
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.reapi.blob import EMPTY, Blob, BlobDigest, Message, blob_of, digest_message, read_digest
from store.reapi.messages import message, parse
from store.reapi.server import Server
from store.reapi.server_calls import ServerCalls
from store.reapi.tree_messages import TREE_LIMIT, match_tree

FILE: Final = "file"
"""The path of a cache's file in the result of its action."""

TREE: Final = "object"
"""The path of an object's tree there."""

RUNS: Final = 4
"""Runs into which the contents of an object are divided, at most."""

RUN_LEAST: Final = 4 << 20
"""Bytes of contents that are worth a run of their own."""

PART: Final = 64 << 20
"""Bytes of files that are in memory at a time, beside one."""

NO_PACK: Final = bytes(32)
"""The digest of the pack in a head: there is none."""


class ReapiCache(FileAnswers):
    """The cache that a server holds; any server may turn out to hold nothing."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.server = server

    @property
    def name(self) -> str:
        """Its URL."""
        return self.server.name

    def contents(self, head: Head, digests: Collection[bytes]) -> Sequence[ContentRun]:
        """Return a few runs that have the contents, as far as the server has the object's tree."""
        return blob_runs(self.server, head.manifest.id, self._blobs(head.manifest), digests)

    def close(self) -> None:
        """Let go of connections."""
        self.server.close()

    # -- files by name --

    def present(self, names: Collection[str]) -> set[str]:
        """Return those of the files that are there."""
        with as_cache():
            return set(self._results(names))

    def files(self, names: Collection[str], limit: int) -> dict[str, bytes]:
        """Return the files of these names that are there, and no longer than ``limit`` bytes."""
        return dict(self._files(names, limit))

    def _files(self, names: Collection[str], limit: int) -> Iterator[tuple[str, bytes]]:
        """Yield the files that are there."""
        with as_cache():
            digests = {
                name: each
                for name, result in self._results(names).items()
                if (each := self._file(result)) is not None and each.size <= limit
            }
            waiting = list(digests)
            while waiting:
                part, size = [waiting.pop()], 0
                while waiting and (size := size + digests[waiting[-1]].size) <= PART:
                    part.append(waiting.pop())
                found = self.server.read_small([digests[name] for name in part], limit)
                yield from ((name, found[digests[name]]) for name in part if digests[name] in found)

    def _results(self, names: Collection[str]) -> dict[str, Message]:
        actions = {action_of(name)[0].digest: name for name in names}
        found = {}
        for action, data in self.server.results(list(actions)).items():
            with contextlib.suppress(FormatError):
                found[actions[action]] = parse("ActionResult", data)
        return found

    def _file(self, result: Message) -> BlobDigest | None:
        for each in result.output_files:
            if each.path == FILE:
                with contextlib.suppress(FormatError):
                    return read_digest(each.digest)
        return None

    def _blobs(self, manifest: Manifest) -> dict[bytes, BlobDigest]:
        """Return the blobs of an object's contents, out of the tree in its head's result."""
        name = file_names.head(manifest.id)
        with as_cache():
            trees = [
                read_digest(each.tree_digest)
                for result in self._results([name]).values()
                for each in result.output_directories
                if each.path == TREE
            ]
            return tree_blobs(self.server, manifest, trees)


def tree_blobs(
    server: ServerCalls, manifest: Manifest, trees: Sequence[BlobDigest]
) -> dict[bytes, BlobDigest]:
    """Return the blobs of an object's contents, out of the first of the Tree messages that the
    server has. UnknownObject when it has none; FormatError, CorruptObject."""
    for data in server.read_small(trees, TREE_LIMIT).values():
        return match_tree(manifest, data, wrapper(manifest))
    raise UnknownObject(f"{server.name} does not have the tree of {manifest.id} any more")


def blob_runs(
    server: ServerCalls,
    oid: ObjectId,
    blobs: Mapping[bytes, BlobDigest],
    digests: Collection[bytes],
) -> Sequence[ContentRun]:
    """Return a few runs that have those contents of an object that are among its ``blobs``."""
    wanted = {blobs[each]: each for each in digests if each in blobs}
    return [_BlobRun(server, oid, part) for part in _divided(wanted)]


class _BlobRun:
    """Some contents; ``blobs`` has their digests by those of the server."""

    def __init__(
        self, server: ServerCalls, oid: ObjectId, blobs: Mapping[BlobDigest, bytes]
    ) -> None:
        self._server = server
        self._oid = oid
        self._blobs = blobs

    @property
    def size(self) -> int:
        """Bytes of the contents."""
        return sum(blob.size for blob in self._blobs)

    def parts(self) -> Iterator[Iterable[Piece]]:
        """Yield the pieces of each. UnknownObject, CorruptObject after those that came."""
        left = {blob: blob.size for blob in self._blobs}
        with as_cache():
            for piece in self._server.read(list(self._blobs)):
                left[piece.digest] -= len(piece.data)
                yield [Piece(self._blobs[piece.digest], piece.offset, piece.data)]
        short = [blob for blob, size in left.items() if size]
        where = f"{self._server.name} has {self._oid}"
        if any(left[blob] < blob.size for blob in short):
            raise CorruptObject(f"{where}, but a file of it ends early")
        if short:
            raise UnknownObject(f"{where}, but not {len(short)} of its files")


def _divided(wanted: Mapping[BlobDigest, bytes]) -> list[dict[BlobDigest, bytes]]:
    """Divide blobs into runs of about the same size."""
    count = min(RUNS, 1 + sum(blob.size for blob in wanted) // RUN_LEAST)
    parts: list[dict[BlobDigest, bytes]] = [{} for _ in range(count)]
    sizes = [0] * count
    for blob in sorted(wanted, key=lambda blob: -blob.size):
        least = sizes.index(min(sizes))
        parts[least][blob] = wanted[blob]
        sizes[least] += blob.size + 1000  # a question costs something, too
    return [part for part in parts if part]


@contextlib.contextmanager
def as_cache() -> Iterator[None]:
    """Turn the error of a server that cannot be used into that of a cache."""
    try:
        yield
    except ServerUnusable as error:
        raise CacheUnusable(error.message, hint=error.hint) from error


def action_of(name: str) -> tuple[Blob, Blob]:
    """Return the action that stands for a file of a cache, and its command."""
    arguments = [file_names.MARKER, file_names.VERSION.decode().strip(), name]
    command = blob_of(message("Command")(arguments=arguments).SerializeToString())
    action = message("Action")(
        command_digest=digest_message(command.digest),
        input_root_digest=digest_message(EMPTY),
    )
    return blob_of(action.SerializeToString()), command


def head_without_pack(manifest: Manifest, closure: Sequence[ObjectId]) -> Head:
    """Return a head for a server that has the contents as blobs."""
    left = sum(span.size for span in stream(manifest))
    frames = []
    while left:
        size = min(left, FRAME_LIMIT)
        frames.append(PackFrame(size, size))
        left -= size
    others = tuple(sorted(set(closure) - {manifest.id}))
    return Head(manifest=manifest, closure=others, pack_digest=NO_PACK, frames=tuple(frames))
