"""Receiving contents by several threads: each is checked as it arrives, and written once."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from store.cache.content_file import ContentFile
from store.cache.offering import ContentRun, Piece
from store.cache.staged_pull import OwnText, StagedPull, StoredFile
from store.display import reason
from store.errors import CorruptObject, StorageError, StoreError, storage_error
from store.job_errors import BuildError, CacheUnusable
from store.objects.staged import Content
from store.system.parallel import worker_count

THREADS: Final = 16
"""Runs that are walked at once: as many as a cache is asked for connections."""

FIRST: Final = 2
"""Runs that are walked at once in the beginning."""

SOON: Final = 0.02
"""Seconds without a part of anything after which more are walked at once."""

COMPUTING: Final = 4
"""Threads that work on what arrived, at most: each needs the interpreter between two calls."""

LOOK: Final = 0.1
"""Seconds between two looks at how far the threads are."""


T = TypeVar("T")


@dataclass(frozen=True)
class RunToTake:
    """A run of the cache with this number, which has contents of the ``staged`` object; of
    ``wanted``, each goes to one run."""

    cache: int
    run: ContentRun
    staged: StagedPull
    wanted: dict[bytes, Content]


class Receiver:
    """Takes all contents of some runs. ``here`` gets the file of each that arrived, ``failed``
    gets the error of each run that failed, and ``progress`` the bytes until now; all of them
    in the calling thread."""

    def __init__(
        self,
        usable: Callable[[int], bool],
        failed: Callable[[int, StoreError], None],
        progress: Callable[[int], None],
    ) -> None:
        self._usable = usable
        self._failed = failed
        self._progress = progress
        self._lock = threading.Lock()
        # More threads would take the interpreter from each other, and get no more done.
        self._computing = threading.Semaphore(min(worker_count(), COMPUTING))
        self._came = False
        self._stop: BaseException | None = None
        self._runs: queue.SimpleQueue[RunToTake] = queue.SimpleQueue()
        self._errors: queue.SimpleQueue[tuple[int, StoreError]] = queue.SimpleQueue()
        self.here: dict[Content, StoredFile] = {}
        self.fetched = 0
        """Bytes that were transferred, about."""

    def receive(self, runs: Sequence[RunToTake]) -> None:
        """Walk the runs, by threads. Raises the error of this store that prevents it."""
        # Large ones first: else one of them may be alone at the end.
        for item in sorted(runs, key=lambda item: -item.run.size):
            self._runs.put(item)
        try:
            self._wait(min(THREADS, len(runs)))
        except BaseException as error:
            self._stop = error
            raise
        if self._stop is not None:
            raise self._stop

    def _wait(self, most: int) -> None:
        """Wait for the threads. There are a few, and twice as many whenever nothing came for a
        while: a cache that is near needs no more, and they would be in each other's way."""
        threads: list[threading.Thread] = []
        more = FIRST
        while more or any(thread.is_alive() for thread in threads):
            for _ in range(min(more, most - len(threads))):
                threads.append(threading.Thread(target=self._work, daemon=True))
                threads[-1].start()
            self._came = False
            for thread in threads:
                if thread.is_alive():
                    thread.join(SOON if len(threads) < most else LOOK)
                    break
            self._tell()
            more = 0 if self._came or len(threads) == most else len(threads)

    def _tell(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._failed(*self._errors.get_nowait())
        self._progress(self.fetched)

    def _work(self) -> None:
        try:
            while self._stop is None:
                item = self._runs.get_nowait()
                if self._usable(item.cache):
                    self._take(item)
        except queue.Empty:
            pass
        except OSError as error:
            self._stop = storage_error(error, "cannot take what a cache sends")
        except BaseException as error:  # the calling thread raises it
            self._stop = error

    def _take(self, item: RunToTake) -> None:
        taking = _RunTaking(item, self)
        try:
            for part in _unbroken(item.run.parts()):
                self._came = True
                with self._computing:
                    for piece in _unbroken(part):
                        taking.take(piece)
                if self._stop is not None:
                    return
            taking.end()
        except StoreError as error:
            if _is_local(error):
                raise
            self._errors.put((item.cache, _about(error, item.staged)))
        finally:
            taking.abandon()

    def arrived(self, content: Content, file: StoredFile) -> None:
        """Note a file that is whole."""
        self.here[content] = file

    def count(self, size: int) -> None:
        """Note transferred bytes."""
        with self._lock:
            self.fetched += size


class _RunTaking:
    def __init__(self, item: RunToTake, receiver: Receiver) -> None:
        self._item = item
        self._receiver = receiver
        self._file: ContentFile | None = None
        self._content: Content = (b"", False)
        self._own: OwnText | None = None
        self._counted = 0
        self._got = 0

    def take(self, piece: Piece) -> None:
        file = self._file
        if file is None:
            file = self._file = self._begin(piece)
        elif (piece.digest, piece.offset) != (self._content[0], file.written):
            raise CorruptObject("parts of files came in another order than was announced")
        file.write(piece.data)
        if self._own is not None:
            self._own.look(piece.data)
        self._got += len(piece.data)
        self._count(min(self._got, self._item.run.size))
        if file.complete:
            self._finish(file)

    def end(self) -> None:
        if self._file is not None:
            raise CorruptObject("the contents came to an end in the middle of a file")
        self._count(self._item.run.size)

    def abandon(self) -> None:
        """Remove the file that is not whole."""
        if self._file is not None:
            self._file.discard()
            self._file = None

    def _begin(self, piece: Piece) -> ContentFile:
        content = self._item.wanted.pop(piece.digest, None)
        if content is None or piece.offset:
            raise CorruptObject("contents came that were not asked for")
        self._content = content
        own = self._item.staged.own_text()
        self._own = None if own is None else OwnText(own)
        return self._item.staged.create(content)

    def _finish(self, file: ContentFile) -> None:
        self._file = None  # one with other bytes removes itself
        staged = self._item.staged
        place = staged.finish(self._content, file)
        if self._own is not None:
            staged.note_names(self._content[0], self._own.found)
        self._receiver.arrived(self._content, place)

    def _count(self, size: int) -> None:
        self._receiver.count(size - self._counted)
        self._counted = size


def _unbroken(arriving: Iterable[T]) -> Iterator[T]:
    """Yield what arrives; CorruptObject when the connection breaks."""
    try:
        yield from arriving
    except OSError as error:
        raise CorruptObject(f"the connection broke: {reason(error)}") from error


def _is_local(error: StoreError) -> bool:
    """Return whether an error is one of this store, and not of what a cache sends."""
    return isinstance(error, BuildError) or (
        isinstance(error, StorageError) and not isinstance(error, CorruptObject)
    )


def _about(error: StoreError, staged: StagedPull) -> StoreError:
    """Return the error with the object's name, if that is missing, and it is about the object."""
    oid = str(staged.head.manifest.id)
    if oid not in error.message and not isinstance(error, CacheUnusable):
        error.message = f"{oid}: {error.message}"
    return error
