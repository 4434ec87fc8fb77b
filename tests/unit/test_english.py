"""The texts of the project are plain English: help, errors, documents, docstrings and comments."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator
from inspect import cleandoc
from pathlib import Path

import click
import pytest

from store.cli.command_line import cli
from tests.syntax import parsed, statements

TOP = Path(__file__).resolve().parents[2]

VERBS = (
    "is|was|are|were|be|has|had|have|can|could|may|might|must|should|would|will|does|did|do|"
    "asks|becomes|began|begins|belongs|builds|came|changed|changes|comes|counts|decides|depends|"
    "differs|ends|ended|fails|failed|fits|follows|followed|gave|gets|gives|goes|happened|happens|"
    "hangs|holds|keeps|kept|lacks|leads|left|lets|lies|made|makes|means|needs|others|refers|runs|"
    "reads|remains|says|shares|stays|stands|stood|takes|took|waits|wants|went|works|writes|wrote"
)

RULES = {
    "a clause with 'what' or 'whether' in front": r"(?:^|[.;:(!?] )(?:what|whether|whose)\b",
    "a clause with 'what' as its subject": rf"\bwhat (?:{VERBS})\b",
    "a bare 'who'": r"(?:^|[,.;:(] |\b(?:and|or|of|for|to|by|with|as|that|than|on|say|says) )who\b",
    "'told'": r"\btold\b",
    "'gone'": r"\bgone\b",
}
"""The worst constructions, each with the pattern that finds it. Case does not count."""


SIGNS = re.compile(r"\b(?:what|whether|whose|who|told|gone)\b", re.IGNORECASE)
"""One word of each rule: most texts have none, and are not looked at closer."""

MOST_WORDS = 25
"""Words between two of ``.!?;:`` in a docstring."""


def prose_of(text: str) -> str:
    """Return a text on one line, with a word in the place of each piece of code."""
    return re.sub(r"``.*?``|`[^`]*`|\"[^\"]*\"", "code", " ".join(text.split()))


def faults(text: str) -> list[str]:
    """Return each worst construction of a text, with its rule. Questions and code are left out."""
    if not SIGNS.search(text):
        return []
    sentences = re.split(r"(?<=[.!?]) (?=[A-Z])", prose_of(text))
    plain = " ".join(part for part in sentences if not part.endswith("?"))
    return [
        f"{rule}: …{plain[max(0, match.start() - 30) : match.end() + 30]}…"
        for rule, pattern in RULES.items()
        for match in re.finditer(pattern, plain, re.IGNORECASE)
    ]


def sources(folder: str) -> Iterator[tuple[str, str]]:
    """Yield the text of each module below a folder, with its path."""
    for path in sorted((TOP / folder).rglob("*.py")):
        yield str(path.relative_to(TOP)), path.read_text("utf-8")


def trees(folder: str = "store") -> dict[str, ast.Module]:
    """Return the parsed modules of the engine, or of another folder, by path."""
    return {path: parsed(TOP / path) for path, _ in sources(folder)}


def suspects(folder: str = "store") -> Iterator[tuple[str, ast.AST]]:
    """Yield the statements in whose lines, comments left out, one of the words of ``SIGNS`` stands,
    with their module's path: no other can have a fault. Most of a module is not looked at."""
    for path, text in sources(folder):
        lines = [
            number
            for number, line in enumerate(text.split("\n"), 1)
            if SIGNS.search(line) and not line.lstrip().startswith("#")
        ]
        for node in statements(parsed(TOP / path)) if lines else ():
            marks = getattr(node, "decorator_list", ())
            first = min((each.lineno for each in marks), default=getattr(node, "lineno", 0))
            if any(first <= line <= getattr(node, "end_lineno", line) for line in lines):
                yield path, node


def strings(statement: ast.AST) -> Iterator[ast.Constant | ast.JoinedStr]:
    """Yield the constants and texts with values in a statement's own expressions. The statements
    below it have theirs, and a text's values are passed over."""
    todo: list[ast.AST] = [statement]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Constant | ast.JoinedStr):
            yield node
        else:
            below = ast.iter_child_nodes(node)
            todo.extend(each for each in below if not isinstance(each, OWN_PLACE))


OWN_PLACE = (ast.stmt, ast.excepthandler, ast.match_case)
"""Nodes that :func:`statements` yields."""


def parts(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield all nodes of a module, each before those below it, as :func:`ast.walk` in half of the
    time."""
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        yield node
        for field in node._fields:
            value = getattr(node, field, None)
            if isinstance(value, list):
                todo.extend(each for each in value if isinstance(each, ast.AST))
            elif isinstance(value, ast.AST) and field != "ctx":
                todo.append(value)


def pieces(node: ast.expr) -> Iterator[str]:
    """Yield the texts of an expression, with ``{}`` for each value in them."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(v.value) if isinstance(v, ast.Constant) else "{}" for v in node.values)
    elif isinstance(node, ast.BinOp | ast.IfExp | ast.BoolOp):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                yield from pieces(child)


def help_pages() -> Iterator[tuple[str, str]]:
    """Yield the texts of all help pages: of each command, of its options, and of the lists."""

    def visit(name: str, command: click.Command) -> Iterator[tuple[str, str]]:
        yield name, command.help or ""
        for option in command.params:
            yield f"{name} {option.name}", getattr(option, "help", None) or ""
        if isinstance(command, click.Group):
            with click.Context(command) as ctx:
                for child in command.list_commands(ctx):
                    found = command.get_command(ctx, child)
                    assert found is not None
                    yield from visit(f"{name} {child}", found)

    yield from visit("store", cli)


def help_literals() -> Iterator[tuple[str, str]]:
    """Yield every help text as the code has it: options, commands' docstrings, lists of commands,
    each with its module."""
    for path, tree in trees().items():
        if not path.startswith("store/cli/"):
            continue
        for node in parts(tree):
            if isinstance(node, ast.keyword) and node.arg == "help":
                for text in pieces(node.value):
                    yield path, text
            elif isinstance(node, ast.FunctionDef) and any(
                re.search(r"\b(command|group)\(", ast.unparse(mark)) for mark in node.decorator_list
            ):
                yield path, (ast.get_docstring(node) or "").partition("\n\n")[0]
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).endswith("COMMANDS"):
                assert isinstance(node.value, ast.Dict)
                for value in node.value.values:
                    for text in pieces(value):
                        yield path, text


def messages() -> Iterator[tuple[str, str]]:
    """Yield the texts of the engine that are no docstrings: errors, hints, lines of commands."""
    for path, statement in suspects():
        for node in strings(statement):
            if isinstance(statement, ast.Expr) and statement.value is node:
                continue
            for text in pieces(node):
                if " " in text:
                    yield f"{path}:{node.lineno}", text


def paragraphs(page: str) -> Iterator[str]:
    """Yield the paragraphs, list items and table rows of a Markdown page, without code blocks and
    headings."""
    prose = re.sub(r"^```.*?^```$", "\n", page, flags=re.MULTILINE | re.DOTALL)
    for block in re.split(r"\n\s*\n|\n(?=\s*(?:[-*|]|\d+\.) ?)|(?<=\|)\n", prose):
        if not block.lstrip().startswith("#"):
            yield block


def cells(block: str) -> list[str]:
    """Return the cells of a table's row, or the block as it is."""
    return block.split("|") if block.lstrip().startswith("|") else [block]


PAGES = sorted([*TOP.glob("docs/*.md"), *TOP.glob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_documents_are_plain_english(page: Path) -> None:
    blocks = [cell for block in paragraphs(page.read_text("utf-8")) for cell in cells(block)]
    assert not [fault for text in blocks for fault in faults(text)]


def test_messages_are_plain_english() -> None:
    found = [f"{place}: {fault}" for place, text in messages() for fault in faults(text)]
    assert not found, "\n".join(found)


def docstrings(statements: Iterable[tuple[str, ast.AST]]) -> Iterator[tuple[str, str]]:
    """Yield the docstrings of modules, classes, functions and values, each with its place."""
    for path, node in statements:
        if isinstance(node, ast.Expr):
            for text in pieces(node.value):
                yield f"{path}:{node.lineno}", text


NO_VERB = re.compile(
    r"(?:[^A-Z]|[A-Z]\w*Error\b|(?:The|An?|All|Always|As|Both|Each|Every|For|From|How|If|In|Its|No|"
    r"None|Not|Nothing|Of|On|One|Only|Several|Since|So|Some|Such|That|These|This|Those|True|False|"
    r"What|When|Where|Whether|Which|Whose|Who|Why|With|Without|Adds|Finds|Makes|Reads|Writes)\b)"
)
"""Beginnings of a docstring that are no imperative."""


def without_verb(node: ast.FunctionDef) -> bool:
    """Return whether a function's docstring does not begin with an imperative. A property has a
    value's, and a command's is its help."""
    marks = " ".join(map(ast.unparse, node.decorator_list))
    text = ast.get_docstring(node) or ""
    return not re.search("property|setter|command|group", marks) and bool(NO_VERB.match(text))


def test_a_functions_docstring_begins_with_a_verb() -> None:
    assert not [
        f"{path}:{node.lineno} {node.name}"
        for path, tree in trees().items()
        for node in statements(tree)
        if isinstance(node, ast.FunctionDef) and without_verb(node)
    ]


@pytest.mark.parametrize("folder", ["store", "derivations", "smoke", "scripts", "tests"])
def test_docstrings_are_plain_english(folder: str) -> None:
    texts = docstrings(suspects(folder))
    found = [f"{place}: {fault}" for place, text in texts for fault in faults(text)]
    assert not found, "\n".join(found)


def long_clauses(text: str) -> Iterator[str]:
    """Yield the clauses of a docstring that have too many words. Tables and code are left out."""
    for paragraph in re.split(r"\n\s*\n|\n(?=- )", cleandoc(text)):
        if not paragraph.startswith((" ", "=", "|")):
            for clause in re.split(r"(?<=[.!?;:]) ", prose_of(paragraph)):
                if len(re.findall(r"[A-Za-z']+", clause)) > MOST_WORDS:
                    yield clause


def test_clauses_of_docstrings_are_short() -> None:
    every = ((path, node) for path, tree in trees().items() for node in statements(tree))
    found = [f"{at}: {clause}" for at, text in docstrings(every) for clause in long_clauses(text)]
    assert not found, "\n".join(found)


def comments() -> Iterator[tuple[str, str]]:
    """Yield the comments, those of several lines as one, each with its place. Modules that have
    none of the words of ``SIGNS`` behind a ``#`` are passed over."""
    for path, source in sources("store"):
        if not re.search(f"#.*{SIGNS.pattern}", source, re.IGNORECASE):
            continue
        block, last = "", (0, 0)
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type != tokenize.COMMENT:
                continue
            if (token.start[0] - 1, token.start[1]) != last:
                yield f"{path}:{last[0]}", block
                block = ""
            block += token.string.lstrip("#")
            last = token.start
        yield f"{path}:{last[0]}", block


def test_comments_are_plain_english() -> None:
    found = [f"{place}: {fault}" for place, text in comments() for fault in faults(text)]
    assert not found, "\n".join(found)


def test_help_is_plain_english() -> None:
    texts = (*help_pages(), *help_literals())
    found = {f"{name}: {fault}" for name, text in texts for fault in faults(text)}
    assert not found, "\n".join(sorted(found))


def test_no_help_text_is_written_twice() -> None:
    texts = Counter(" ".join(text.split()).rstrip(".") for _, text in help_literals())
    assert len(texts) > 100, "the reader finds the help"
    assert not [text for text, number in texts.items() if number > 1 and text]
