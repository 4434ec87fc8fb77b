"""In-toto statements of builds and of verdicts, written and read.

A build is a Statement v1 with a SLSA Provenance v1 predicate, one for each realisation. A verdict
has a predicate type of ours. ``docs/attestations.md`` has every member.

Digests are named by their subjects: ``fixpointObject`` is the 20 bytes of the object's identity,
``fixpointTree`` the 32 of the digest of its tree as it lies on disk, ``blake3`` the plain one of a
file; all in hexadecimal.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn

from store.attest import strict
from store.attest.record import difference_record
from store.attest.signing import PublicKey
from store.errors import FormatError, InvalidName
from store.model.derivation import Resolved
from store.model.names import ObjectId, check_output
from store.model.realisation import Realisation
from store.model.verdict import AuditFinding, Verdict
from store.sandbox.variation import CONTROL

STATEMENT = "https://in-toto.io/Statement/v1"
PROVENANCE = "https://slsa.dev/provenance/v1"
VERDICT = "urn:fixpoint:verdict:v1"
BUILD_TYPE = "urn:fixpoint:resolved-derivation:v1"
OBJECT = "fixpointObject"
TREE = "fixpointTree"

DIFFERENCES_LIMIT = 200
"""Differences that a verdict names; it says how many more there are."""

PAYLOAD_LIMIT = 3 << 20
"""Bytes of a statement."""

LEVELS = ("full", "none", "builtin")
"""The separation of builds from the machine; fetched files are not attested."""

_TEXT_LIMIT = 2000


@dataclass(frozen=True)
class Claim:
    """The claim that the output of a key came out as ``object``; None when the build failed.

    ``tree`` is the digest of the object's tree (32 bytes), when the claim has it; ``varied`` names
    the variation in which the object came out, if any.
    """

    key: bytes
    output: str
    object: ObjectId | None
    tree: bytes | None = None
    varied: str = ""


def provenance(
    made: Realisation, node: Resolved, signer: PublicKey, tree: bytes | None = None
) -> bytes:
    """Return the statement that this machine made an object; ``node`` is the node with the key."""
    inputs = {*node.inputs, *([node.rootfs] if node.rootfs is not None else [])}
    finished = made.started + made.duration / 1000
    run: dict[str, Any] = {
        "builder": {"id": f"urn:fixpoint:key:{signer.id}"},
        "metadata": {
            "invocationId": made.digest().hex(),
            "startedOn": _time(made.started),
            "finishedOn": _time(finished),
            "fixpoint_sandbox": made.level,
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
            "resolvedDependencies": [_resource(oid) for oid in sorted(inputs)],
        },
        "runDetails": run,
    }
    return _statement(made.object, PROVENANCE, predicate, tree)


def verdict(finding: AuditFinding) -> bytes | None:
    """Return the statement of a finding; None for one without an object to speak of, or without a
    verdict.

    Paths of logs stay here: they are this machine's.
    """
    if finding.expected is None or finding.verdict is Verdict.UNKNOWN:
        return None
    shown = finding.differences[:DIFFERENCES_LIMIT]
    predicate = {
        "check": finding.check,
        "verdict": finding.verdict.value,
        "package": finding.subject,
        "output": finding.output,
        "key": None if finding.key is None else finding.key.hex(),
        "actual": None if finding.actual is None else _resource(finding.actual),
        "variation": finding.variation,
        "cause": finding.cause,
        "detail": finding.detail[:_TEXT_LIMIT],
        "seconds": finding.seconds,
        "differences": [_shortened(difference_record(item)) for item in shown],
        "moreDifferences": len(finding.differences) - len(shown),
    }
    return _statement(finding.expected, VERDICT, predicate)


def _statement(
    subject: ObjectId, kind: str, predicate: dict[str, Any], tree: bytes | None = None
) -> bytes:
    record = {
        "_type": STATEMENT,
        "subject": [_resource(subject, tree)],
        "predicateType": kind,
        "predicate": predicate,
    }
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def _resource(oid: ObjectId, tree: bytes | None = None) -> dict[str, Any]:
    digests = {OBJECT: oid.digest.hex()}
    return {"name": oid.path, "digest": digests if tree is None else digests | {TREE: tree.hex()}}


def _shortened(record: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value[:_TEXT_LIMIT] if isinstance(value, str) else value
        for key, value in record.items()
    }


def _time(seconds: float) -> str:
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace(".000", "").replace("+00:00", "Z")


def claims(payload: bytes) -> tuple[Claim, ...]:
    """Return the claims of a statement about keys' outputs; FormatError for other statements.

    A verdict bears on a key only when it is of a rebuild: other checks compare other things. One
    that differs claims both objects, for its signer has seen both.
    """
    record = strict.document(payload, PAYLOAD_LIMIT)
    if record.get("_type") != STATEMENT:
        raise FormatError("not an in-toto Statement v1")
    subjects = strict.items(record.get("subject"), _read_resource, 1)
    if not subjects:
        raise FormatError("a statement needs a subject")
    predicate = strict.members(record.get("predicate"))
    kind = strict.text(record.get("predicateType"), 500)
    if kind == PROVENANCE:
        return _provenance_claims(*subjects[0], predicate)
    if kind == VERDICT:
        return _verdict_claims(*subjects[0], predicate)
    raise FormatError("neither SLSA Provenance v1 nor a verdict of ours")


def _provenance_claims(
    made: ObjectId, tree: bytes | None, predicate: strict.Members
) -> tuple[Claim, ...]:
    definition = strict.members(predicate.get("buildDefinition"))
    if definition.get("buildType") != BUILD_TYPE:
        raise FormatError("the build is of another type")
    given = strict.members(definition.get("externalParameters"))
    return (Claim(_key(given.get("key")), _output(given.get("output")), made, tree),)


def recorded(payload: bytes) -> tuple[Realisation, bytes | None]:
    """Return the record of a build in its statement, and the digest of the object's tree if it is
    there; FormatError for any other statement, a verdict's too.

    ``builder`` and ``host`` are empty: no statement has them.
    """
    record = strict.document(payload, PAYLOAD_LIMIT)
    if record.get("_type") != STATEMENT or record.get("predicateType") != PROVENANCE:
        raise FormatError("not the statement of a build")
    ((made, tree),) = strict.items(record.get("subject"), _read_resource, 1) or (_no_subject(),)
    predicate = strict.members(record.get("predicate"))
    (claim,) = _provenance_claims(made, tree, predicate)
    run = strict.members(predicate.get("runDetails"))
    metadata = strict.members(run.get("metadata"))
    level = strict.text(metadata.get("fixpoint_sandbox"), 100)
    if level not in LEVELS:
        raise FormatError("an unknown sandbox level")
    started, finished = (_milliseconds(metadata.get(name)) for name in ("startedOn", "finishedOn"))
    told = Realisation(
        claim.key,
        claim.output,
        made,
        "",
        "",
        level,
        strict.optional(run.get("byproducts"), _log),
        started // 1000,
        max(finished - started, 0),
    )
    if not told.is_of(_derivation(predicate)):
        raise FormatError("the object's name is not that of the derivation's output")
    return told, tree


def _no_subject() -> NoReturn:
    raise FormatError("a statement needs a subject")


def _derivation(predicate: strict.Members) -> str:
    definition = strict.members(predicate.get("buildDefinition"))
    given = strict.members(definition.get("externalParameters"))
    return strict.text(given.get("derivation"), 1000)


def _log(value: Any) -> bytes | None:
    """Return the plain BLAKE3 of the log, among the byproducts of the object."""
    for item in strict.items(value, strict.members, 100):
        if item.get("name") == "log":
            return strict.hexadecimal(strict.members(item.get("digest")).get("blake3"), 32)
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


def _verdict_claims(
    expected: ObjectId, tree: bytes | None, predicate: strict.Members
) -> tuple[Claim, ...]:
    output = _output(predicate.get("output"))
    key = strict.optional(predicate.get("key"), _key)
    actual = strict.optional(predicate.get("actual"), _read_resource)
    check = strict.text(predicate.get("check"), 100)
    try:
        found = Verdict(strict.text(predicate.get("verdict"), 100))
    except ValueError as error:
        raise FormatError("no verdict of ours") from error
    if check != "rebuild" or key is None:
        return ()
    if found is Verdict.FAILED:
        return (Claim(key, output, None),)
    seen = [Claim(key, output, expected, tree)]
    if found is Verdict.DIFFERS and actual is not None:
        varied = strict.optional(predicate.get("variation"), lambda text: strict.text(text, 100))
        seen.append(Claim(key, output, *actual, "" if varied == CONTROL.name else varied or ""))
    return tuple(seen)


def _key(value: Any) -> bytes:
    return strict.hexadecimal(value, 32)


def _output(value: Any) -> str:
    try:
        return check_output(strict.text(value, 100))
    except InvalidName as error:
        raise FormatError(error.message) from error


def _read_resource(value: Any) -> tuple[ObjectId, bytes | None]:
    record = strict.members(value)
    oid = strict.path(record.get("name"))
    digests = strict.members(record.get("digest"))
    if strict.hexadecimal(digests.get(OBJECT), 20) != oid.digest:
        raise FormatError("an object's path and its digest do not agree")
    return oid, strict.optional(digests.get(TREE), lambda text: strict.hexadecimal(text, 32))


def plain(made: Realisation) -> str:
    """Return the line, unsigned, of a realisation: its key, output and object's path, and no
    more."""
    record = {"key": made.key.hex(), "output": made.output, "path": made.object.path}
    return json.dumps(record, separators=(",", ":"))


def plain_claim(record: strict.Members) -> Claim:
    """Return the claim in the members of such a line; other members are passed over.
    FormatError."""
    oid = strict.path(record.get("path"))
    return Claim(_key(record.get("key")), _output(record.get("output")), oid)
