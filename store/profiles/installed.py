"""The packages of a generation, as its list in the object says."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from store.display import quoted, reason
from store.errors import FormatError, StoreError
from store.model.names import ObjectId

LIST: Final = "manifest.json"
"""The file at the top of a generation that lists its packages."""

USUAL_PRIORITY: Final = 5
"""Of two packages that have different files at one path, the lower number is taken."""

MOST_PRIORITY: Final = 1000
"""The largest number that `store profile install --priority` takes."""

_FORMAT: Final = 1
_FIELDS: Final = {"name", "version", "request", "paths", "priority"}


class InstalledPackage(NamedTuple):
    """A package of a generation. ``request`` is the text that it was asked for by, as ``gcc^lib``;
    or the path of an object, which no upgrade changes. ``objects`` are its outputs' objects."""

    name: str
    version: str
    request: str
    objects: tuple[ObjectId, ...]
    priority: int = USUAL_PRIORITY

    @property
    def pinned(self) -> bool:
        """True if it was asked for as an object, and has no recipe."""
        return self.request.startswith("/")

    def to_record(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "name": self.name,
            "version": self.version,
            "request": self.request,
            "paths": [oid.path for oid in self.objects],
            "priority": self.priority,
        }


class Installed(NamedTuple):
    """All packages of a generation, by name."""

    packages: Mapping[str, InstalledPackage] = {}

    @classmethod
    def of(cls, packages: Iterable[InstalledPackage]) -> Installed:
        """Return the value with these packages; of one name, the last counts."""
        named = {package.name: package for package in packages}
        return cls({name: named[name] for name in sorted(named)})

    def with_packages(self, packages: Iterable[InstalledPackage]) -> Installed:
        """Return these packages with others, which replace those of their names."""
        return Installed.of((*self.packages.values(), *packages))

    def without(self, names: Iterable[str]) -> Installed:
        """Return these packages without some."""
        left = set(names)
        return Installed.of(each for name, each in self.packages.items() if name not in left)

    def objects(self) -> list[ObjectId]:
        """Return the objects of all packages, each once."""
        found = (oid for package in self.packages.values() for oid in package.objects)
        return list(dict.fromkeys(found))

    def encode(self) -> bytes:
        """Return the one text that stands for these packages."""
        packages = [package.to_record() for package in self.packages.values()]
        record = {"format": _FORMAT, "packages": packages}
        return (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode()

    @classmethod
    def decode(cls, data: bytes) -> Installed:
        """Return the inverse of :meth:`encode`; FormatError for anything else."""
        try:
            record = json.loads(data)
            if set(record) != {"format", "packages"} or record["format"] != _FORMAT:
                raise FormatError(f"no list of packages in the form {_FORMAT}")
            return cls.of([_package(each) for each in record["packages"]])
        except StoreError as error:
            raise FormatError(error.message) from None
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise FormatError(f"no list of packages: {reason(error)}") from None


def _package(record: Any) -> InstalledPackage:
    if set(record) != _FIELDS:
        raise FormatError("a package of the list has other fields")
    texts = [record[field] for field in ("name", "version", "request")]
    if not all(type(text) is str for text in (*texts, *record["paths"])):
        raise FormatError("a package of the list has a text that is none")
    if type(record["priority"]) is not int or not record["paths"] or not texts[0]:
        raise FormatError(f"the package {quoted(texts[0])} of the list has no value for a field")
    name, version, request = texts
    objects = tuple(_object(path) for path in record["paths"])
    return InstalledPackage(name, version, request, objects, record["priority"])


def _object(path: str) -> ObjectId:
    oid = ObjectId.from_path(path)
    if oid.path != path:
        raise FormatError(f"{quoted(path)} is no path of an object")
    return oid
