"""Pins as they stand in recipes: found in the syntax, replaced in place, never evaluated.

A pin is a call of one of the kit's functions for sources, with literals. The bytes around a literal
that is replaced stay as they are.
"""

from __future__ import annotations

import ast
import codecs
import io
import itertools
import json
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from derivations.kit.sources import Archive, debian, debian_patches, pypi, url
from store.errors import EvaluationError, StoreError

KINDS = ("debian", "debian_patches", "pypi", "url")
MODULES = ("kit", "sources")
"""The modules of the kit that have these functions."""


@dataclass(frozen=True)
class Literal:
    """A text in the code, and the bytes of the file that it takes, ``start`` to ``stop``."""

    value: str
    start: int
    stop: int


@dataclass(frozen=True, kw_only=True)
class Pin:
    """A call that pins a file; ``archive`` is its result, with the name and version.

    ``address`` is the path in the pool, the file of an index, or the URL; ``patches`` are the names
    that follow the hash. ``column`` counts from 1.
    """

    kind: str
    path: Path
    line: int
    column: int
    address: Literal
    sha256: Literal
    version: Literal | None
    archive: Archive
    patches: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The short name: the one by which steps find the tree."""
        return self.archive.name

    @property
    def module(self) -> str:
        """The name of the recipe's module."""
        return self.path.stem

    @property
    def file(self) -> str:
        """The name of the file that is pinned."""
        return self.address.value.rpartition("/")[2]

    @property
    def source(self) -> str:
        """Debian's name of the source package: the folder in the pool."""
        return self.address.value.rpartition("/")[0].rpartition("/")[2]

    @property
    def locator(self) -> str:
        """Where the store fetches it from."""
        return self.archive.source.locators[0]


@dataclass(frozen=True)
class Unreadable:
    """A call that pins something and cannot be read, with the reason."""

    path: Path
    line: int
    reason: str


def find(folder: Path) -> tuple[list[Pin], list[Unreadable]]:
    """Return the pins of all recipes below ``folder`` in the order of their places, and the calls
    that cannot be read. Raises StoreError for a file that is no Python.

    As in an evaluation, a hidden file is no recipe: editors keep locks and copies so."""
    pins: list[Pin] = []
    unreadable: list[Unreadable] = []
    for path in sorted(folder.rglob("*.py")):
        if path.is_dir() or any(part[0] == "." for part in path.relative_to(folder).parts):
            continue
        if not path.is_file():  # a pipe would be waited for
            unreadable.append(Unreadable(path, 1, "neither a file nor a link to one"))
            continue
        for found in read(path, path.read_bytes()):
            if isinstance(found, Pin):
                pins.append(found)
            else:
                unreadable.append(found)
    return pins, unreadable


def read(path: Path, data: bytes) -> Iterator[Pin | Unreadable]:
    """Yield the pins in the code ``data`` of the recipe at ``path``."""
    try:
        tree = ast.parse(data)
    except SyntaxError as error:
        raise StoreError(f"{path} is no Python: line {error.lineno or 1}: {error.msg}") from error
    except ValueError as error:
        raise StoreError(f"{path} is no Python: {error}") from error
    except (MemoryError, RecursionError) as error:  # the parser says both of deep nesting
        raise StoreError(f"{path} is nested too deeply to be read") from error
    kinds, modules = dict(_imported(tree)), frozenset(_modules(tree))
    calls = [
        (kind, node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and (kind := _kind(node.func, kinds, modules))
    ]
    starts = _starts(data)
    for kind, call in sorted(calls, key=lambda found: (found[1].lineno, found[1].col_offset)):
        try:
            yield _pin(kind, call, path, starts)
        except (StoreError, _NoLiteral) as error:
            yield Unreadable(path, call.lineno, str(error))


def _starts(data: bytes) -> list[int] | None:
    """Return the place of each line's first byte; None where columns count other bytes than those
    of the file, which is in another encoding than UTF-8."""
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    if encoding not in ("utf-8", "utf-8-sig"):
        return None
    starts = [0, *itertools.accumulate(map(len, data.splitlines(keepends=True)))]
    if encoding == "utf-8-sig":
        starts[0] = len(codecs.BOM_UTF8)
    return starts


def holds(data: bytes, literal: Literal) -> bool:
    """Return whether ``data`` still has a literal at its place."""
    try:
        return bool(
            ast.literal_eval(f"({data[literal.start : literal.stop].decode()})") == literal.value
        )
    except (SyntaxError, ValueError):
        return False


def rewrite(data: bytes, changes: Iterable[tuple[Literal, str]]) -> bytes:
    """Return ``data`` with other texts in the place of literals."""
    for literal, value in sorted(changes, key=lambda change: -change[0].start):
        data = data[: literal.start] + written(value).encode() + data[literal.stop :]
    return data


def written(text: str) -> str:
    """Return a text as code has it, whatever it holds; characters that cannot be seen are left
    out."""
    return json.dumps("".join(filter(str.isprintable, text)), ensure_ascii=False)


class _NoLiteral(Exception):
    """An argument that is no literal text."""


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the names by which a module knows the kit's functions, each with the kind."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and ".kit" in f".{node.module}":
            for alias in node.names:
                if alias.name in KINDS:
                    yield alias.asname or alias.name, alias.name


def _modules(tree: ast.Module) -> Iterator[str]:
    """Yield the names by which a module knows the kit, or the kit's module of sources."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom | ast.Import):
            for alias in node.names:
                if alias.name.rpartition(".")[2] in MODULES:
                    yield alias.asname or alias.name


def _kind(function: ast.expr, kinds: dict[str, str], modules: frozenset[str]) -> str | None:
    if isinstance(function, ast.Name):
        return kinds.get(function.id)
    if isinstance(function, ast.Attribute) and function.attr in KINDS:
        module = ast.unparse(function.value)
        return function.attr if module in modules or module in MODULES else None
    return None


def _pin(kind: str, call: ast.Call, path: Path, starts: list[int] | None) -> Pin:
    keywords = {each.arg: each.value for each in call.keywords}
    if len(call.args) < 2:
        raise _NoLiteral(f"{kind}() without the address and the SHA-256 in front")
    address, sha256, *names = (_literal(each, starts) for each in call.args)
    version = _literal(keywords["version"], starts) if "version" in keywords else None
    words = {
        str(key): _literal(value, starts).value
        for key, value in keywords.items()
        if key in ("name", "version")
    }
    return Pin(
        kind=kind,
        path=path,
        line=call.lineno,
        column=call.col_offset + 1,
        address=address,
        sha256=sha256,
        version=version,
        archive=archive_of(
            kind, address.value, sha256.value, words, tuple(name.value for name in names)
        ),
        patches=tuple(name.value for name in names),
    )


def _literal(node: ast.expr, starts: list[int] | None) -> Literal:
    if starts is None:
        raise _NoLiteral("the file is in another encoding than UTF-8")
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        raise _NoLiteral(f"{ast.unparse(node)} is no literal text")
    assert node.end_lineno is not None and node.end_col_offset is not None
    start = starts[node.lineno - 1] + node.col_offset
    return Literal(node.value, start, starts[node.end_lineno - 1] + node.end_col_offset)


def archive_of(
    kind: str, address: str, sha256: str, words: dict[str, str], patches: tuple[str, ...] = ()
) -> Archive:
    """Return the result of a call. Raises EvaluationError for what the kit refuses."""
    if kind == "debian_patches":
        return debian_patches(address, sha256, *patches).archive
    if kind == "url":
        if words.keys() != {"name", "version"}:
            raise EvaluationError("url() wants a name and a version")
        return url(address, sha256, name=words["name"], version=words["version"])
    function = debian if kind == "debian" else pypi
    return function(address, sha256, name=words.get("name", ""), version=words.get("version", ""))
