"""Versions: Debian's order of them (deb-version(7)), Python's, and a release's updates."""

from __future__ import annotations

import re
from typing import NamedTuple

Part = tuple[tuple[tuple[int, ...], int], ...]
_UPDATE = re.compile(r"\+deb\d+u(\d+)(?:\+b\d+)?$")
_RELEASE = re.compile(r"v?(\d+!)?(\d+(?:\.\d+)*)(?:\.?post(\d+))?", re.IGNORECASE)


class DebianVersion(NamedTuple):
    """A version in the form that compares as dpkg compares."""

    epoch: int
    upstream: Part
    revision: Part


def debian_order(version: str) -> DebianVersion:
    """Return the key by which versions of Debian's are sorted."""
    epoch, colon, rest = version.partition(":")
    if not colon or not epoch.isdecimal():
        epoch, rest = "0", version
    upstream, dash, revision = rest.rpartition("-")
    if not dash:
        upstream, revision = rest, ""
    return DebianVersion(int(epoch), _part(upstream), _part(revision))


def _part(text: str) -> Part:
    pairs = re.findall(r"(\D*)(\d*)", text)
    keys = [((*map(_order, letters), 0), int(number or 0)) for letters, number in pairs]
    end = ((0,), 0)
    while keys and keys[-1] == end:
        keys.pop()
    return (*keys, end)  # what follows a shorter version is compared with its end


def _order(char: str) -> int:
    """Return a character's place: ``~`` before the end of a version (0), letters after it."""
    if char == "~":
        return -1
    return ord(char) if char.isalpha() else ord(char) + 256


def upstream(version: str) -> str:
    """Return the upstream part of a version of Debian's, as it stands in names of files."""
    epoch, colon, rest = version.partition(":")
    rest = rest if colon and epoch.isdecimal() else version
    return rest.rpartition("-")[0] or rest


def updates(version: str) -> int:
    """Return how often a released suite changed the package: K of a version that ends in
    ``+debMuK``; 0 for any other."""
    match = _UPDATE.search(version)
    return int(match[1]) if match else 0


def python_order(version: str) -> tuple[int, tuple[int, ...], int] | None:
    """Return the key by which final releases of Python packages are sorted; None for others."""
    match = _RELEASE.fullmatch(version)
    if match is None:
        return None
    numbers = [int(number) for number in match[2].split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return int((match[1] or "0!")[:-1]), tuple(numbers), int(match[3] or -1)
