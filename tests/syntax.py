"""The syntax of the project's modules, for tests that read source."""

from __future__ import annotations

import ast
import gc
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from store.system.parallel import uncollected


@cache
def parsed(path: Path) -> ast.Module:
    """Return a module's syntax, which nobody changes."""
    with uncollected():
        tree = ast.parse(path.read_bytes())
    gc.freeze()  # it stays: looking at it for garbage takes longer than all else
    return tree


def statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield a module and all statements in it. Most nodes are parts of their expressions, which are
    not looked at."""
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        yield node
        for field in ("body", "orelse", "finalbody", "handlers", "cases"):
            todo.extend(getattr(node, field, ()))


@cache
def import_statements(path: Path) -> tuple[ast.Import | ast.ImportFrom, ...]:
    """Return all imports of a module, late ones included, in the order of their lines."""
    found = [x for x in statements(parsed(path)) if isinstance(x, ast.Import | ast.ImportFrom)]
    return tuple(sorted(found, key=lambda node: node.lineno))
