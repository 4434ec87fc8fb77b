"""Sources: files fixed by hash, and the trees unpacked from them.

A pin is a call with literals, so that ``scripts/pins`` can read and rewrite it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from derivations.kit.checked import checked
from store.errors import EvaluationError, InvalidName
from store.model.derivation import Derivation, Source
from store.model.locators import check_locator, with_lower_scheme
from store.model.names import check_name

UNPACK = "builtin:unpack"
SYSTEM = "x86_64-linux"

_SUFFIXES = re.compile(r"\.(tar\.(gz|xz|bz2|zst|lzma)|tgz|deb|whl|zip)$")
_PATCH = re.compile(r"([A-Za-z0-9_][A-Za-z0-9._+=@,~-]*/)*[A-Za-z0-9_][A-Za-z0-9._+=@,~-]*")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")
"""Names of sources, each of which is a package, too: ``source.NAME``."""
_OPTION = re.compile(r"strip=[0-9]{1,4}|(include|exclude|nested)=.+|(move|link)=[^:]+:.+")
LONGEST_PATCH = 200
"""Characters of a patch's name."""

_REPACKED = re.compile(r"[.+~-](dfsg|ds|repack)[0-9.+~]*$")


@checked
@dataclass(frozen=True)
class Archive:
    """An archive and how to unpack it; ``options`` are those of ``builtin:unpack``.

    ``name`` is the short name by which a recipe's steps find the tree: ``$<name>_source``.
    """

    name: str
    version: str
    source: Source
    options: tuple[str, ...] = ("strip=1",)
    seconds: int = 0
    """The time that it usually takes to unpack; 0 when it is of no interest."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise EvaluationError(
                f"{self.name[:80]!r} cannot name a source",
                hint="the characters are A-Z a-z 0-9 . _ + -, the first not one of . + -",
            )
        for option in self.options:
            if not _OPTION.fullmatch(option):
                raise EvaluationError(
                    f"{self.name}: nothing is unpacked by the option {option!r}",
                    hint="options are strip=N, include=GLOB, exclude=GLOB, move=FROM:TO, "
                    "link=PATH:TEXT and nested=GLOB",
                )
        if sum(option.startswith("strip=") for option in self.options) > 1:
            raise EvaluationError(f"{self.name}: the option strip stands twice")

    def derivation(self) -> Derivation:
        """Return what unpacks it: the object ``<name>-source-<version>``."""
        return self._derivation

    @cached_property
    def _derivation(self) -> Derivation:
        # Asked for by a build, its check and its upstream's tests.
        ref = self.source.ref()
        return Derivation(
            name=f"{self.name}-source-{self.version}",
            system=SYSTEM,
            builder=UNPACK,
            args=(f"archive={ref}", *self.options),
            inputs=(ref,),
        )


@checked
@dataclass(frozen=True)
class DebianPatches:
    """Single patches out of the archive of changes that Debian makes to a source."""

    archive: Archive
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        for name in self.names:
            check_patch(name)
            if self.names.count(name) > 1:
                raise EvaluationError(f"{self.archive.name}: the patch {name!r} is named twice")


def check_patch(name: str) -> None:
    """EvaluationError for a text that cannot name a patch: a file, or one in a folder."""
    if len(name) > LONGEST_PATCH or not _PATCH.fullmatch(name):
        raise EvaluationError(
            f"{name[:80]!r} cannot name a patch",
            hint=f"at most {LONGEST_PATCH} of A-Z a-z 0-9 . _ + = @ , ~ -, the first of A-Z a-z "
            "0-9 _, and perhaps folders before",
        )


@checked
def debian(
    path: str,
    sha256: str,
    *,
    name: str = "",
    version: str = "",
    options: tuple[str, ...] = ("strip=1",),
    seconds: int = 0,
) -> Archive:
    """A file from Debian's pool, at ``path`` below ``pool/main``.

    It is an upstream archive (``NAME_VERSION.orig.tar.xz``, or with ``.orig-PART``), a native one
    (``NAME_VERSION.tar.xz``) or, where a recipe asks for nothing to be built, a binary package.
    Name and version are the file's, without marks of Debian's repacking. A release's files are
    pinned because every mirror has them for years. EvaluationError for any other file.
    """
    file = path.rpartition("/")[2]
    label, underscore, rest = _SUFFIXES.sub("", file).partition("_")
    found, orig, part = rest.partition(".orig")
    if (
        not underscore
        or not _SUFFIXES.search(file)
        or (not orig and found.endswith(".debian"))
        or (part and not part.startswith("-"))
    ):
        raise EvaluationError(
            f"{name or file}: {file} is neither an upstream archive nor a package of Debian's pool"
        )
    return Archive(
        name or label + part,
        version or _upstream(found.partition("_")[0]),
        _in_pool(path, sha256),
        options,
        seconds,
    )


def _in_pool(path: str, sha256: str) -> Source:
    """Return the file; an object's name has no ``~``."""
    file = path.rpartition("/")[2].replace("~", "-")
    return _source(file, sha256, f"debian:pool/main/{path}")


def _source(file: str, sha256: str, locator: str) -> Source:
    """Return a file; InvalidName for a locator that nothing could be fetched from."""
    check_locator(locator)
    return Source(file, sha256, (locator,))


def _upstream(version: str) -> str:
    """Return a version as upstream has it."""
    version = version.partition("+really")[2] or version
    return _REPACKED.sub("", version).replace("~", "-")


@checked
def debian_patches(path: str, sha256: str, *names: str) -> DebianPatches:
    """Patches ``names`` of ``debian/patches`` in ``NAME_VERSION.debian.tar.xz``, to be applied in
    this order."""
    file = path.rpartition("/")[2]
    label, _, rest = file.partition("_")
    version, mark, _ = rest.partition(".debian.tar.")
    if not mark or not names:
        raise EvaluationError(f"{file}: patches come from a .debian.tar archive, by their names")
    archive = Archive(
        f"{label}-debian",
        version.replace("~", "-"),
        _in_pool(path, sha256),
        # Its folder is debian/; what is not named is not unpacked.
        ("strip=1", *(f"include=patches/{each}" for each in names)),
    )
    return DebianPatches(archive, names)


@checked
def pypi(
    file: str,
    sha256: str,
    *,
    name: str = "",
    version: str = "",
    options: tuple[str, ...] = ("strip=1",),
    seconds: int = 0,
) -> Archive:
    """A source archive from PyPI, ``NAME-VERSION.tar.gz``."""
    label, _, found = _SUFFIXES.sub("", file).rpartition("-")
    if not label or not file.endswith((".tar.gz", ".zip")):
        raise EvaluationError(f"{file} is no source archive of PyPI")
    source = _source(file, sha256, f"pypi:{file}")
    return Archive(
        name or label.lower().replace("_", "-"), version or found, source, options, seconds
    )


@checked
def url(
    address: str,
    sha256: str,
    *,
    name: str,
    version: str,
    options: tuple[str, ...] = ("strip=1",),
    seconds: int = 0,
) -> Archive:
    """An archive at a URL."""
    address = with_lower_scheme(address)
    source = _source(_file_of(address, f"{name}-{version}"), sha256, address)
    return Archive(name, version, source, options, seconds)


def _file_of(address: str, otherwise: str) -> str:
    """Return the name of the file at an address, without a query or parameters: these may be
    secret. A file whose name no object can have is called ``otherwise``."""
    file = re.split(r"[?#;]", address, maxsplit=1)[0].rpartition("/")[2]
    try:
        return check_name(file)
    except InvalidName:
        return otherwise
