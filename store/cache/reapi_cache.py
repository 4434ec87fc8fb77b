"""A cache on a server of the Remote Execution API: the questions to it, answered by its blobs.

Each file of a cache (but a pack) is a blob. It is found by the result of an action that is made
from the file's name, and that nobody ever runs. The result of a head also has the object's tree, so
that the server keeps all of its files, or forgets the result. Files are blobs by themselves: there
is no pack. ``docs/farm.md`` describes it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence
from typing import Final, NamedTuple

from store.cache import file_names
from store.cache.blob_runs import BlobBatch, blob_runs, tree_blobs
from store.cache.file_answers import FileAnswers
from store.cache.head import FRAME_LIMIT, Head, PackFrame, stream
from store.cache.offering import ContentRun
from store.cache.server_errors import as_cache
from store.errors import FormatError
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.reapi.blob import EMPTY, Blob, BlobDigest, Message, blob_of, digest_message, read_digest
from store.reapi.messages import message, parse
from store.reapi.server import Server

FILE: Final = "file"
"""The path of a cache's file in the result of its action."""

TREE: Final = "object"
"""The path of an object's tree there."""

PART: Final = 64 << 20
"""Bytes of files that are in memory at a time, beside one."""

NO_PACK: Final = bytes(32)
"""The digest of the pack in a head: there is none."""


class FileResult(NamedTuple):
    """A file for which the server has a result. ``data`` is None when the result names no blob for
    it, or the blob does not come; ``trees`` has the tree of its object, if the result names one."""

    data: bytes | None
    trees: tuple[BlobDigest, ...]


class ReapiCache(FileAnswers):
    """The cache that a server holds; any server may turn out to hold nothing."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.server = server
        self._batch = BlobBatch(server)
        self._trees: dict[str, list[BlobDigest]] = {}  # by the names of heads that were found

    @property
    def name(self) -> str:
        """Its URL."""
        return self.server.name

    def contents(self, head: Head, digests: Collection[bytes]) -> Sequence[ContentRun]:
        """Return a few runs that have the contents, as far as the server has the object's tree."""
        blobs = self._blobs(head.manifest)
        return blob_runs(self.server, head.manifest.id, blobs, digests, self._batch)

    def close(self) -> None:
        """Let go of connections."""
        self.server.close()

    # -- files by name --

    def present(self, names: Collection[str]) -> set[str]:
        """Return those of the files that are there: a result, and the blob that it names."""
        with as_cache():
            results = self._results(names)
            blobs = {name: self._file(result) for name, result in results.items()}
            lost = self.server.missing([each for each in blobs.values() if each is not None])
            return {name for name, each in blobs.items() if each is not None and each not in lost}

    def files(self, names: Collection[str], limit: int) -> dict[str, bytes]:
        """Return the files of these names that are there, and no longer than ``limit`` bytes."""
        return dict(self._files(names, limit))

    def _files(self, names: Collection[str], limit: int) -> Iterator[tuple[str, bytes]]:
        """Yield the files that are there."""
        for name, stored in self.stored(names, limit):
            if stored.data is not None:
                yield name, stored.data

    def stored(self, names: Collection[str], limit: int) -> Iterator[tuple[str, FileResult]]:
        """Yield the files for which there are results, also those that do not come, or would have
        more than ``limit`` bytes."""
        with as_cache():
            results = self._noted(self._results(names))
            digests = {
                name: each
                for name, result in results.items()
                if (each := self._file(result)) is not None and each.size <= limit
            }
            for name in results.keys() - digests.keys():
                yield name, FileResult(None, tuple(_trees(results[name])))
            waiting = list(digests)
            while waiting:
                part, size = [waiting.pop()], 0
                while waiting and (size := size + digests[waiting[-1]].size) <= PART:
                    part.append(waiting.pop())
                found = self.server.read_small([digests[name] for name in part], limit)
                for name in part:
                    data = found.get(digests[name])
                    yield name, FileResult(data, tuple(_trees(results[name])))

    def _noted(self, results: dict[str, Message]) -> dict[str, Message]:
        """Keep the trees of objects for the questions for contents, which come soon; returns the
        results."""
        for name, result in results.items():
            if trees := _trees(result):
                self._trees[name] = trees
                self._batch.add(trees)
        return results

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
            trees = self._trees.pop(name, None)
            if trees is None:
                trees = [tree for found in self._results([name]).values() for tree in _trees(found)]
            return tree_blobs(self.server, manifest, trees, self._batch)


def _trees(result: Message) -> list[BlobDigest]:
    """Return the Tree message of the object in a result, if it names one."""
    for each in result.output_directories:
        if each.path == TREE:
            with contextlib.suppress(FormatError):
                return [read_digest(each.tree_digest)]  # each one more would be read, too
    return []


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
