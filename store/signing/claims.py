"""Claims about keys' outputs, in statements of builds and of verdicts, and in plain lines."""

from __future__ import annotations

import json
from dataclasses import dataclass

from store.errors import FormatError
from store.model.names import ObjectId
from store.model.realisation import Realisation
from store.model.verdict import Verdict
from store.sandbox.variation import CONTROL
from store.signing import statement, strict
from store.signing.statement import read_key, read_output

VERDICT = "urn:fixpoint:verdict:v1"
"""The predicate type of an audit's finding."""


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


def claims(payload: bytes) -> tuple[Claim, ...]:
    """Return the claims of a statement about keys' outputs; FormatError for other statements.

    A verdict bears on a key only when it is of a rebuild: other checks compare other things. One
    that differs claims both objects, for its signer has seen both.
    """
    made, tree, kind, predicate = statement.opened(payload)
    if kind == statement.PROVENANCE:
        _, key, output = statement.build_claim(predicate)
        return (Claim(key, output, made, tree),)
    if kind == VERDICT:
        return _verdict_claims(made, tree, predicate)
    if kind == statement.OUTCOME:
        record, tree = statement.recorded(payload)
        return (Claim(record.key, record.output, record.object, tree),)
    raise FormatError("neither SLSA Provenance v1 nor a verdict of ours")


def _verdict_claims(
    expected: ObjectId, tree: bytes | None, predicate: strict.Members
) -> tuple[Claim, ...]:
    output = read_output(predicate.get("output"))
    key = strict.optional(predicate.get("key"), read_key)
    actual = strict.optional(predicate.get("actual"), statement.read_resource)
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


def plain(made: Realisation) -> str:
    """Return the line, unsigned, of a realisation: its key, output and object's path, and no
    more."""
    record = {"key": made.key.hex(), "output": made.output, "path": made.object.path}
    return json.dumps(record, separators=(",", ":"))


def plain_claim(record: strict.Members) -> Claim:
    """Return the claim in the members of such a line; other members are passed over.
    FormatError."""
    oid = strict.path(record.get("path"))
    return Claim(read_key(record.get("key")), read_output(record.get("output")), oid)
