"""No shell stands between the words of a user, a recipe or a server and the executed program. A
builder's environment is the derivation's, never this process's."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.syntax import parsed

TOP = Path(__file__).resolve().parents[2]

SHELLS = {
    *("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"),
    *("pty.spawn", "asyncio.create_subprocess_shell", "commands.getoutput"),
}

RUNS = {"subprocess.run", "subprocess.Popen", "subprocess.call", "subprocess.check_call"} | {
    "subprocess.check_output"
}

ENVIRONMENT = {
    *("os.environ", "os.environb", "os.getenv", "os.putenv", "os.execv", "os.execvp", "os.execl"),
    *("os.execlp", "os.spawnv", "os.spawnvp", "os.posix_spawnp", "os.execvpe"),
}
"""Expressions that read this process's environment, or hand it on."""

READS_IT = {
    "system/home": "where the user's folders are",
    "layout/paths": "where the store and the recipes are",
    "fetch/mirrors": "the fetching side: apt's mirror",
    "fetch/indexes": "the fetching side: pip's settings",
    "fetch/bounds": "the fetching side: the largest source",
    "fetch/credentials": "the fetching side: the netrc file",
    "signing/keyring": "where the user's keys are",
    "cache/configuration": "the user's caches",
    "cache/named_caches": "the user's caches: are there any?",
    "recipes/evaluate": "where Python's own libraries are, for the process that runs recipes",
    "recipes/child": "to clear it",
    "cli": "the user's side: options, editor, pager, shell",
}
"""Rooms that may look at the environment, each with what for. No builder is started in them with
more than its derivation's own variables."""


def dotted(node: ast.expr) -> str:
    """``a.b.c`` of a name with attributes, or nothing."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = dotted(node.value)
        return f"{inner}.{node.attr}" if inner else ""
    return ""


def sources(package: str = "store") -> Iterator[tuple[str, ast.Module]]:
    """Every module of the engine, or of the recipes."""
    for path in sorted((TOP / package).rglob("*.py")):
        yield str(path.relative_to(TOP / package).with_suffix("")), parsed(path)


def shells(tree: ast.AST) -> Iterator[str]:
    """Where a module would start a shell, or run a line of text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name) and dotted(node) in SHELLS:
            yield f"{node.lineno}: {dotted(node)}"
        if isinstance(node, ast.ImportFrom) and node.module in ("os", "subprocess", "pty"):
            wrong = [alias.name for alias in node.names if f"{node.module}.{alias.name}" in SHELLS]
            yield from (f"{node.lineno}: {name}" for name in wrong)
        if isinstance(node, ast.Call):
            yield from _wrong_call(node)


def _wrong_call(node: ast.Call) -> Iterator[str]:
    for keyword in node.keywords:
        if keyword.arg == "shell" and not (
            isinstance(keyword.value, ast.Constant) and keyword.value.value is False
        ):
            yield f"{node.lineno}: shell="
    if dotted(node.func) in RUNS:
        words = node.args[0] if node.args else None
        if isinstance(words, ast.Constant | ast.JoinedStr | ast.BinOp) or words is None:
            yield f"{node.lineno}: a command that is no list"


def test_no_module_starts_a_shell_or_runs_a_line_of_text() -> None:
    wrong = [f"{name}:{place}" for name, tree in sources() for place in shells(tree)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "text",
    [
        *("os.system(x)", "subprocess.run(x, shell=True)", "subprocess.run(f'ls {x}')"),
        *("subprocess.run('ls ' + x)", "from os import popen", "run(x, shell=y)", "f = os.popen"),
    ],
)
def test_each_way_of_starting_one_would_be_found(text: str) -> None:
    assert list(shells(ast.parse(text)))


def test_recipes_start_nothing() -> None:
    wrong = [
        f"{name}:{node.lineno}"
        for name, tree in sources("derivations")
        for node in ast.walk(tree)
        if (isinstance(node, ast.Import) and any(a.name == "subprocess" for a in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module == "subprocess")
        or (isinstance(node, ast.Attribute | ast.Name) and dotted(node) in SHELLS)
    ]
    assert not wrong, "\n".join(wrong)


def test_only_the_users_side_and_the_fetching_side_look_at_the_environment() -> None:
    wrong = [
        f"{name}:{node.lineno}: {dotted(node)}"
        for name, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and dotted(node) in ENVIRONMENT
        and not any(name == room or name.startswith(room + "/") for room in READS_IT)
    ]
    assert not wrong, "\n".join(wrong)
