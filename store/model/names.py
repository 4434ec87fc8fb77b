"""Names and paths: what may stand behind ``/store/``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering

from store import digest
from store.errors import FormatError, InvalidName

STORE_DIR = "/store"
"""Where programs see the store, wherever it is physically."""

_NAME = re.compile(r"[A-Za-z0-9_+=?-][A-Za-z0-9._+=?-]{0,199}")
_OUTPUT = re.compile(r"[a-z][a-z0-9_]{0,31}")


def check_name(name: str) -> str:
    """``name`` itself, when it can name an object or derivation; InvalidName otherwise."""
    if not _NAME.fullmatch(name):
        raise InvalidName(
            f"{name!r} cannot name a store object",
            hint="1 to 200 of A-Z a-z 0-9 . _ + = ? -, the first not a dot",
        )
    return name


def check_output(output: str) -> str:
    """``output`` itself, when it can name an output; InvalidName otherwise."""
    if not _OUTPUT.fullmatch(output):
        raise InvalidName(f"{output!r} cannot name an output", hint="a-z, then a-z 0-9 _")
    return output


def object_name(name: str, output: str) -> str:
    """The name of the object that output ``output`` of a derivation called ``name`` becomes."""
    return name if output == "out" else f"{name}-{output}"


@total_ordering
@dataclass(frozen=True)
class ObjectId:
    """A store object's identity: a 20-byte digest and a name."""

    digest: bytes
    name: str

    def __post_init__(self) -> None:
        if len(self.digest) != digest.OBJECT_DIGEST_SIZE:
            raise FormatError(f"an object digest has 20 bytes, not {len(self.digest)}")
        check_name(self.name)

    def __lt__(self, other: ObjectId) -> bool:
        return (self.digest, self.name) < (other.digest, other.name)

    def __str__(self) -> str:
        return f"{digest.to_text(self.digest)}-{self.name}"

    @property
    def text(self) -> str:
        """The digest's 32 characters."""
        return digest.to_text(self.digest)

    @property
    def path(self) -> str:
        """The path that programs see: ``/store/<digest>-<name>``."""
        return f"{STORE_DIR}/{self}"

    @classmethod
    def parse(cls, text: str) -> ObjectId:
        """From ``<digest>-<name>``; FormatError or InvalidName otherwise."""
        if text[digest.TEXT_SIZE : digest.TEXT_SIZE + 1] != "-":
            raise FormatError(f"{text!r} is not <digest>-<name>")
        return cls(digest.from_text(text[: digest.TEXT_SIZE]), text[digest.TEXT_SIZE + 1 :])

    @classmethod
    def from_path(cls, path: str) -> ObjectId:
        """From ``/store/<digest>-<name>`` or anything below it."""
        prefix = STORE_DIR + "/"
        if not path.startswith(prefix):
            raise FormatError(f"{path!r} is not below {STORE_DIR}")
        return cls.parse(path[len(prefix) :].partition("/")[0])
