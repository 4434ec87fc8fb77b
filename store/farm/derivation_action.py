"""A resolved derivation as an action for workers of ours: written by a client, read by a worker.

Its command is ``fixpoint-build 2``, which is no program, with the derivation in its environment.
Its input root has two files for each object of the closure of its inputs: the head, and the Tree
message. So a worker gets all of it by one question. Its result has, for each output, the files
``heads/OUTPUT``, ``trees/OUTPUT`` and ``statements/OUTPUT``; that of a failed build has
``failure``. ``docs/farm.md`` describes it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple

from store.display import quoted
from store.errors import FormatError, UnknownObject
from store.farm.encoded_action import (
    BlobsWithin,
    EncodedAction,
    encoded_action,
    kept,
    parts_in,
    system_properties,
)
from store.farm.farm_objects import ObjectBlobs
from store.farm.object_blobs import read_blobs
from store.model.derivation import Resolved
from store.model.names import ObjectId, names_of, parse_all
from store.reapi.blob import Blob, BlobDigest, Message, digest_message, read_digest
from store.reapi.messages import message, parse
from store.reapi.server import Server
from store.signing import strict

COMMAND: Final = ("fixpoint-build", "2")

MAX_SILENT: Final = "max-silent"
MAX_LOG: Final = "max-log"
FORMS: Final = {MAX_SILENT: r"[0-9]{1,9}\.[0-9]{3}", MAX_LOG: "[0-9]{1,15}"}
"""Further arguments, ``NAME=VALUE``, each at most once: seconds, and bytes."""

PROPERTY: Final = "fixpoint-worker"
"""The platform property of actions for workers of ours, which these announce."""

VERSION: Final = "2"
"""The value of the property: the form of the actions."""

DERIVATION: Final = "DERIVATION"
"""The variable of the command with the encoded derivation, in base64."""

HEAD: Final = ".head"
TREE: Final = ".tree"
"""How the names of an object's files in the input root end."""

HEADS: Final = "heads"
TREES: Final = "trees"
STATEMENTS: Final = "statements"

FAILURE: Final = "failure"
"""The file of a result that says why a build failed."""

REASON: Final = 4000
"""Bytes of that file, at most."""

INLINE: Final = 32 << 10
"""Bytes of a file, or a log, that stands in the result itself, at most."""

SMALL: Final = 16 << 20
"""Bytes of a message or file of an action, at most."""


class RequestLimits(NamedTuple):
    """The bounds of a build that its client wants: seconds, and bytes of the log; None for those of
    the worker, which count besides."""

    timeout: float | None = None
    max_silent: float | None = None
    max_log: int | None = None


class InputPlaces(Mapping[ObjectId, ObjectBlobs]):
    """The blobs of objects, which are read from messages when they are asked for: a worker has most
    of hundreds already. FormatError for a digest that no blob has."""

    def __init__(self, found: Iterable[tuple[ObjectId, tuple[Message, Message]]]) -> None:
        self._found = dict(found)

    def __getitem__(self, oid: ObjectId) -> ObjectBlobs:
        head, tree = self._found[oid]
        return ObjectBlobs(read_digest(head), read_digest(tree))

    def __contains__(self, oid: object) -> bool:
        return oid in self._found

    def __iter__(self) -> Iterator[ObjectId]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


@dataclass(frozen=True)
class DerivationRequest:
    """A derivation for a worker to build: ``inputs`` are the objects of the inputs' closure."""

    node: Resolved
    inputs: Mapping[ObjectId, ObjectBlobs]
    limits: RequestLimits
    known: Mapping[BlobDigest, bytes] = field(default_factory=dict, repr=False, compare=False)
    """Blobs that came with the action."""


def properties(system: str) -> dict[str, str]:
    """Return what a worker for a system announces, and an action for it asks for."""
    return system_properties(system) | {PROPERTY: VERSION}


def derivation_action(
    node: Resolved,
    inputs: Mapping[ObjectId, ObjectBlobs],
    limits: RequestLimits,
    read: Callable[[Sequence[BlobDigest]], Mapping[BlobDigest, bytes]],
) -> EncodedAction:
    """Return the action, and its blobs; those of the inputs are left out. ``read`` gives heads and
    trees of inputs, for an action that has room for those that the derivation names itself: the
    others are with the worker as a rule."""
    blobs: list[Blob] = []
    # A message that is several joined has the files of all of them.
    places = sorted(zip(names_of([*inputs]), inputs.values(), strict=True))
    root = kept(blobs, b"".join(_entries(name, *place) for name, place in places))
    command = message("Command")(arguments=[*COMMAND, *_words(limits)])
    encoded = base64.b64encode(node.encode()).decode("ascii")
    command.environment_variables.add(name=DERIVATION, value=encoded)
    named = [digest for oid in node.inputs if oid in inputs for digest in inputs[oid]]
    within = BlobsWithin(named, read)
    return encoded_action(blobs, command, root, properties(node.system), limits.timeout, within)


@lru_cache(1 << 14)
def _entries(name: str, head: BlobDigest, tree: BlobDigest) -> bytes:
    """Return a Directory message of the files of the object ``<digest>-<name>``. An object is an
    input of many builds."""
    made = message("Directory")()
    for end, digest in ((HEAD, head), (TREE, tree)):
        made.files.add(name=f"{name}{end}", digest=digest_message(digest))
    data: bytes = made.SerializeToString(deterministic=True)
    return data


def _words(limits: RequestLimits) -> list[str]:
    """Return the arguments for limits that the API has no field for."""
    silent = (
        []
        if limits.max_silent is None
        else [f"{MAX_SILENT}={min(limits.max_silent, 999_999_999):.3f}"]
    )
    return silent if limits.max_log is None else [*silent, f"{MAX_LOG}={limits.max_log}"]


def _limits(words: Sequence[str], timeout: float | None) -> RequestLimits:
    """Return the limits in the arguments of a command. FormatError."""
    found: dict[str, str] = {}
    for word in words:
        name, _, value = word.partition("=")
        if name in found or not re.fullmatch(FORMS.get(name, "(?!)"), value, re.ASCII):
            raise FormatError(f"{quoted(word[:100])} is no limit of a build")
        found[name] = value
    silent, log = found.get(MAX_SILENT), found.get(MAX_LOG)
    return RequestLimits(
        timeout, None if silent is None else float(silent), None if log is None else int(log)
    )


def read_request(server: Server, action: Message) -> DerivationRequest:
    """Return the request that an action stands for. FormatError for any other action, InvalidName,
    UnknownObject if a part is missing. The digests of inputs are read later."""
    digests = [action.command_digest, action.input_root_digest]
    parts = parts_in(action)
    data, top_data = _all(server, digests, parts)
    command, top = parse("Command", data), parse("Directory", top_data)
    words = tuple(command.arguments)
    if words[:1] == COMMAND[:1] and words[: len(COMMAND)] != COMMAND:
        raise FormatError(
            f"an action of form {quoted(' '.join(words[1:2])[:20])}, and this worker reads form "
            f"{VERSION} alone: its client is of another version of Fixpoint"
        )
    if words[: len(COMMAND)] != COMMAND:
        shown = " ".join(words)[:100]
        raise FormatError(
            f"{quoted(shown)} is no build of a derivation of Fixpoint; `--remote-sandbox worker` "
            "has those sent"
        )
    inputs = _inputs(top)
    timeout = float(action.timeout.seconds) if action.HasField("timeout") else None
    limits = _limits(words[len(COMMAND) :], timeout)
    return DerivationRequest(Resolved.decode(_derivation(command)), inputs, limits, parts)


def _derivation(command: Message) -> bytes:
    """Return the encoded derivation of a command. FormatError."""
    told = [each.value for each in command.environment_variables if each.name == DERIVATION]
    if len(told) != 1:
        raise FormatError(f"an action with {len(told)} derivations")
    return strict.base64_bytes(told[0], SMALL)


def _inputs(top: Message) -> InputPlaces:
    """Return the blobs of each object of an input root. FormatError, InvalidName."""
    files = {each.name: each.digest for each in top.files}
    heads = {name[: -len(HEAD)]: file for name, file in files.items() if name.endswith(HEAD)}
    trees = {name[: -len(TREE)]: file for name, file in files.items() if name.endswith(TREE)}
    if heads.keys() != trees.keys() or len(heads) + len(trees) != len(top.files):
        raise FormatError("an action with heads and trees of different objects")
    pairs = zip(heads.values(), map(trees.__getitem__, heads), strict=True)
    return InputPlaces(zip(parse_all(list(heads)), pairs, strict=True))


def read_lease(server: Server, data: bytes, *, named: bool) -> Message:
    """Return the action of a lease, of which ``data`` is the action, or its digest. FormatError,
    UnknownObject."""
    if named:
        (data,) = _all(server, [parse("Digest", data)], {})
    return parse("Action", data)


def output_places(result: Message) -> dict[str, tuple[ObjectBlobs, BlobDigest]]:
    """Return the outputs in a result, each with the blob of its statement. FormatError."""
    files = {each.path: read_digest(each.digest) for each in result.output_files}
    names = [path.partition("/")[2] for path in files if path.startswith(f"{HEADS}/")]
    try:
        return {
            name: (
                ObjectBlobs(files[f"{HEADS}/{name}"], files[f"{TREES}/{name}"]),
                files[f"{STATEMENTS}/{name}"],
            )
            for name in names
        }
    except KeyError as error:
        raise FormatError(f"a result without {quoted(str(error.args[0]))}") from None


def add_output(result: Message, output: str, place: ObjectBlobs, statement: BlobDigest) -> None:
    """Add an output to a result."""
    for kind, digest in ((HEADS, place.head), (TREES, place.tree), (STATEMENTS, statement)):
        result.output_files.add(path=f"{kind}/{output}", digest=digest_message(digest))
    # The server keeps the files of the tree, or forgets the result.
    result.output_directories.add(path=f"objects/{output}", tree_digest=digest_message(place.tree))


def add_contents(result: Message, blobs: Iterable[Blob]) -> None:
    """Put the bytes of small files of a result into it, so that nobody has to ask for them."""
    known = {blob.digest: blob.source for blob in blobs}
    for each in result.output_files:
        data = known.get(read_digest(each.digest))
        if isinstance(data, bytes) and len(data) <= INLINE:
            each.contents = data


def contents_in(result: Message) -> dict[BlobDigest, bytes]:
    """Return the blobs that stand in a result itself, as far as they are those. FormatError."""
    found = {read_digest(each.digest): each.contents for each in result.output_files}
    return {digest: data for digest, data in found.items() if data and digest.is_of(data)}


def _all(
    server: Server, digests: Sequence[Message], known: Mapping[BlobDigest, bytes]
) -> list[bytes]:
    """Return these blobs, those that are not ``known`` all in one question."""
    wanted = [read_digest(each) for each in digests]
    found = read_blobs(server, wanted, SMALL, known)
    for each in wanted:
        if each not in found:
            raise UnknownObject(f"the server lacks a part of the action: {each.hash}")
    return [found[each] for each in wanted]
