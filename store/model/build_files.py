"""The files of a derivation, which stand in ``/build`` when its build begins.

An argument of a program has 128 KiB at most, and all of them together a few megabytes; a file has
no such bound. So scripts and patches are files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from store.canon import Value
from store.display import quoted
from store.errors import FormatError
from store.model import fields

BuildFiles: TypeAlias = tuple[tuple[str, str], ...]
"""Relative path and text of each, sorted by path."""

PLACE: Final = "/build"
"""The folder that they are in, as a builder sees it, which starts there."""

LONGEST_PATH: Final = 255
"""Characters of a path."""

MOST_FILES: Final = 1000
"""Files of one derivation."""

MOST_BYTES: Final = 8 << 20
"""Bytes of the texts of one derivation, as UTF-8."""

LONGEST_WORD: Final = (128 << 10) - 1
"""Bytes of an argument, or of a variable as NAME=value: the kernel takes no more, and a NUL."""

_UTF8: Final = 4
"""Bytes of a character at most."""

_OF_PART: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+=?@,~-"


def check_files(files: BuildFiles) -> None:
    """Raise FormatError for files that no build can have.

    Each part of a path is made of ``A-Z a-z 0-9 . _ + = ? @ , ~ -``, does not begin with ``-``, and
    is neither ``.`` nor ``..``. No path is a folder of another. A text is any text of UTF-8.
    """
    paths = [path for path, _ in files]
    if len(paths) > MOST_FILES:
        raise FormatError(f"{len(paths)} files, and {MOST_FILES} are allowed")
    for path in paths:
        _check_path(path)
    fields.strictly_ascending(paths, "files")
    folders = folders_of(files)
    for path in paths:
        if path in folders:
            raise FormatError(f"{quoted(path)} is a file, and a folder of another one")
    size = sum(_size(path, text) for path, text in files)
    if size > MOST_BYTES:
        raise FormatError(f"files of {size} bytes, and {MOST_BYTES} are allowed")


def check_words(name: str, args: Sequence[str], env: Sequence[tuple[str, str]]) -> None:
    """Raise FormatError for arguments and variables of the derivation ``name`` that the kernel
    starts no program with."""
    whole = sum(map(len, args)) + sum(len(key) + len(value) + 1 for key, value in env)
    if whole * _UTF8 <= LONGEST_WORD:  # so it is with nearly all
        return
    words = [("an argument", text) for text in args]
    words += [(f"the variable {quoted(key)}", f"{key}={value}") for key, value in env]
    for subject, text in words:
        size = len(text.encode("utf-8", "surrogatepass"))
        if size > LONGEST_WORD:
            raise FormatError(
                f"{name}: {subject} has {size} bytes, and {LONGEST_WORD} are allowed",
                hint="a file of the build has room for more",
            )


def folders_of(files: BuildFiles) -> dict[str, None]:
    """Return the folders that the files need, each after the one that it is in."""
    found: dict[str, None] = {}
    for path, _ in files:
        parts = path.split("/")
        found |= dict.fromkeys("/".join(parts[:count]) for count in range(1, len(parts)))
    return found


def to_fields(files: BuildFiles) -> list[Value]:
    """Return the end of a record that has them: nothing when there are none, so that builds
    without files have the record that they had before there were any."""
    return [[list(pair) for pair in files]] if files else []


def from_fields(values: Sequence[Value]) -> BuildFiles:
    """Return the inverse of :func:`to_fields`; FormatError for anything else."""
    if not values:
        return ()
    (value,) = fields.array(list(values), 1)
    files = fields.text_pairs(value)
    if not files:
        raise FormatError("a record without files has no place for them")
    return files


def _check_path(path: str) -> None:
    parts = path.split("/")
    if not 0 < len(path) <= LONGEST_PATH or not path.isascii() or not all(map(_is_part, parts)):
        raise FormatError(
            f"{quoted(path)} cannot name a file in {PLACE}",
            hint=f"a relative path of 1 to {LONGEST_PATH} characters; its parts are of A-Z a-z 0-9 "
            ". _ + = ? @ , ~ -, do not begin with -, and are not . or ..",
        )


def _is_part(part: str) -> bool:
    named = part not in ("", ".", "..") and not part.startswith("-")
    return named and not part.encode().translate(None, _OF_PART)


def _size(path: str, text: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError as error:
        raise FormatError(f"the text of {quoted(path)} has no form in UTF-8") from error
