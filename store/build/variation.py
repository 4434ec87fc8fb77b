"""What an audit changes about a build that must not show in its output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True)
class Variation:
    """``salt`` asks for other scratch paths, ``cores`` for another number of processors, and
    ``changes`` are fields of the build request to be replaced.
    """

    name: str
    description: str
    salt: str = ""
    cores: int | None = None
    changes: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


CONTROL = Variation("control", "nothing but the time of day and chance")
