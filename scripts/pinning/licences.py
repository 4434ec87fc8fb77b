"""A guess of the SPDX id of a tree's licence, by the words of the usual texts."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator

from scripts.pinning.makers import project
from scripts.pinning.trees import CALLED_BY_ID, SourceTree

_NAMES = "COPYING|LICEN[CS]E|COPYRIGHT|UNLICENSE"
_FILE = re.compile(
    rf"({_NAMES})([.-].*)?|.*[.-]({_NAMES})(\.\w+)?|LICENSES/[^/]+|{CALLED_BY_ID}", re.IGNORECASE
)
_USUAL = re.compile(_NAMES, re.IGNORECASE)
"""How names begin that a build takes along by itself, at the top."""
_OTHERS = re.compile(r"(tests?|examples?|contrib|vendor|third.?party|bundled|deps|debian)$")
"""Folders of files with licences of their own."""
_TAG = re.compile(r"SPDX-License-Identifier:\s*([A-Za-z0-9.+() -]*[A-Za-z0-9.+)])")
_TITLE = 1000
"""Characters at the start of a text that have its title: the GNU licences name each other."""

_TITLES = (
    ("AGPL-3.0", "gnu affero general public license"),
    ("LGPL-2.0", "gnu library general public license"),
    ("LGPL-2.1", "gnu lesser general public license version 2.1"),
    ("LGPL-3.0", "gnu lesser general public license version 3"),
    ("GPL-1.0", "gnu general public license version 1"),
    ("GPL-2.0", "gnu general public license version 2"),
    ("GPL-3.0", "gnu general public license version 3"),
    ("Apache-2.0", "apache license version 2.0"),
    ("MPL-2.0", "mozilla public license version 2.0"),
    ("MPL-1.1", "mozilla public license version 1.1"),
    ("BSL-1.0", "boost software license - version 1.0"),
    ("EPL-2.0", "eclipse public license - v 2.0"),
    ("CC0-1.0", "cc0 1.0 universal"),
    ("Vim", "vim license"),
)
_BSD = "redistribution and use in source and binary forms"
_CHANGED = "with or without modification"
"""Words that older texts of the kind lack, which are other licences."""
_ANY = "any purpose with or without fee"
_GRANTED = "permission is hereby granted, free of charge"
_FAMILIES = (
    {"Unlicense": ("free and unencumbered software released into the public domain",)},
    {"Zlib": ("altered source versions must be plainly marked",)},
    {"PSF-2.0": ("python software foundation license version 2",)},
    {"Artistic-2.0": ("artistic license 2.0",), "Artistic-1.0-Perl": ('the "artistic license"',)},
    {
        "curl": (_ANY, "name of a copyright holder shall not be used"),
        "ISC": (_ANY, "above copyright notice and this permission"),
        "0BSD": (_ANY,),
    },
    {"X11": (_GRANTED, "except as contained in this notice"), "MIT": (_GRANTED,)},
    {
        "BSD-4-Clause": (_BSD, _CHANGED, "all advertising"),
        "BSD-3-Clause": (_BSD, _CHANGED, "endorse or promote"),
        "BSD-2-Clause": (_BSD, _CHANGED),
    },
    {"blessing": ("may you do good and not evil",)},
)
"""Licences by words that a text of theirs has all; the first of a family that fits counts."""


def files(tree: SourceTree) -> list[str]:
    """Return the paths of the files that seem to hold the licence: those nearest to the top."""
    found = [
        name
        for name in tree.texts
        if _FILE.fullmatch(_ending(name))
        and not any(_OTHERS.match(folder.lower()) for folder in name.split("/")[:-1])
    ]
    nearest = min((_depth(name) for name in found), default=0)
    return sorted(name for name in found if _depth(name) == nearest)


def _ending(path: str) -> str:
    """Return the name of a file, with its folder where that says what it holds."""
    return "/".join(path.split("/")[-2:]) if "LICENSES/" in path else path.rpartition("/")[2]


def _depth(path: str) -> int:
    return path.count("/")


def unusual(paths: list[str]) -> list[str]:
    """Return those of the files that no build takes along by itself."""
    return [path for path in paths if "/" in path or not _USUAL.match(path)]


def guess(tree: SourceTree) -> tuple[str, list[str]]:
    """Return an expression of SPDX ids, "" where none is known, and the sources of the guess."""
    paths = files(tree)
    found = [(identifier, path) for path in paths for identifier in _of_text(tree.texts[path])]
    if not found or all("/" in path for path in paths):
        declared = _declared(tree)
        if declared[0] or not found:
            return declared
    identifiers = dict.fromkeys(_complete(identifier, tree) for identifier, _ in found)
    return " AND ".join(identifiers), list(dict.fromkeys(path for _, path in found))


def _of_text(text: str) -> Iterator[str]:
    plain = re.sub(r"[\s*#]+", " ", text.lower()).replace("\N{LEFT DOUBLE QUOTATION MARK}", '"')
    bare = plain.replace(",", "")
    for identifier, title in _TITLES:
        if title in bare[:_TITLE]:
            yield identifier
            return
    if "artistic license" in plain and "gnu general public license" in plain:
        yield "Artistic-1.0-Perl OR GPL-1.0-or-later"  # the terms of Perl itself
        return
    for family in _FAMILIES:
        fits = (name for name, words in family.items() if all(word in plain for word in words))
        yield from itertools.islice(fits, 1)


def _complete(identifier: str, tree: SourceTree) -> str:
    """Return the id of a GNU licence with its end, as the files of code say it."""
    if not re.fullmatch(r"[AL]?GPL-[\d.]+", identifier):
        return identifier
    readme = [text for path, text in tree.texts.items() if path.upper().startswith("README")]
    said = re.sub(r"[\s*#/]+", " ", " ".join((*tree.heads, *readme))).lower()
    later = bool(re.search(r"any later\b|or[- ]later\b", said))
    return f"{identifier}-or-later" if later or not said else f"{identifier}-only"


def _declared(tree: SourceTree) -> tuple[str, list[str]]:
    """Return what a project file or the files of code declare."""
    table = project(tree).get("project")
    licence = table.get("license") if isinstance(table, dict) else None
    if isinstance(licence, dict):
        licence = licence.get("text")
    if isinstance(licence, str) and len(licence) < 80 and licence.isprintable():
        return licence, ["pyproject.toml"]
    meson = re.search(r"\blicense\s*:\s*\[?\s*'([^']+)'", tree.top("meson.build") or "")
    if meson:
        return meson[1], ["meson.build"]
    tags = Counter(tag for head in tree.heads for tag in _TAG.findall(head)[:1])
    return (tags.most_common(1)[0][0], ["its files of code"]) if tags else ("", [])
