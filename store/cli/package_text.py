"""A package as a person asks for it: as text, and as JSON has it."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from store.cli.wording import counted
from store.display import printable
from store.model.catalogue import Package
from store.model.derivation import Source
from store.model.locators import shown
from store.model.package_facts import PackageFacts
from store.quantities import seconds_text

_WIDTH = 100
_INDENT = 13

_MOST_SOURCES = 4
"""Sources that are shown with their places; of more, the names alone."""


def package_record(
    facts: PackageFacts, paths: Sequence[str], passed: Collection[str]
) -> dict[str, Any]:
    """Return the facts as JSON has them; ``paths`` are those of the outputs, if realised, and
    ``passed`` the names of the checks that the package passed here."""
    package = facts.package
    return {
        "name": package.name,
        "names": list(facts.names),
        "version": package.version,
        "description": package.description,
        "licence": package.licence,
        "homepage": package.homepage,
        "group": package.group,
        "sources": [
            {
                "name": source.name,
                "sha256": source.sha256,
                "locators": [shown(locator) for locator in source.locators],
            }
            for source in facts.sources
        ],
        "needs": list(facts.needs),
        "needed_by": list(facts.needed_by),
        "users": facts.users,
        "phases": list(facts.phases),
        "seconds": facts.seconds or None,
        "paths": list(paths),
        "check": None if facts.check is None else facts.check.name,
        "checked": _is_passed(facts.check, passed),
        "upstream": None if facts.upstream is None else facts.upstream.name,
        "upstream_passed": _is_passed(facts.upstream, passed),
    }


def package_lines(facts: PackageFacts, paths: Sequence[str], passed: Collection[str]) -> list[str]:
    """Return the facts as lines of text; the arguments are those of :func:`package_record`."""
    package = facts.package
    return [
        printable(f"{package.name} {package.version}".rstrip()),
        *([f"  {printable(package.description)}"] if package.description else []),
        *_row("homepage", [package.homepage] if package.homepage else []),
        *_row("licence", [package.licence] if package.licence else []),
        *_row("group", [package.group] if package.group else []),
        *_row("also named", [_joined(name for name in facts.names if name != package.name)]),
        *_row("from", _sources(facts.sources)),
        *_row("needs", [_joined(facts.needs)]),
        *_row("needed by", [_users(facts)]),
        *_row("phases", [_joined(facts.phases)]),
        *_row("takes", [f"about {seconds_text(facts.seconds)}"] if facts.seconds else []),
        *_row("in store", paths or [f"not yet: `store realise {package.name}`"]),
        *_row("check", _check(facts.check, passed, facts.package.name)),
        *_row("its tests", _check(facts.upstream, passed, f"{facts.package.name} --upstream")),
        *_row("more", [f"`store show --derivation {package.name}`, `store tree {package.name}`"]),
    ]


def _sources(sources: Sequence[Source]) -> list[str]:
    if len(sources) > _MOST_SOURCES:
        names = _joined(source.name for source in sources)
        return [f"{counted(len(sources), 'file')}: {names}"]
    return [
        line
        for source in sources
        for line in (*map(shown, source.locators), f"sha256 {source.sha256}")
    ]


def _users(facts: PackageFacts) -> str:
    if not facts.needed_by:
        return "no other package"
    names = _joined(facts.needed_by)
    return f"{names}; with all above them, {counted(facts.users, 'package')}"


def _is_passed(check: Package | None, passed: Collection[str]) -> bool:
    return check is not None and check.name in passed


def _check(check: Package | None, passed: Collection[str], words: str) -> list[str]:
    if check is None:
        return []
    return ["passed" if check.name in passed else f"not yet: `store check {words}`"]


def _joined(names: Iterable[str]) -> str:
    return ", ".join(names)


def _row(label: str, texts: Sequence[str]) -> list[str]:
    """Return a label and texts beside it, long ones on several lines; nothing without a text."""
    lines = [
        line
        for text in texts
        for line in textwrap.wrap(
            printable(text), _WIDTH - _INDENT, break_long_words=False, break_on_hyphens=False
        )
    ]
    labels = [label, *("" for _ in lines)]
    return [f"{head:{_INDENT}}{line}" for head, line in zip(labels, lines, strict=False)]
