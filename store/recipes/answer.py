"""The one thing that crosses from the process that runs recipes: a catalogue or an error, as data.

An answer is not believed: whoever reads it checks each value, and each digest.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from store import canon
from store.canon import Value
from store.errors import (
    Cycle,
    EvaluationError,
    UnfilledRole,
    UnknownOutput,
    UnknownPackage,
)
from store.model import fields
from store.model.catalogue import Buffer, Catalogue, from_fields, to_fields
from store.recipes import reads
from store.recipes.reads import Read, State, is_young

LARGEST: Final = 256 << 20
"""Bytes of an answer."""

LONGEST: Final = 16_384
"""Characters of a message."""

MOST_LINES: Final = 1 << 31
"""The last line that an error can name."""

_LENGTH: Final = 8

_ERRORS: Final = {
    kind.exit_code: kind
    for kind in (EvaluationError, UnknownPackage, UnknownOutput, Cycle, UnfilledRole)
}


class Answer(NamedTuple):
    """The result of an evaluation. ``settled`` is false if a file changed so shortly before it was
    read that another change might not show."""

    catalogue: Catalogue
    reads: dict[Read, State]
    settled: bool


def encode(found: Catalogue, seen: dict[Read, State]) -> bytes:
    """Return a catalogue's answer; FormatError for a value that is none."""
    values, nodes = to_fields(found)
    return join(canon.encode([True, values, reads.to_fields(seen.items())]), nodes)


def encode_error(error: EvaluationError) -> bytes:
    """Return an error's answer."""
    record: list[Value] = [error.exit_code, _cut(error.message), _cut(error.hint or "")]
    line = error.line or 0
    known = line if isinstance(line, int) and 0 < line <= MOST_LINES else 0
    return join(canon.encode([False, *record, _cut(error.file or ""), known]), b"")


def decode(data: bytes, first: int, last: int) -> Answer:
    """Return the inverse of :func:`encode`, with every node decoded and found under its own digest.

    All was read between ``first`` and ``last``, in nanoseconds since 1970.
    Raises the error of :func:`encode_error`; FormatError for anything else.
    """
    record, nodes = part(data)
    values = canon.decode(record)
    if not fields.boolean(values[0] if values else None):
        raise _error(*fields.array(values, 6)[1:])
    _, packages, looked_at = fields.array(values, 3)
    found = from_fields(packages, nodes, checked=True)
    seen = reads.from_fields(looked_at)
    return Answer(found, seen, not any(is_young(state, first, last) for state in seen.values()))


def join(record: bytes, nodes: bytes) -> bytes:
    """Return a record and the encoded nodes behind it: 8 bytes that say the record's length, and
    both. So long a record with all nodes in it would be encoded, and decoded, twice."""
    return len(record).to_bytes(_LENGTH) + record + nodes


def part(data: Buffer) -> tuple[bytes, Buffer]:
    """Return the inverse of :func:`join`."""
    end = _LENGTH + int.from_bytes(data[:_LENGTH])
    return bytes(data[_LENGTH:end]), data[end:]


def _error(code: Value, message: Value, hint: Value, file: Value, line: Value) -> EvaluationError:
    kind = _ERRORS.get(fields.integer(code), EvaluationError)
    error = kind.__new__(kind)
    EvaluationError.__init__(error, _text(message), hint=_text(hint) or None)
    error.file, error.line = _text(file) or None, fields.integer(line) or None
    return error


def _cut(text: str) -> bytes:
    return text[:LONGEST].encode("utf-8", "surrogatepass")


def _text(value: Value) -> str:
    return fields.raw(value).decode("utf-8", "surrogatepass")
