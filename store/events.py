"""Events of the engine's work. The engine never prints: a reporter draws events, or drops them."""

from __future__ import annotations

from typing import NamedTuple


class PlannedNode(NamedTuple):
    """A node of the work ahead. ``needs`` are the keys of those nodes of the work that it waits
    for; ``expected`` is the time in seconds that it usually takes, if that is known."""

    key: bytes
    name: str
    kind: str  # "build" | "fetch" | "unpack" | "image"
    needs: tuple[bytes, ...] = ()
    expected: float | None = None


class Planned(NamedTuple):
    """The work ahead is known: so many nodes to build and to fetch. ``nodes`` are all of them, each
    after what it needs; ``jobs`` builds run at once."""

    builds: int
    fetches: int
    nodes: tuple[PlannedNode, ...] = ()
    jobs: int = 1


class Mixed(NamedTuple):
    """The derivation ``name`` came out as several objects, of which only one may be in a graph. The
    path ``kept`` is used, and objects built with ``others`` are not."""

    name: str
    kept: str
    others: tuple[str, ...]


class Absent(NamedTuple):
    """Objects that the index knows are not on the disk; their builds are done again."""

    paths: tuple[str, ...]


class Started(NamedTuple):
    """A node's work began. ``expected`` is the time in seconds that earlier builds of it took. A
    pull takes objects from caches, and is of no node."""

    key: bytes
    name: str
    kind: str  # "build" | "fetch" | "unpack" | "image" | "rebuild" | "pull"
    log: str | None
    expected: float | None


class Waiting(NamedTuple):
    """Another process works on this node; we wait for it."""

    key: bytes
    name: str


class Queued(NamedTuple):
    """Nothing of ours can start for some time: other processes have every one of so many tokens.
    With 0, that is over. ``holders`` are those processes, in words, as far as they are known."""

    tokens: int
    holders: tuple[str, ...] = ()


class Unattended(NamedTuple):
    """A server has had so many builds of ours in its queue for so many seconds, and no worker has
    begun one. With 0, that is over. ``hint`` says what to do about it."""

    server: str
    builds: int
    seconds: float = 0.0
    hint: str = ""


class Retrying(NamedTuple):
    """A server failed to run the build of a node, for this reason, and is asked again."""

    key: bytes
    name: str
    reason: str


class Reused(NamedTuple):
    """A node of the work is there already: its inputs came out as before, or another process has
    made it."""

    key: bytes
    name: str


class Phase(NamedTuple):
    """The builder announced its next phase."""

    key: bytes
    name: str
    phase: str


class Progress(NamedTuple):
    """Bytes of a download so far, of ``total`` when known, and the ``files`` or objects that they
    are of."""

    key: bytes
    name: str
    done: int
    total: int | None
    files: int = 1


class Removing(NamedTuple):
    """The leftovers of the work on a node are being removed, which takes some time: so many
    ``files`` are. The node itself may be done by then."""

    key: bytes
    name: str
    files: int


class Removed(NamedTuple):
    """The removal that :class:`Removing` reported is done, as far as it can be."""

    key: bytes


class Finished(NamedTuple):
    """A node is realised. ``paths`` are its outputs' store paths, ``seconds`` the wall time,
    ``size`` the bytes of all outputs. Of a pull, so many ``objects`` came in ``size`` bytes."""

    key: bytes
    name: str
    kind: str
    seconds: float
    paths: tuple[str, ...]
    max_rss: int = 0
    size: int = 0
    objects: int = 0


class Failed(NamedTuple):
    """A node could not be realised. ``whole`` says that the error itself is raised much later, or
    never, as work goes on."""

    key: bytes
    name: str
    error: Exception
    whole: bool = False


class Stopping(NamedTuple):
    """After a failure nothing more is started: ``finishing`` are let finish, ``ended`` were not,
    ``left`` nodes stay undone besides."""

    finishing: tuple[str, ...]
    ended: tuple[str, ...]
    left: int


class Undone(NamedTuple):
    """A node that was not tried: it needs ``needs``, which failed."""

    key: bytes
    name: str
    needs: tuple[str, ...]


class Unrealised(NamedTuple):
    """The end of a run that failed somewhere: all that ``failed``, and all that was not tried for
    it. With ``keep_going``, nothing else is undone."""

    failed: tuple[Failed, ...]
    undone: tuple[Undone, ...]
    keep_going: bool


class Examining(NamedTuple):
    """An audit begins, of so many nodes."""

    nodes: int


class Examined(NamedTuple):
    """An audit of a node has come to its verdict, a word of ``store.model.verdict``."""

    name: str
    verdict: str
    detail: str


class CollectorPhase(NamedTuple):
    """The present phase of the collector: so many ``done`` of ``total``, and bytes freed until
    now."""

    name: str
    done: int
    total: int | None
    freed: int


class Collected(NamedTuple):
    """The collector has finished: objects deleted, bytes freed, seconds that it took."""

    objects: int
    freed: int
    seconds: float


class NothingToFree(NamedTuple):
    """The disk is too full, and not enough can be deleted: ``free`` bytes are free where ``wanted``
    are asked for. ``holders`` keep most, each with its bytes; ``spared`` objects nobody keeps were
    used lately."""

    free: int
    wanted: int
    holders: tuple[tuple[str, int], ...]
    spared: int = 0


class CacheTrouble(NamedTuple):
    """A cache did something that it should not, or cannot be used; empty when it stands in the
    message. The work goes on without what it did not give."""

    cache: str
    message: str


class Disputed(NamedTuple):
    """Keys that count signed several objects of one output of the derivation ``name``: each path
    with the names of its keys. None of them is used."""

    name: str
    output: str
    objects: tuple[tuple[str, tuple[str, ...]], ...]


class Lost(NamedTuple):
    """A thing that could not be taken over while something was made anew."""

    what: str
    reason: str


class Tick(NamedTuple):
    """Nothing but time has passed; about ten a second while something runs."""


Event = (
    Planned
    | Mixed
    | Absent
    | Started
    | Waiting
    | Queued
    | Unattended
    | Retrying
    | Reused
    | Phase
    | Progress
    | Removing
    | Removed
    | Finished
    | Failed
    | Stopping
    | Unrealised
    | Examining
    | Examined
    | CollectorPhase
    | Collected
    | NothingToFree
    | CacheTrouble
    | Disputed
    | Lost
    | Tick
)
