"""Packages of files alone."""

from __future__ import annotations

from derivations.kit.build import Build, Phase
from derivations.kit.checked import checked


@checked
def data(*lines: str, tools: tuple[str, ...] = ("coreutils", "findutils", "sed", "sh")) -> Build:
    """Install by these lines, which run in the source's tree."""
    return Build((Phase("install", ('mkdir -p "$out"', "cd /build/src", *lines)),), tools)
