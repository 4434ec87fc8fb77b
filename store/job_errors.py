"""The errors of jobs: a source that cannot be had, or a build that does not yield its outputs.

The tree of all errors, with their exit codes, stands in ``errors``.
"""

from __future__ import annotations

from collections.abc import Sequence

from store.display import printable
from store.errors import StoreError


class SourceError(StoreError):
    """A source cannot be had."""

    exit_code = 20


class HashMismatch(SourceError):
    """The fetched file is not the one that the recipe names; it is kept at ``kept``."""

    exit_code = 21

    def __init__(self, name: str, locator: str, expected: str, actual: str, kept: str) -> None:
        super().__init__(
            f"{name} from {locator} does not have the hash that the recipe names\n"
            f"  expected sha256 {expected}\n"
            f"  received sha256 {actual}",
            hint=f"the file received is kept at {kept}",
        )
        self.expected, self.actual, self.kept = expected, actual, kept

    def tried(self, attempts: Sequence[tuple[str, str]]) -> None:
        """Add each other locator and its reason."""
        others = (f"{place}: {why}" for place, why in attempts if self.actual not in why)
        self.message += "".join(f"\n  {printable(other)}" for other in others)
        self.args = (self.message,)


class FetchFailed(SourceError):
    """No locator of a source could be fetched; ``attempts`` pairs each with its reason."""

    exit_code = 22

    def __init__(self, name: str, attempts: Sequence[tuple[str, str]], hint: str | None = None):
        lines = "".join(f"\n  {printable(place)}: {printable(why)}" for place, why in attempts)
        super().__init__(f"cannot fetch {name}{lines}", hint=hint)
        self.attempts = tuple(attempts)


class Offline(SourceError):
    """A source would have to be fetched, and fetching is switched off."""

    exit_code = 23


class FetchTimeout(SourceError):
    """Fetching took longer than ``--timeout`` allows."""

    exit_code = 25


class FetchSilent(FetchFailed):
    """From no locator a byte came for as long as ``--max-silent-time`` allows."""

    exit_code = 26


class CacheUnusable(SourceError):
    """A cache that cannot be used: it refuses, is silent, forbids, or is none."""

    exit_code = 27


class NotCached(SourceError):
    """Only what a cache has was asked for, and none has all of it."""

    exit_code = 28


class BadArchive(SourceError):
    """An archive is damaged, or tries to leave the folder that it is unpacked into."""

    exit_code = 24


class BuildError(StoreError):
    """A build did not yield its outputs."""

    exit_code = 30


class BuildFailed(BuildError):
    """The builder exited with an error; ``tail`` are lines of its log."""

    exit_code = 31

    def __init__(
        self, name: str, status: str, tail: Sequence[str] = (), hint: str | None = None
    ) -> None:
        shown = "".join(f"\n  | {line}" for line in tail)
        super().__init__(f"building {name} failed: {status}{shown}", hint=hint)
        self.tail = tuple(tail)


class OutputMissing(BuildError):
    """The builder succeeded without making an output that the derivation names."""

    exit_code = 32


class OutputRefused(BuildError):
    """An output holds something that a store object cannot hold."""

    exit_code = 33


class BuildTimeout(BuildError):
    """A build, an unpacking or a taking in ran longer than ``--timeout`` allows."""

    exit_code = 34


class BuildSilent(BuildError):
    """A build wrote nothing to its log, or an unpacking moved nothing, for longer than
    ``--max-silent-time`` allows."""

    exit_code = 35


class DiskReserve(BuildError):
    """The build was stopped because it would have filled the disk."""

    exit_code = 36


class ForbiddenInput(BuildError):
    """The closure of a build's inputs holds an object that its stage must not use."""

    exit_code = 37


class LogTooLarge(BuildError):
    """The build wrote more to its log than ``--max-log-size`` allows."""

    exit_code = 38


class MixedInputs(BuildError):
    """A sandbox would hold two objects of one derivation."""

    exit_code = 39
