"""Debian's own words on a source: the description of its packages, and its licences.

Formats: control(5), and copyright files that machines can read (DEP-5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from scripts.pinning.trees import SourceTree

_SPDX = {
    "expat": "MIT",
    "mit": "MIT",
    "x11": "X11",
    "isc": "ISC",
    "zlib": "Zlib",
    "public-domain": "public-domain",
    "artistic": "Artistic-1.0-Perl",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "bsd-4-clause": "BSD-4-Clause",
    "apache-2": "Apache-2.0",
    "boost-1.0": "BSL-1.0",
}
_GNU = re.compile(r"([AL]?GPL)-?v?(\d(?:\.\d)?)(?:\.0)?(\+?)", re.IGNORECASE)


@dataclass(frozen=True)
class Packaged:
    """A description in one line, and an expression of SPDX ids; each "" where none is known.

    ``others`` are licences of some files alone.
    """

    description: str = ""
    licence: str = ""
    others: tuple[str, ...] = ()


def read(tree: SourceTree, name: str) -> Packaged:
    """Return what the folder ``debian`` of the source ``name`` says, itself or in a ``tree``."""
    control = tree.top("control") or tree.top("debian/control") or ""
    copyright = tree.top("copyright") or tree.top("debian/copyright") or ""
    return Packaged(_description(control, name), *_licences(copyright))


def _description(control: str, name: str) -> str:
    """Return that of the package that is called as the source, else of the first one."""
    found = {
        fields["package"]: fields["description"].partition("\n")[0]
        for fields in _stanzas(control)
        if "package" in fields and "description" in fields
    }
    text = (found.get(name) or next(iter(found.values()), "")).partition(" - ")[0]
    text = re.sub(r"\s*\((?:development|runtime|shared)[^)]*\)$", "", text)
    return "" if "$" in text else text[:1].upper() + text[1:]


def _licences(copyright: str) -> tuple[str, tuple[str, ...]]:
    """Return the licence of most files (``Files: *``), and those of others, but not of Debian's."""
    main = ""
    others: dict[str, None] = {}
    for fields in _stanzas(copyright):
        paths = fields.get("files", "debian/").split()
        licence = spdx(fields.get("license", "").partition("\n")[0])
        if paths[:1] == ["*"]:
            main = licence
        elif not all(path.startswith("debian/") for path in paths):
            others[licence] = None
    return main, tuple(each for each in others if each not in ("", main))


def spdx(text: str) -> str:
    """Return an expression of Debian's short names of licences with the ids of SPDX."""
    words = []
    for word in text.replace(",", "").split():
        if word.lower() in ("and", "or", "with"):
            words.append(word.upper())
        else:
            words.append(_identifier(word))
    return " ".join(words)


def _identifier(word: str) -> str:
    match = _GNU.fullmatch(word)
    if match is None:
        return _SPDX.get(word.lower(), word)
    number = match[2] if "." in match[2] else f"{match[2]}.0"
    return f"{match[1].upper()}-{number}-{'or-later' if match[3] else 'only'}"


def _stanzas(text: str) -> Iterator[dict[str, str]]:
    """Yield the fields of each stanza, by their names in small letters."""
    plain = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", plain):
        fields: dict[str, str] = {}
        name = ""
        for line in stanza.splitlines():
            if line[:1] in (" ", "\t") and name:
                fields[name] = f"{fields[name]}\n{line.strip()}".lstrip("\n")
            elif ":" in line:
                name, _, value = line.partition(":")
                name = name.strip().lower()
                fields[name] = value.strip()
        if fields:
            yield fields
