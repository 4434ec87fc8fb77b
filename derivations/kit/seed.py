"""Seeds: pinned binaries, unpacked into the root file systems of the first stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from derivations.kit.sources import SYSTEM, UNPACK
from store.errors import EvaluationError
from store.model.derivation import Derivation, Source

USERLAND = "userland"
COMPILER = "compiler"

_UNUSED = ("etc", "var", "usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man")
"""Of no use in a build, and the sandbox has an ``/etc`` of its own."""

_FIELDS = {"name", "version", "sha256", "role"}


@dataclass(frozen=True)
class Part:
    """One package of a seed; the links (path, target) and unpack options that go with it."""

    source: Source
    role: str
    links: tuple[tuple[str, str], ...]
    options: tuple[str, ...]


@dataclass(frozen=True)
class Seed:
    """A seed as its ``seed.json`` tells it; ``links`` are paths and targets, for a merged /usr."""

    name: str
    description: str
    links: tuple[tuple[str, str], ...]
    parts: tuple[Part, ...]

    @classmethod
    def from_json(cls, name: str, value: Mapping[str, Any]) -> Seed:
        """From the parsed file; EvaluationError when it lacks something."""
        try:
            seed = cls(
                name=value["name"],
                description=value["description"],
                links=tuple(value["links"].items()),
                parts=tuple(_part(name, package) for package in value["packages"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise EvaluationError(f"the seed {name!r} lacks or garbles {error}") from error
        if seed.name != name:
            raise EvaluationError(f"the seed in {name!r} calls itself {seed.name!r}")
        return seed

    def sources(self, *roles: str) -> tuple[Source, ...]:
        """The packages that play one of these roles, in the seed's order."""
        return tuple(part.source for part in self.parts if part.role in roles)

    def rootfs(self, label: str, *roles: str) -> Derivation:
        """A root file system of the packages with these roles, called ``seed-<name>-<label>``."""
        refs = [source.ref() for source in self.sources(*roles)]
        parts = [part for part in self.parts if part.role in roles]
        links = [link for part in parts for link in part.links]
        moves = [f"move={path}:{target}" for path, target in self.links]
        return Derivation(
            name=f"seed-{self.name}-{label}",
            system=SYSTEM,
            builder=UNPACK,
            args=(
                *(f"archive={ref}" for ref in refs),
                *(f"exclude={path}" for path in _UNUSED),
                *(option for part in parts for option in part.options),
                *moves,
                *(f"link={path}:{target}" for path, target in (*self.links, *links)),
            ),
            inputs=tuple(sorted(refs)),
        )


def _part(seed: str, package: Mapping[str, Any]) -> Part:
    missing = sorted(_FIELDS - set(package))
    if missing:
        raise EvaluationError(f"a package of the seed {seed!r} lacks {', '.join(missing)}")
    if package["role"] not in (USERLAND, COMPILER):
        raise EvaluationError(
            f"{package['name']} of the seed {seed!r} has the role {package['role']!r}",
            hint=f"a seed's packages are for the {USERLAND} or the {COMPILER}",
        )
    if ("path" in package) == ("wheel" in package):
        raise EvaluationError(
            f"{package['name']} of the seed {seed!r} needs a path in Debian's pool, or a wheel"
        )
    place = package["path"] if "path" in package else package["wheel"]
    kind = "debian" if "path" in package else "pypi"
    source = Source(place.rpartition("/")[2], package["sha256"], (f"{kind}:{place}",))
    return Part(
        source,
        package["role"],
        tuple(package.get("links", {}).items()),
        tuple(package.get("options", ())),
    )
