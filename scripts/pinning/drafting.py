"""The draft of a recipe: guesses, and ``TODO`` where a person has to read.

The kit refuses a recipe with such a field, so that no draft is taken for a package.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from derivations.kit.groups import GROUP, MODULE, check_name, constant
from derivations.kit.sources import Archive
from scripts.pinning import licences, makers, needs
from scripts.pinning.calls import archive_of, written
from scripts.pinning.index import Release
from scripts.pinning.packaged import Packaged
from scripts.pinning.trees import SourceTree
from store.display import printable
from store.errors import StoreError

TODO = "TODO"
GROUPS = {
    "libs": "libs oldlibs libdevel",
    "servers": "httpd mail",
    "net": "net comm",
    "databases": "database",
    "build": "devel debug",
    "languages": "interpreters lisp haskell ocaml",
    "desktop": "x11 gnome kde xfce",
    "media": "sound video",
}
"""Groups, each with the sections of Debian's that go there; others are groups of their own name."""
_OWN = ("editors", "fonts", "graphics", "perl", "python", "shells", "text", "vcs", "kernel")
_SECTIONS = {section: group for group, sections in GROUPS.items() for section in sections.split()}
_TOOLS = ("dpkg-dev", "linux-libc-dev", "perl-xs-dev")
"""Packages that are called as those for a library are, and have none."""
_WIDTH = 100


@dataclass(frozen=True, kw_only=True)
class Pinned:
    """The pins of a draft: ``address`` and SHA-256 of the archive, and of further parts.

    ``kind`` is ``debian`` or ``pypi``; ``section`` and ``links`` are those of Debian's release;
    ``changes`` are archives that Debian has packaged it with, the likeliest first.
    """

    kind: str
    address: str
    sha256: str
    parts: tuple[tuple[str, str], ...] = ()
    homepage: str = ""
    section: str = ""
    links: str = ""
    changes: tuple[tuple[str, str], ...] = ()

    @property
    def archive(self) -> Archive:
        """The result of the call that pins it."""
        return archive_of(self.kind, self.address, self.sha256, {})

    @property
    def name(self) -> str:
        """The name as the kit takes it from the file."""
        return self.archive.name


def of_release(release: Release, others: Iterable[Release] = ()) -> Pinned:
    """Return the pins of a release; ``others`` are more of the same source.

    Raises StoreError for one without an archive.
    """
    main = release.file("orig") or release.file("native")
    parts = [file for file in release.files if file.kind.startswith("orig-")]
    if main is None and parts:
        main = parts.pop(0)
    changes = {
        (each.path(file), file.sha256): None
        for each in (release, *others)
        if (file := each.file("debian"))
    }
    if main is None:
        raise StoreError(f"{release.source} {release.version} has no archive of its source")
    return Pinned(
        kind="debian",
        address=release.path(main),
        sha256=main.sha256,
        parts=tuple((release.path(file), file.sha256) for file in parts),
        homepage=release.homepage,
        section=release.section.rpartition("/")[2],
        links=release.links,
        changes=tuple(changes),
    )


def group(pinned: Pinned) -> str:
    """Return the group that Debian's section suggests."""
    if pinned.kind == "pypi":
        return "python"
    section = pinned.section
    return _SECTIONS.get(section) or (section if section in _OWN else "cli")


def module(name: str) -> str:
    """Return the name of the module for a package."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


@dataclass(frozen=True)
class Draft:
    """The text of a recipe, and remarks on the guesses in it."""

    text: str
    notes: tuple[str, ...]


def draft(
    pinned: Pinned,
    tree: SourceTree,
    modules: list[str],
    debian: Packaged | None = None,
    *,
    name: str = "",
) -> Draft:
    """Return the draft for a source and its tree; ``modules`` are the recipes', and ``debian`` has
    its words on it. ``name`` is the package's, if it is not the source's."""
    debian = debian or Packaged()
    maker = makers.guess(tree)
    required, optional = (
        [role for role in roles if role != module(pinned.name).replace("_", "-")]
        for roles in needs.guess(tree, maker)
    )
    present, absent = needs.known(required, modules)
    tools, programs_asked = (
        [role for role in needs.known(roles, modules)[0] if role not in makers.implied(maker)]
        for roles in needs.guess_tools(tree, maker)
    )
    licence, from_files = licences.guess(tree)
    held = licences.files(tree)
    programs = makers.programs(tree, maker)
    words = [
        f"{constant(module(name or pinned.name))} = Recipe(",
        *_source(pinned, "source=", ""),
        *_parts(pinned),
        f"    description={written(_unread(debian.description or _described(tree)))},",
        *_remarked(
            f"    licence={written(_unread(licence or debian.licence))},",
            _to_read(from_files, debian),
        ),
        f"    homepage={written(pinned.homepage or TODO)},",
        *_texts("licences", licences.unusual(held) if held else [f"{TODO}: a file that holds it"]),
        *_texts("needs", [*present, *(f"{TODO}-{role}" for role in absent)]),
        *_remark("It looks for more:", optional),
        *_remark("Debian links it with", [n for n in pinned.links.split() if n not in _TOOLS]),
        *_texts("tools", tools),
        *_remark("It looks for programs of", programs_asked),
        *_texts("runs", ["python", *present] if programs and maker.name == "python" else []),
        f"    build={maker.call},",
        *_texts("programs", programs or _unknown_programs(pinned, tree, maker)),
        ")",
    ]
    imports = sorted({"Recipe", pinned.kind, *re.findall(r"\b[a-z]+(?=\()", maker.call)})
    head = [f'"""{TODO}."""', "", f"from derivations.kit import {', '.join(_sorted(imports))}", ""]
    notes = [*maker.notes, *_remarks(pinned.archive.version, tree, absent)]
    return Draft("\n".join([*head, *words, ""]), tuple(notes))


def _sorted(names: list[str]) -> list[str]:
    """Return names in the order of ruff's imports: classes before functions."""
    return sorted(names, key=lambda name: (not name[0].isupper(), name))


def _source(pinned: Pinned, start: str, indent: str) -> list[str]:
    return _call(pinned.kind, pinned.address, pinned.sha256, start, indent)


def _parts(pinned: Pinned) -> list[str]:
    if not pinned.parts:
        return []
    lines = [
        line for address, sha in pinned.parts for line in _call("debian", address, sha, "", "    ")
    ]
    return ["    extra_sources=(", *lines, "    ),"]


def _call(kind: str, address: str, sha256: str, start: str, indent: str) -> list[str]:
    inner = f"{indent}        "
    return [
        f"{indent}    {start}{kind}(",
        f"{inner}{written(address)},",
        f"{inner}{written(sha256)},",
        f"{indent}    ),",
    ]


def _described(tree: SourceTree) -> str:
    table = makers.project(tree).get("project")
    text = table.get("description") if isinstance(table, dict) else None
    return text.rstrip(".")[: _WIDTH - 30] if isinstance(text, str) else ""


def _unread(guess: str) -> str:
    """Return a guess as the kit refuses it until somebody has read and changed it."""
    return f"{TODO}: {guess}" if guess else TODO


def _to_read(paths: list[str], debian: Packaged) -> str:
    """Return what a person should read before the licence stands."""
    more = ", ..." if len(paths) > 3 else ""
    read = f"read {', '.join(paths[:3])}{more}" if paths else ""
    said = f"Debian says {debian.licence}" if debian.licence else ""
    some = f"of some files {', '.join(debian.others[:3])}" if debian.others else ""
    return printable("; ".join(filter(None, (read, said, some))))


def _remarked(line: str, text: str) -> list[str]:
    """Return a line with a comment, behind it or, where that is too long, before it."""
    if not text:
        return [line]
    whole = f"{line}  # {text}"
    if len(whole) <= _WIDTH:
        return [whole]
    before = textwrap.wrap(text, _WIDTH - 6, break_on_hyphens=False)
    return [*(f"    # {each}" for each in before), line]


def _unknown_programs(pinned: Pinned, tree: SourceTree, maker: makers.Maker) -> list[str]:
    """Return the mark for programs that the files of the build system do not name."""
    none = group(pinned) == "libs" or (maker.name == "python" and makers.says_programs(tree))
    return [] if none else [f"{TODO}: those in bin; remove the line if there are none"]


def _remark(start: str, names: list[str]) -> list[str]:
    """Return a comment, in as many lines as it takes."""
    lines = textwrap.wrap(f"{start} {', '.join(names)}.", _WIDTH - 6, break_on_hyphens=False)
    return [f"    # {line}" for line in lines] if names else []


def _texts(field: str, values: list[str]) -> list[str]:
    if not values:
        return []
    texts = [written(value) for value in values]
    inside = ", ".join(texts) + ("," if len(texts) == 1 else "")
    line = f"    {field}=({inside}),"
    if len(line) <= _WIDTH:
        return [line]
    return [f"    {field}=(", *(f"        {text}," for text in texts), "    ),"]


def _remarks(version: str, tree: SourceTree, absent: list[str]) -> list[str]:
    found = []
    if not re.fullmatch(r"v?\d+(\.\d+)*[a-z]?", version):
        found.append(f"its version is {version}; if upstream has another one, give it in the call")
    if absent:
        found.append(f"no recipe is called {', '.join(absent)}")
    found += [
        f"a language of its own: {name}" for name in ("Cargo.toml", "go.mod") if tree.has(name)
    ]
    return found


def check_place(recipes: Path, folder: str, name: str) -> None:
    """Raise StoreError unless a draft can be written as the recipe ``name`` of a group: the group
    or the name may be none, or a recipe may be there."""
    stem = module(name)
    check_name(folder, GROUP, recipes)
    check_name(stem, MODULE, recipes / folder)
    there = [
        path
        for path in recipes.rglob("*.py")
        if path.stem == stem and path.parent != recipes / "kit"  # a maker may have the name
    ]
    if there:
        raise StoreError(f"{there[0]} is there already")


def write(recipes: Path, folder: str, name: str, text: str) -> Path:
    """Write a draft as the recipe ``name`` of a group. Raises StoreError where one is there."""
    check_place(recipes, folder, name)
    path = recipes / folder / f"{module(name)}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
    return path
