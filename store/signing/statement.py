"""In-toto statements of builds, written and read.

A build is a Statement v1 with a SLSA Provenance v1 predicate, one for each realisation. An
*outcome* has a predicate type of ours: it is found without knowing the objects of any input.
``docs/attestations.md`` has every member.

Digests are named by their subjects: ``fixpointObject`` is the 20 bytes of the object's identity;
``fixpointTree``, the 32 of the digest of its tree as it lies on disk; ``blake3``, the plain one of
a file. All are in hexadecimal.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from store.errors import FormatError, InvalidName
from store.model.derivation import Resolved
from store.model.names import ObjectId, check_output, object_name
from store.model.realisation import Realisation
from store.signing import strict
from store.signing.keys import PublicKey

STATEMENT = "https://in-toto.io/Statement/v1"
PROVENANCE = "https://slsa.dev/provenance/v1"
OUTCOME = "urn:fixpoint:outcome:v1"
BUILD_TYPE = "urn:fixpoint:resolved-derivation:v1"
OBJECT = "fixpointObject"
TREE = "fixpointTree"

PAYLOAD_LIMIT = 3 << 20
"""Bytes of a statement."""

LEVELS = ("full", "none", "builtin", "remote")
"""The separation of builds from the machine; fetched files are not attested."""


@dataclass(frozen=True)
class Outcome:
    """The claim that an unresolved derivation's output came out as the object of ``record``.

    ``derivation`` is its 32-byte digest, ``name`` its name, and ``tree`` the digest of the object's
    tree (32 bytes).
    """

    derivation: bytes
    name: str
    record: Realisation
    tree: bytes


def provenance(
    made: Realisation, node: Resolved, signer: PublicKey, tree: bytes | None = None
) -> bytes:
    """Return the statement that this machine made an object; ``node`` is the node with the key."""
    inputs = {*node.inputs, *([node.rootfs] if node.rootfs is not None else [])}
    run: dict[str, Any] = {
        "builder": {"id": f"urn:fixpoint:key:{signer.id}"},
        "metadata": {
            "invocationId": made.digest().hex(),
            **_run_record(made),
        },
    }
    if made.log is not None:
        run["byproducts"] = [{"name": "log", "digest": {"blake3": made.log.hex()}}]
    predicate = {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {
                "derivation": node.name,
                "system": node.system,
                "key": made.key.hex(),
                "output": made.output,
            },
            "resolvedDependencies": [resource(oid) for oid in sorted(inputs)],
        },
        "runDetails": run,
    }
    return compose(made.object, PROVENANCE, predicate, tree)


def outcome(derivation: bytes, name: str, made: Realisation, tree: bytes) -> bytes:
    """Return the statement that an unresolved derivation of that digest came out as an object.

    ``made`` is the record of a build here of what the derivation was resolved to, and ``tree`` the
    digest of the object's tree.
    """
    predicate: dict[str, Any] = {
        "derivation": derivation.hex(),
        "name": name,
        "output": made.output,
        "key": made.key.hex(),
        **_run_record(made),
    }
    if made.log is not None:
        predicate["log"] = {"blake3": made.log.hex()}
    return compose(made.object, OUTCOME, predicate, tree)


def _run_record(made: Realisation) -> dict[str, str]:
    return {
        "startedOn": _time(made.started),
        "finishedOn": _time(made.started + made.duration / 1000),
        "fixpoint_sandbox": made.level,
    }


def compose(
    subject: ObjectId, kind: str, predicate: dict[str, Any], tree: bytes | None = None
) -> bytes:
    """Return a statement about one object, with a predicate of that type."""
    record = {
        "_type": STATEMENT,
        "subject": [resource(subject, tree)],
        "predicateType": kind,
        "predicate": predicate,
    }
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def resource(oid: ObjectId, tree: bytes | None = None) -> dict[str, Any]:
    """Return the members that name an object; ``tree`` is the digest of its tree."""
    digests = {OBJECT: oid.digest.hex()}
    return {"name": oid.path, "digest": digests if tree is None else digests | {TREE: tree.hex()}}


def _time(seconds: float) -> str:
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace(".000", "").replace("+00:00", "Z")


class Opened(NamedTuple):
    """A statement's object with the digest of its tree, if that is there; and its predicate."""

    object: ObjectId
    tree: bytes | None
    kind: str
    predicate: strict.Members


def opened(payload: bytes) -> Opened:
    """Return what a statement about one object holds; FormatError for anything else."""
    record = strict.document(payload, PAYLOAD_LIMIT)
    if record.get("_type") != STATEMENT:
        raise FormatError("not an in-toto Statement v1")
    subjects = strict.items(record.get("subject"), read_resource, 1)
    if not subjects:
        raise FormatError("a statement needs a subject")
    kind = strict.text(record.get("predicateType"), 500)
    return Opened(*subjects[0], kind, strict.members(record.get("predicate")))


class BuildClaim(NamedTuple):
    """The derivation's name, key and output that a statement of a build names."""

    name: str
    key: bytes
    output: str


def build_claim(predicate: strict.Members) -> BuildClaim:
    """Return what the predicate of a build says that was built; FormatError."""
    definition = strict.members(predicate.get("buildDefinition"))
    if definition.get("buildType") != BUILD_TYPE:
        raise FormatError("the build is of another type")
    given = strict.members(definition.get("externalParameters"))
    return BuildClaim(
        strict.text(given.get("derivation"), 1000),
        read_key(given.get("key")),
        read_output(given.get("output")),
    )


def recorded(payload: bytes) -> tuple[Realisation, bytes | None]:
    """Return the record of a build in its statement, or in that of an outcome; with it, the digest
    of the object's tree, if it is there. FormatError for any other statement, a verdict's too.

    ``builder`` and ``host`` are empty: no statement has them.
    """
    made, tree, kind, predicate = opened(payload)
    if kind == OUTCOME:
        return _outcome(made, tree, predicate).record, tree
    if kind != PROVENANCE:
        raise FormatError("not the statement of a build")
    run = strict.members(predicate.get("runDetails"))
    log = strict.optional(run.get("byproducts"), _log)
    claim = build_claim(predicate)
    return _record(claim, made, strict.members(run.get("metadata")), log), tree


def read_outcome(payload: bytes) -> Outcome:
    """Return the inverse of :func:`outcome`; FormatError for any other statement."""
    made, tree, kind, predicate = opened(payload)
    if kind != OUTCOME:
        raise FormatError("not the statement of an outcome")
    return _outcome(made, tree, predicate)


def _outcome(made: ObjectId, tree: bytes | None, predicate: strict.Members) -> Outcome:
    if tree is None:
        raise FormatError("an outcome without the digest of its tree")
    claim = BuildClaim(
        strict.text(predicate.get("name"), 1000),
        read_key(predicate.get("key")),
        read_output(predicate.get("output")),
    )
    log = strict.optional(predicate.get("log"), _blake3)
    record = _record(claim, made, predicate, log)
    return Outcome(read_key(predicate.get("derivation")), claim.name, record, tree)


def _record(
    claim: BuildClaim, made: ObjectId, metadata: strict.Members, log: bytes | None
) -> Realisation:
    """Return the record of a build of which ``metadata`` has the time and the sandbox's level."""
    level = strict.text(metadata.get("fixpoint_sandbox"), 100)
    if level not in LEVELS:
        raise FormatError("an unknown sandbox level")
    started, finished = (_milliseconds(metadata.get(name)) for name in ("startedOn", "finishedOn"))
    if made.name != object_name(claim.name, claim.output):
        raise FormatError("the object's name is not that of the derivation's output")
    return Realisation(
        key=claim.key,
        output=claim.output,
        object=made,
        builder="",
        host="",
        level=level,
        log=log,
        started=started // 1000,
        duration=max(finished - started, 0),
    )


def _blake3(value: Any) -> bytes:
    return strict.hexadecimal(strict.members(value).get("blake3"), 32)


def _log(value: Any) -> bytes | None:
    """Return the plain BLAKE3 of the log, among the byproducts of the object."""
    for item in strict.items(value, strict.members, 100):
        if item.get("name") == "log":
            return _blake3(item.get("digest"))
    return None


def _milliseconds(value: Any) -> int:
    """Return milliseconds from 1970 on, of a time in UTC."""
    text = strict.text(value, 100)
    try:
        found = int(datetime.fromisoformat(text).timestamp() * 1000) if text.endswith("Z") else -1
    except (ValueError, OverflowError, OSError) as error:
        raise FormatError("not a time in UTC") from error
    if found < 0:
        raise FormatError("not a time in UTC since 1970")
    return found


def read_key(value: Any) -> bytes:
    """Return the 32 bytes of a key, or of a derivation's digest; FormatError."""
    return strict.hexadecimal(value, 32)


def read_output(value: Any) -> str:
    """Return the name of an output; FormatError."""
    try:
        return check_output(strict.text(value, 100))
    except InvalidName as error:
        raise FormatError(error.message) from error


def read_resource(value: Any) -> tuple[ObjectId, bytes | None]:
    """Return the inverse of :func:`resource`; FormatError."""
    record = strict.members(value)
    oid = strict.path(record.get("name"))
    digests = strict.members(record.get("digest"))
    if strict.hexadecimal(digests.get(OBJECT), 20) != oid.digest:
        raise FormatError("an object's path and its digest do not agree")
    return oid, strict.optional(digests.get(TREE), lambda text: strict.hexadecimal(text, 32))
