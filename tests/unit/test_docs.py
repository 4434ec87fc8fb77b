"""The developers' pages: all that they name exists, and they name all that there is."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from store.cli.command_line import COMMANDS
from tests.unit.test_layers import LAYERS, modules

TOP = Path(__file__).resolve().parents[2]
ARCHITECTURE = TOP / "docs" / "architecture.md"
GLOSSARY = TOP / "docs" / "glossary.md"
PAGES = [
    TOP / "CONTRIBUTING.md",
    TOP / "CHANGELOG.md",
    TOP / "README.md",
    TOP / "bootstrap-seeds" / "README.md",
    *sorted((TOP / "docs").glob("*.md")),
]


def label(page: Path) -> str:
    """A page's path from the top."""
    return str(page.relative_to(TOP))


def links(page: Path) -> list[tuple[str, str]]:
    """Texts and targets of the links of a page that lead to files of the checkout."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"\[([^\]]*)\]\(([^)\s]+)\)", text)
    return [(name, to) for name, to in found if not to.startswith(("http", "mailto:"))]


def anchors(page: Path) -> set[str]:
    """Return what a link to a heading of the page ends with."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", PAGES, ids=label)
def test_links_lead_to_what_is_there(page: Path) -> None:
    wrong = []
    for _, target in links(page):
        place, _, heading = target.partition("#")
        file = page.parent / place if place else page
        if not file.exists() or (heading and heading not in anchors(file)):
            wrong.append(target)
    assert wrong == []


def defined(path: Path) -> set[str]:
    """The classes, functions and methods of a module, the latter as ``Class.method``."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{each.name}" for each in node.body if hasattr(each, "name")}
        if hasattr(node, "name"):
            found.add(node.name)
    return found


@pytest.mark.parametrize("page", PAGES, ids=label)
def test_named_functions_stand_in_the_files_linked_to(page: Path) -> None:
    wrong = [
        f"{name} in {target}"
        for name, target in links(page)
        if target.endswith(".py") and re.fullmatch(r"`\w+(\.\w+)?`", name)
        if name.strip("`") not in defined(page.parent / target)
    ]
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=label)
def test_commands_and_files_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text()
    named = re.findall(r"(?:`|scripts/|\$ )store ([a-z][a-z-]+)", text)
    files = re.findall(r"\b(?:scripts|tests|derivations|docs)/[\w/]+\.(?:py|md|tsv)\b", text)
    assert [name for name in named if name not in COMMANDS] == []
    assert [file for file in files if "NAME" not in file and not (TOP / file).exists()] == []


def floors() -> list[tuple[int, str]]:
    """The table of floors and rooms."""
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| \S", ARCHITECTURE.read_text(), re.MULTILINE)
    return [(int(floor), room) for floor, room in rows]


def test_the_table_of_floors_is_that_of_the_layers() -> None:
    held = {(floor, room) for floor, (rooms, _) in enumerate(LAYERS) for room in rooms}
    assert set(floors()) == held
    assert [floor for floor, _ in floors()] == sorted(floor for floor, _ in held)


def test_the_picture_of_the_floors_is_that_of_the_layers() -> None:
    match = re.search(r"^```text\n(.*?)^```$", ARCHITECTURE.read_text(), re.MULTILINE | re.DOTALL)
    assert match
    rows = [re.split(r"\s{2,}", line.strip()) for line in match[1].splitlines()]
    drawn = [{word for word in row if any(word in rooms for rooms, _ in LAYERS)} for row in rows]
    assert drawn[::-1] == [rooms for rooms, _ in LAYERS]


def terms() -> set[str]:
    """Return what the glossary explains, in small letters."""
    entries = re.findall(r"^- \*\*([^*]+)\*\*", GLOSSARY.read_text(), re.MULTILINE)
    return {term.strip().lower() for entry in entries for term in entry.split(",")}


def door_terms() -> list[tuple[str, str]]:
    """Each term that a room's door defines, with the room."""
    found = []
    for name, path in modules("store"):
        if path.name == "__init__.py" and name.count(".") == 1:
            door = ast.get_docstring(ast.parse(path.read_text())) or ""
            text = " ".join(door.split())
            found += [(name, term) for term in re.findall(r"(?<!\*)\*(\w[^*]*)\*(?!\*)", text)]
    return found


def forms(term: str) -> set[str]:
    """A term and the words of which it may be a form: ``layers`` of ``layer``."""
    word = term.lower()
    return {word, word.removesuffix("s"), word.removesuffix("es"), re.sub("ies$", "y", word)}


def test_each_term_that_a_door_defines_is_in_the_glossary() -> None:
    named = door_terms()
    assert len(named) > 20
    known = terms()
    assert [f"{room}: {term}" for room, term in named if not forms(term) & known] == []


def test_the_glossary_is_in_order_and_has_each_term_once() -> None:
    entries = re.findall(r"^- \*\*([^*]+)\*\*", GLOSSARY.read_text(), re.MULTILINE)
    firsts = [entry.split(",")[0].lower() for entry in entries]
    assert firsts == sorted(set(firsts))
