"""The contents of an image, as the arguments of ``builtin:image``.

The arguments are canonical strings, in this order::

    format=FORMAT        disk, tar or oci
    package=PATH         link the programs of this input into /bin (repeatable, sorted)
    tree=PATH            lay out this input from the top of the image (repeatable, sorted)
    link=PATH:TEXT       make a symbolic link at PATH that reads TEXT (repeatable, sorted)
    manifests=yes        hold the manifests of all objects, in /manifests: a store can then take the
                         objects from the image as from another store
    size=BYTES           of a disk, which else is as small as can be
    label=TEXT           of a disk's root; a container's tag
    entrypoint=WORD      of a container: a word of its command (repeatable, in their order)
    env=NAME=VALUE       of a container: a variable (repeatable, sorted)

An image holds the closure of all inputs under ``/store``. A PATH of an input is its store path.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from store.display import quoted
from store.errors import InvalidName
from store.model.derivation import BUILTIN, Derivation, Ref
from store.model.names import check_name

BUILDER: Final = f"{BUILTIN}image"
FORMATS: Final = {"disk": "img", "tar": "tar", "oci": "oci"}
"""Formats, each with the ending of an image's name."""

LONGEST_LABEL: Final = 15
LONGEST_NAME: Final = 255
LONGEST_TARGET: Final = 4095
"""Bytes of a name in an image, and of a link's text."""

SECTOR: Final = 512
LARGEST_DISK: Final = 0xFFFF_FFFF * SECTOR
"""Bytes: a disk ends with a sector, and the table of partitions counts no more."""

OWN_FOLDERS: Final = ("store", "manifests")
"""Folders at the top of an image with its objects and their manifests, and nothing else."""

_KEYS: Final = ("package", "tree", "link", "manifests", "size", "label", "entrypoint", "env")


@dataclass(frozen=True, kw_only=True)
class ImageRequest:
    """The arguments above as values, checked. InvalidName for one that is not as it must be."""

    format: str
    packages: tuple[str, ...] = ()
    trees: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    manifests: bool = False
    size: int | None = None
    label: str = ""
    entrypoint: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise _bad(f"format={self.format}", f"the formats are {', '.join(FORMATS)}")
        if not self.packages and not self.trees:
            raise InvalidName("an image needs something to hold")
        paths = {path for path, _ in self.links}
        for path, text in self.links:
            _check_link(path, text)
            if any(str(above) in paths for above in PurePosixPath(path).parents):
                raise _bad(f"link={path}:{text}", "it is below another link")
        _check_label(self.label, self.format)
        for name, value in self.env:
            if not name or "=" in name or not (name + value).isprintable():
                raise _bad(f"env={name}={value}", "it is NAME=VALUE, in printable characters")
            if " " in name:  # the only space that is printable; POSIX allows the other characters
                raise _bad(f"env={name}={value}", "a variable's name has no space")
        for word in self.entrypoint:
            if not word.isprintable():
                raise _bad(f"entrypoint={word}", "it holds a character that cannot be shown")
        if self.entrypoint and not self.entrypoint[0]:
            raise _bad("entrypoint=", "a command begins with the name of a program")
        for key, pairs in (("link", self.links), ("env", self.env)):
            names = [name for name, _ in pairs]
            if len(set(names)) < len(names):
                raise InvalidName(f"an image cannot have two {key}=... of one name")
        self._check_applicable()

    def _check_applicable(self) -> None:
        if self.size is not None and (self.format != "disk" or self.size < 1):
            raise _bad(f"size={self.size}", "only a disk has a size, and it is not 0")
        if self.size is not None and (self.size % SECTOR or self.size > LARGEST_DISK):
            raise _bad(
                f"size={self.size}",
                f"a disk has a multiple of {SECTOR} bytes, and {LARGEST_DISK} at most",
            )
        if self.format == "tar" and self.label:
            raise _bad(f"label={self.label}", "a tar has none")
        if self.format != "oci" and (self.entrypoint or self.env):
            raise _bad(f"format={self.format}", "containers alone have an entrypoint or variables")

    @classmethod
    def parse(cls, args: Sequence[str]) -> ImageRequest:
        """Return the request that canonical strings mean. Raises InvalidName."""
        head, *rest = args or ("",)
        found = head.partition("=")
        if found[0] != "format":
            raise _bad(head, "format=FORMAT comes first")
        values: dict[str, list[str]] = {key: [] for key in _KEYS}
        for arg in rest:
            key, equals, value = arg.partition("=")
            if key not in values or not equals:
                raise _bad(arg, f"the arguments are {'=..., '.join(_KEYS)}=...")
            values[key].append(value)
        return cls(
            format=found[2],
            packages=tuple(values["package"]),
            trees=tuple(values["tree"]),
            links=tuple(_pair("link", value, ":") for value in values["link"]),
            manifests=_yes("manifests", values["manifests"]),
            size=_number(_once("size", values["size"])),
            label=_once("label", values["label"]) or "",
            entrypoint=tuple(values["entrypoint"]),
            env=tuple(_pair("env", value, "=") for value in values["env"]),
        )

    def args(self) -> tuple[str, ...]:
        """Return the canonical strings: the same for everything that is the same request."""
        return (
            f"format={self.format}",
            *(f"package={path}" for path in sorted(set(self.packages))),
            *(f"tree={path}" for path in sorted(set(self.trees))),
            *(f"link={path}:{text}" for path, text in sorted(self.links)),
            *(["manifests=yes"] if self.manifests else []),
            *([] if self.size is None else [f"size={self.size}"]),
            *([f"label={self.label}"] if self.label else []),
            *(f"entrypoint={word}" for word in self.entrypoint),
            *(f"env={name}={value}" for name, value in sorted(self.env)),
        )

    def derivation(self, name: str, system: str, inputs: Iterable[Ref]) -> Derivation:
        """Return the derivation of the image ``name`` of packages for ``system``. ``inputs`` have
        all packages and trees among them, and all that links name. Raises InvalidName."""
        check_name(name)
        return Derivation(
            name=name,
            system=system,
            builder=BUILDER,
            args=self.args(),
            inputs=tuple(sorted(set(inputs))),
        )


def _check_link(path: str, text: str) -> None:
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts) or ":" in path or not path.isprintable():
        raise _bad(f"link={path}:{text}", "a path goes from the top, as in bin/sh")
    if parts[0] in OWN_FOLDERS:
        raise _bad(f"link={path}:{text}", f"/{parts[0]} is for objects alone")
    if not text or not text.isprintable():
        raise _bad(f"link={path}:{text}", "a link's text is printable, and not empty")
    if len(text.encode()) > LONGEST_TARGET or any(len(p.encode()) > LONGEST_NAME for p in parts):
        raise _bad(
            f"link={path}:{text}",
            f"a name has {LONGEST_NAME} bytes at most, and a link's text {LONGEST_TARGET}",
        )


def _check_label(label: str, form: str) -> None:
    if not label:
        return
    longest = LONGEST_LABEL if form == "disk" else 128
    plain = label.isascii() and all(c.isalnum() or c in "_.-" for c in label)
    if not plain or label[0] in ".-" or len(label) > longest:
        raise _bad(
            f"label={label}",
            f"it has at most {longest} of A-Z a-z 0-9 _ . - and begins with none of the last two",
        )


def _pair(key: str, value: str, between: str) -> tuple[str, str]:
    left, found, right = value.partition(between)
    if not found:
        raise _bad(f"{key}={value}", f"{quoted(between)} is missing")
    return left, right


def _once(key: str, values: Sequence[str]) -> str | None:
    if len(values) > 1:
        raise _bad(f"{key}={values[1]}", "it stands twice")
    return values[0] if values else None


def _yes(key: str, values: Sequence[str]) -> bool:
    text = _once(key, values)
    if text not in (None, "yes"):
        raise _bad(f"{key}={text}", "it is yes, or it is left out")
    return text == "yes"


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise _bad(f"size={text}", "it is a number of bytes")
    return int(text)


def _bad(text: str, why: str) -> InvalidName:
    return InvalidName(f"an image cannot have {quoted(text)}: {why}")
