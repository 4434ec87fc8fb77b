"""The differences between two generations, package by package."""

from __future__ import annotations

from typing import Any, NamedTuple

from store.profiles.installed import Installed, InstalledPackage


class PackageChange(NamedTuple):
    """A package that was added (``before`` is None), removed (``after`` is), or changed."""

    before: InstalledPackage | None
    after: InstalledPackage | None

    @property
    def name(self) -> str:
        """The package's name."""
        package = self.after or self.before
        assert package is not None
        return package.name

    @property
    def kind(self) -> str:
        """``added``, ``removed``, ``upgraded`` (another version), ``rebuilt`` (other objects), or
        ``set`` (another request or priority alone)."""
        if self.before is None:
            return "added"
        if self.after is None:
            return "removed"
        if self.before.version != self.after.version:
            return "upgraded"
        return "rebuilt" if self.before.objects != self.after.objects else "set"

    def to_record(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "change": self.kind,
            "name": self.name,
            "before": None if self.before is None else self.before.to_record(),
            "after": None if self.after is None else self.after.to_record(),
        }


def compare(before: Installed, after: Installed) -> list[PackageChange]:
    """Return the packages that differ, by name."""
    names = sorted({*before.packages, *after.packages})
    pairs = [(before.packages.get(name), after.packages.get(name)) for name in names]
    return [PackageChange(*pair) for pair in pairs if pair[0] != pair[1]]
