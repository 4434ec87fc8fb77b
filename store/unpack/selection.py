"""Which members of an archive are unpacked, and where to. Pure.

The options are written as canonical strings, in the order in which they act::

    nested=GLOB      the archive holds another one of this name: unpack that instead
    strip=N          drop the first N parts of each path; shorter paths are dropped whole
    include=GLOB     unpack only what one of these names (repeatable)
    exclude=GLOB     unpack nothing that one of these names (repeatable)
    move=FROM:TO     the file or folder FROM, and all below, is put at TO (repeatable)
    link=PATH:TEXT   at the end, make a symbolic link at PATH that reads TEXT (repeatable)

A glob is matched from the top of the tree. ``*``, ``?`` and ``[...]`` stay within one path part,
``**`` does not; one that names a folder names all below. A glob of ``nested`` without a slash is
matched with the file name alone.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from store.display import quoted
from store.errors import InvalidName

DEFAULT_BYTES = 20 << 30
DEFAULT_ENTRIES = 2_000_000
_KEYS = ("nested", "strip", "include", "exclude", "move", "link")


@dataclass(frozen=True)
class UnpackLimits:
    """The bounds of one unpacking, so that an archive cannot fill the disk."""

    bytes: int = DEFAULT_BYTES
    entries: int = DEFAULT_ENTRIES


@dataclass(frozen=True)
class UnpackOptions:
    """The options above as values; made from strings by ``parse``."""

    nested: str | None = None
    strip: int = 0
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    moves: tuple[tuple[str, str], ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    limits: UnpackLimits = field(default=UnpackLimits(), compare=False)

    def __post_init__(self) -> None:
        if self.strip < 0:
            raise _bad(f"strip={self.strip}", "N is a number, 0 or more")
        for glob in (*self.include, *self.exclude, *([self.nested] if self.nested else [])):
            compile_globs((glob,))
        for source, target in self.moves:
            _check_path(f"move={source}:{target}", source)
            _check_path(f"move={source}:{target}", target)
        for path, text in self.links:
            _check_path(f"link={path}:{text}", path)
            if not text or "\0" in text:
                raise _bad(f"link={path}:{text}", "a link's text is not empty")

    @classmethod
    def parse(cls, args: Sequence[str]) -> UnpackOptions:
        """Return the options that canonical strings mean. Raises InvalidName."""
        values: dict[str, list[str]] = {key: [] for key in _KEYS}
        for arg in args:
            key, equals, value = arg.partition("=")
            if key not in values or not equals or not value:
                raise _bad(arg, f"the options are {'=..., '.join(_KEYS)}=...")
            values[key].append(value)
        return cls(
            nested=_once("nested", values["nested"]),
            strip=_number(_once("strip", values["strip"])),
            include=tuple(values["include"]),
            exclude=tuple(values["exclude"]),
            moves=tuple(_pair("move", value) for value in values["move"]),
            links=tuple(_pair("link", value) for value in values["link"]),
        )

    def args(self) -> list[str]:
        """Return the canonical strings; ``parse`` reads them back to the same value."""
        return [
            *([f"nested={self.nested}"] if self.nested else []),
            *([f"strip={self.strip}"] if self.strip else []),
            *(f"include={glob}" for glob in self.include),
            *(f"exclude={glob}" for glob in self.exclude),
            *(f"move={source}:{target}" for source, target in self.moves),
            *(f"link={path}:{text}" for path, text in self.links),
        ]

    def is_nested(self, path: str) -> bool:
        """Return whether the member at ``path`` is the archive that ``nested`` names."""
        if self.nested is None:
            return False
        subject = path if "/" in self.nested else path.rpartition("/")[2]
        return bool(compile_globs((self.nested,)).fullmatch(subject))

    def destination(self, path: str, *, is_link: bool) -> str | None:
        """Return where a member at ``path`` goes; None when it is not unpacked, "" for the tree's
        top.

        A symbolic link that stands at FROM of a ``move`` is not moved: it is what some packages
        have in place of the folder.
        """
        parts = path.split("/", self.strip) if self.strip else [path]
        if len(parts) <= self.strip:
            return None
        kept = parts[self.strip]
        if self.include and not compile_globs(self.include).match(kept):
            return None
        if self.exclude and compile_globs(self.exclude).match(kept):
            return None
        for source, target in self.moves:
            if kept.startswith(source + "/"):
                return target + kept[len(source) :]
            if kept == source and not is_link:
                return target
        return kept


@functools.lru_cache(maxsize=64)
def compile_globs(globs: tuple[str, ...]) -> re.Pattern[str]:
    """Return a pattern whose ``match`` tells whether a path, or a folder above it, is named."""
    for glob in globs:
        _check_path(glob, glob.removesuffix("/"))
    alternatives = "|".join(_translate(glob.removesuffix("/")) for glob in globs)
    try:
        return re.compile(f"(?:{alternatives})(?:/|\\Z)", re.DOTALL)
    except re.error:
        raise _bad(", ".join(globs), "a range in brackets goes upwards") from None


def _translate(glob: str) -> str:
    """Return a glob as a regular expression that is matched without trying many ways.

    Where the shortest match of the beginning is as good as any other, it is never taken back. That
    holds for all before the next one of its kind: after a ``*`` within its part of the path, and
    after a ``**`` between slashes.
    """
    parts = glob.split("/")
    if any("**" in part and part != "**" for part in parts):
        if glob.count("**") > _LOOSE:
            raise _bad(glob, f"more than {_LOOSE} times '**', not all between slashes")
        return _translate_freely(glob)
    groups: list[list[str]] = [[]]
    for part in parts[:-1]:
        if part == "**":
            groups.append([])
        else:
            groups[-1].append(_part(part) + "/")
    groups[-1].append(".*" if parts[-1] == "**" else _part(parts[-1]))
    first, *rest = ("".join(group) for group in groups)
    if not rest:
        return first
    middle = "".join(f"(?>(?:[^/]*/)*?{group})" for group in rest[:-1] if group)
    return f"{first}{middle}(?:[^/]*/)*?{rest[-1]}"


def _part(glob: str) -> str:
    """Return a part of a glob, without ``**``."""
    pieces = [_translate_freely(piece) for piece in _split_at_stars(glob)]
    if len(pieces) == 1:
        return pieces[0]
    first, *middle, last = pieces
    middle = [f"(?>[^/]*?{piece})" for piece in middle if piece]
    return f"{first}{''.join(middle)}[^/]*{last}"


def _split_at_stars(part: str) -> list[str]:
    """Return the parts between the stars of a part; one in brackets is none."""
    pieces = [""]
    for match in _TOKEN.finditer(part):
        if match[0] == "*":
            pieces.append("")
        else:
            pieces[-1] += match[0]
    return pieces


_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\[(!?)(\][^\]/]*|[^\]/]+)\]|(.)", re.DOTALL)
_LOOSE = 2
"""How often ``**`` may stand in a glob that has it elsewhere than between slashes."""


def _translate_freely(glob: str) -> str:
    result, position = "", 0
    simple = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    while match := _TOKEN.match(glob, position):
        if match[0] in simple:
            result += simple[match[0]]
        elif match[2]:
            kind = "^/" if match[1] else ""
            result += f"[{kind}{_class(match[2])}]"
        else:
            result += re.escape(match[3])
        position = match.end()
    return result


def _class(members: str) -> str:
    """Return the inside of a glob's bracket as the inside of a regular expression's."""
    return re.sub(r"([\\\[\]^&~|])", r"\\\1", members)


def _check_path(shown: str, path: str) -> None:
    parts = path.split("/")
    if "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise _bad(shown, "paths are relative, without '.', '..' or empty parts")


def _once(key: str, values: list[str]) -> str | None:
    if len(values) > 1:
        raise _bad(f"{key}={values[1]}", f"{key} is given once")
    return values[0] if values else None


def _number(text: str | None) -> int:
    if text is None:
        return 0
    if not re.fullmatch(r"[0-9]{1,3}", text):
        raise _bad(f"strip={text}", "N is a number, 0 or more")
    return int(text)


def _pair(key: str, value: str) -> tuple[str, str]:
    first, colon, second = value.partition(":")
    if not colon:
        raise _bad(f"{key}={value}", f"the form is {key}=PATH:PATH")
    return first, second


def _bad(option: str, hint: str) -> InvalidName:
    return InvalidName(f"{quoted(option)} is not an unpack option", hint=hint)
