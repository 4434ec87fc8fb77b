"""Names and paths behind ``/store/``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from store.digest import OBJECT_DIGEST_SIZE, TEXT_SIZE, from_text, from_texts, to_text, to_texts
from store.display import quoted
from store.errors import FormatError, InvalidName

STORE_DIR = "/store"
"""Where programs see the store, wherever it is physically."""

LONGEST_NAME = 200
"""Characters of an object's or derivation's name."""

LONGEST_OUTPUT = 32
"""Characters of an output's name."""

_SMALL = b"abcdefghijklmnopqrstuvwxyz"
_OF_OUTPUT = _SMALL + b"0123456789_"
_OF_NAME = _SMALL.upper() + _OF_OUTPUT + b".+=?-"


def check_name(name: str) -> str:
    """Return ``name`` itself, when it can name an object or derivation; InvalidName otherwise."""
    # A name is checked for every object that is looked at, so this is the quickest way: the rest is
    # empty without the characters that may be there.
    if (
        not 0 < len(name) <= LONGEST_NAME
        or not name.isascii()
        or name.encode().translate(None, _OF_NAME)
        or name[0] == "."
    ):
        raise InvalidName(
            f"{quoted(name)} cannot name a store object",
            hint="1 to 200 of A-Z a-z 0-9 . _ + = ? -, the first not a dot",
        )
    return name


def check_names(names: Sequence[str]) -> None:
    """Raise InvalidName unless all of them can name an object: as :func:`check_name`, for
    thousands."""
    text = "\n".join(["", *names, ""])
    if (
        not text.isascii()
        or text.encode().translate(None, _OF_NAME + b"\n")
        or text.count("\n") != len(names) + 1
        or "\n\n" in text
        or "\n." in text
        or max(map(len, names), default=0) > LONGEST_NAME
    ):
        for name in names:
            check_name(name)


def check_output(output: str) -> str:
    """Return ``output`` itself, when it can name an output; InvalidName otherwise."""
    if output == "out":  # nearly all are
        return output
    if (
        not 0 < len(output) <= LONGEST_OUTPUT
        or not output.isascii()
        or output.encode().translate(None, _OF_OUTPUT)
        or not output[0].isalpha()
    ):
        raise InvalidName(f"{quoted(output)} cannot name an output", hint="a-z, then a-z 0-9 _")
    return output


def object_name(name: str, output: str) -> str:
    """Return the name of the object that output ``output`` of a derivation called ``name``
    becomes."""
    return name if output == "out" else f"{name}-{output}"


class _Identity(NamedTuple):
    digest: bytes
    name: str


class ObjectId(_Identity):
    """A store object's identity: a 20-byte digest and a name, in this order."""

    __slots__ = ()

    def __new__(cls, digest: bytes, name: str) -> ObjectId:
        """Make an identity; FormatError or InvalidName for values that no object has."""
        if len(digest) != OBJECT_DIGEST_SIZE:
            raise FormatError(f"an object digest has 20 bytes, not {len(digest)}")
        check_name(name)
        return tuple.__new__(cls, (digest, name))

    def __str__(self) -> str:
        return f"{to_text(self.digest)}-{self.name}"

    @property
    def text(self) -> str:
        """The digest's 32 characters."""
        return to_text(self.digest)

    @property
    def path(self) -> str:
        """The path that programs see: ``/store/<digest>-<name>``."""
        return f"{STORE_DIR}/{self}"

    @classmethod
    def parse(cls, text: str) -> ObjectId:
        """Parse ``<digest>-<name>``; FormatError or InvalidName otherwise."""
        if text[TEXT_SIZE : TEXT_SIZE + 1] != "-":
            raise FormatError(f"{quoted(text)} is not <digest>-<name>")
        return cls(from_text(text[:TEXT_SIZE]), text[TEXT_SIZE + 1 :])

    @classmethod
    def from_path(cls, path: str) -> ObjectId:
        """Parse ``/store/<digest>-<name>`` or anything below it."""
        prefix = STORE_DIR + "/"
        if not path.startswith(prefix):
            raise FormatError(f"{quoted(path)} is not below {STORE_DIR}")
        return cls.parse(path[len(prefix) :].partition("/")[0])


def object_in(text: str) -> ObjectId | None:
    """Return the object of a path below a store's folder, or of ``<digest>-<name>``; None of any
    other text."""
    _, slash, rest = text.rpartition(f"{STORE_DIR}/")
    name = rest.partition("/")[0] if slash else text
    try:
        return ObjectId.parse(name)
    except (FormatError, InvalidName):
        return None


def object_ids(pairs: Sequence[Sequence[object]]) -> list[ObjectId]:
    """Return an identity of each pair of a digest and a name, for thousands: FormatError or
    InvalidName for what no object has."""
    if not pairs:
        return []
    if set(map(len, pairs)) != {2}:
        raise FormatError("an identity is a digest and a name")
    digests, names = zip(*pairs, strict=True)
    if set(map(type, digests)) != {bytes} or set(map(type, names)) != {str}:
        raise FormatError("an identity is a digest, which is bytes, and a name, which is a text")
    if set(map(len, digests)) != {OBJECT_DIGEST_SIZE}:
        raise FormatError("an object digest has 20 bytes")
    check_names(names)
    return list(map(partial(tuple.__new__, ObjectId), pairs))


def parse_all(names: Sequence[str]) -> list[ObjectId]:
    """Act as :meth:`ObjectId.parse` of each, for thousands."""
    if {name[TEXT_SIZE : TEXT_SIZE + 1] for name in names} - {"-"}:
        return list(map(ObjectId.parse, names))  # one of them names the fault
    digests = from_texts([name[:TEXT_SIZE] for name in names])
    return object_ids(list(zip(digests, [name[TEXT_SIZE + 1 :] for name in names], strict=True)))


def names_of(oids: Sequence[ObjectId]) -> list[str]:
    """Return ``<digest>-<name>`` of each, for thousands."""
    return texts([oid[0] for oid in oids], [oid[1] for oid in oids])


def texts(digests: Sequence[bytes], names: Sequence[str]) -> list[str]:
    """Return ``<digest>-<name>`` of each object: as ``str(oid)``, for thousands."""
    return [f"{text}-{name}" for text, name in zip(to_texts(digests), names, strict=True)]
