"""The blocks of a page of the documentation, and the systemd units among them."""

from __future__ import annotations

import re
import shlex
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"


def page(name: str) -> str:
    """The text of a page."""
    return (DOCS / name).read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The blocks of a language in a page, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def typed(text: str, language: str = "console") -> list[list[str]]:
    """The commands of each block that a user or root types at a prompt, one line each."""
    found = [re.findall(r"^[$#] (.+)$", each, re.MULTILINE) for each in blocks(text, language)]
    return [lines for lines in found if lines]


@dataclass(frozen=True)
class Unit:
    """A unit, with its file's name, and the values of each of its settings, in order."""

    name: str
    text: str

    @property
    def settings(self) -> dict[str, list[str]]:
        """The values by names; a line that ends in a backslash goes on in the next one."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for line in self.text.replace("\\\n", " ").splitlines():
            name, equals, value = line.partition("=")
            if equals and not line.startswith("#"):
                found[name.strip()].append(value.strip())
        return dict(found)

    def commands(self, name: str = "ExecStart") -> list[list[str]]:
        """The words of each command."""
        return [shlex.split(each) for each in self.settings.get(name, ())]

    @property
    def environment(self) -> dict[str, str]:
        """The variables that it sets."""
        words = [
            word for each in self.settings.get("Environment", ()) for word in shlex.split(each)
        ]
        return {name: value for name, _, value in (word.partition("=") for word in words)}

    def moved(self, places: Mapping[str, object]) -> Unit:
        """Return it with other places for some of its own."""
        return replace(self, text=moved(self.text, places))


def units(text: str) -> dict[str, Unit]:
    """The units of a page by the names of their files, which stand before a block, or on top of
    it."""
    found: dict[str, Unit] = {}
    for before, body in re.findall(r"([^\n]*)\n\n?```ini\n(.*?)^```$", text, re.M | re.S):
        names = re.findall(r"/etc/systemd/system/([\w-]+\.\w+)", before + body.partition("\n")[0])
        assert names, f"nothing says which file this is: {body}"
        found[names[-1]] = Unit(names[-1], body)
    return found


def moved(text: str, places: Mapping[str, object]) -> str:
    """Return a text with other places for some of those in it, each of which must be in it."""
    for old, new in places.items():
        assert old in text, f"{old} is not in {text}"
        text = text.replace(old, str(new))
    return text
