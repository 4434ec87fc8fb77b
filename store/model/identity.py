"""How things get their digests, where that is more than hashing a record.

An object's digest is taken modulo self-reference: every occurrence of the object's own digest text
is blanked with NUL bytes first. A file may have NUL bytes of its own. So the places of the
occurrences are hashed too, and no two different objects have the same digest. In a link's target
they cannot stand, and need no such care.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from store import canon, digest
from store.digest import DigestKind
from store.errors import FormatError
from store.model import fields
from store.model.names import STORE_DIR, ObjectId, check_name, check_output, object_name

BLANK = b"\0" * digest.TEXT_SIZE
"""The text in the place of an object's own digest text while it is hashed."""


def blanked_file(content: bytes, offsets: Sequence[int]) -> bytes:
    """Return the payload of a file that names its own object at ``offsets`` (bytes, ascending).

    ``content`` is the plain BLAKE3 of the file with each occurrence blanked.
    """
    if not offsets:
        return content
    fields.strictly_ascending(offsets, "offsets")
    return digest.keyed(DigestKind.BLANKED_FILE, canon.encode([content, list(offsets)]))


def blanked_stream(content: bytes, count: int, offsets: Iterable[Sequence[int]]) -> bytes:
    """Act as :func:`blanked_file` of ``count`` offsets, more than none, that come in several
    parts."""
    hasher = digest.keyed_hasher(DigestKind.BLANKED_FILE)
    hasher.update(canon.array_head(2) + canon.encode_items([content]) + canon.array_head(count))
    for part in offsets:
        hasher.update(canon.encode_items(part))
    return hasher.digest()


def object_id(
    name: str, blanked_tree: bytes, references: Sequence[ObjectId], refers_to_itself: bool
) -> ObjectId:
    """Return the identity of an object. ``references`` are the *other* objects it names, sorted."""
    fields.strictly_ascending(references, "references")
    record = canon.encode(
        [
            check_name(name),
            blanked_tree,
            [fields.object_id_fields(reference) for reference in references],
            refers_to_itself,
        ]
    )
    return ObjectId(digest.keyed(DigestKind.OBJECT, record)[: digest.OBJECT_DIGEST_SIZE], name)


def scratch(name: str, output: str, salt: str = "") -> ObjectId:
    """Return where output ``output`` of any derivation called ``name`` is built.

    It depends on nothing else, so that every stage and every seed builds at the same path. A
    ``salt`` gives another path of the same length, for an audit that looks for leaks.
    """
    record = canon.encode([check_name(name), check_output(output), salt])
    cut = digest.keyed(DigestKind.SCRATCH, record)[: digest.OBJECT_DIGEST_SIZE]
    return ObjectId(cut, object_name(name, output))


def placeholder(node: bytes, output: str, name: str) -> ObjectId:
    """Return the text in a derivation for an input that is not realised yet; replaced at
    resolution."""
    if len(node) != digest.DIGEST_SIZE:
        raise FormatError("a derivation's digest has 32 bytes")
    cut = digest.keyed(DigestKind.PLACEHOLDER, canon.encode([node, check_output(output)]))
    return ObjectId(cut[: digest.OBJECT_DIGEST_SIZE], name)


def scratch_path(name: str, output: str = "out") -> str:
    """Return the path at which a builder finds, and makes, its own output."""
    return f"{STORE_DIR}/{scratch(name, output)}"
