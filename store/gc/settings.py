"""How the store's owner wants it kept, from ``config.toml`` in its root.

::

    [collect]
    min-free = "10 GiB"        # below so much free space, collect before building
    max-free = "30 GiB"        # and stop when so much is free
    older-than = "7d"          # spare objects used lately
    keep-derivations = true    # keep the inputs of live objects
    logs-older-than = "30d"    # remove logs of nothing alive that are older
    logs-size = "4 GiB"        # and the oldest of all logs beyond so many bytes
    kept-older-than = "14d"    # remove kept trees of builds and audits that are older
    keep-generations = "5,30d" # delete all but 5 generations of profiles, and those of 30 days

Without ``min-free`` nothing is collected unasked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from store.gc.policy import KEPT_OLDER_THAN, LOGS_OLDER_THAN, LOGS_SIZE, Policy
from store.layout import config
from store.layout.paths import Layout
from store.local.root_snapshot import UNSEEN
from store.profiles.retention import Retention
from store.quantities import SECONDS

_SIZE = re.compile(r"(\d{1,18}(?:\.\d{1,9})?) ?([KMGTP]?)(?:i?B)?", re.ASCII)
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?) ?([smhdw]?)", re.ASCII)
_SECONDS = {"": 1, **SECONDS}
_KNOWN = {
    "min-free",
    "max-free",
    "older-than",
    "keep-derivations",
    "logs-older-than",
    "logs-size",
    "kept-older-than",
    "keep-unseen-roots",
    "keep-generations",
}


@dataclass(frozen=True)
class Settings:
    """``min_free`` and ``max_free`` in bytes; None when nothing is to be collected unasked."""

    min_free: int | None = None
    max_free: int | None = None
    older_than: float | None = None
    keep_derivations: bool = False
    logs_older_than: float = LOGS_OLDER_THAN
    logs_size: int = LOGS_SIZE
    unseen_roots: float = UNSEEN
    kept_older_than: float = KEPT_OLDER_THAN
    keep_generations: Retention | None = None

    def policy(self) -> Policy:
        """Return the policy of an automatic run."""
        return Policy(
            keep_free=self.max_free,
            older_than=self.older_than,
            keep_derivations=self.keep_derivations,
            logs_older_than=self.logs_older_than,
            logs_size=self.logs_size,
            unseen_roots=self.unseen_roots,
            kept_older_than=self.kept_older_than,
            keep_generations=self.keep_generations,
        )

    def completed(self, asked: Policy) -> Policy:
        """Return the policy of a run by hand: its unset fields are as here, bounds apart."""
        return asked._replace(
            older_than=self.older_than if asked.older_than is None else asked.older_than,
            keep_derivations=asked.keep_derivations or self.keep_derivations,
            logs_older_than=self.logs_older_than,
            logs_size=self.logs_size,
            unseen_roots=self.unseen_roots,
            kept_older_than=self.kept_older_than,
            keep_generations=asked.keep_generations or self.keep_generations,
        )


def load(layout: Layout) -> Settings:
    """Return the store's settings; those of an absent file are the defaults. UsageError names the
    fault of the file."""
    return config.load(layout, parse, "docs/collector.md lists the settings")


def parse(data: bytes) -> Settings:
    """Return the settings in a file's text; ValueError names its fault."""
    collect = config.tables(data).get("collect", {})
    if not isinstance(collect, dict):
        raise config.SettingFault("[collect] is not a table", ("collect",))
    config.refuse_others(collect, _KNOWN, ("collect",))
    keep = collect.get("keep-derivations", False)
    if not isinstance(keep, bool):
        raise _fault("keep-derivations", "is neither true nor false")
    least, most = (_bytes(collect, key) for key in ("min-free", "max-free"))
    if most is not None and least is None:
        raise _fault("max-free", "has no effect without collect.min-free")
    if least is not None and most is not None and most < least:
        raise _fault("max-free", "is less than collect.min-free")
    if least is not None and most is None:
        most = 2 * least  # no more than the least would be one object, and again with each build
    logs = _bytes(collect, "logs-size")
    return Settings(
        min_free=least,
        max_free=most,
        older_than=_seconds(collect, "older-than"),
        keep_derivations=keep,
        logs_older_than=_seconds(collect, "logs-older-than") or LOGS_OLDER_THAN,
        logs_size=LOGS_SIZE if logs is None else logs,
        unseen_roots=_seconds(collect, "keep-unseen-roots") or UNSEEN,
        kept_older_than=_seconds(collect, "kept-older-than") or KEPT_OLDER_THAN,
        keep_generations=_retention(collect, "keep-generations"),
    )


def _fault(key: str, words: str) -> config.SettingFault:
    return config.SettingFault(f"collect.{key} {words}", ("collect", key))


def _bytes(table: Mapping[str, object], key: str) -> int | None:
    value = table.get(key)
    if value is None or (type(value) is int and 0 <= value < 1 << 63):
        return value
    size = parse_size(value) if isinstance(value, str) else None
    if size is None:
        raise _fault(key, 'is no size such as "10 GiB"')
    return size


def _seconds(table: Mapping[str, object], key: str) -> float | None:
    value = table.get(key)
    if value is None:
        return None
    seconds = parse_duration(value) if isinstance(value, str) else None
    if not seconds:  # no time at all spares nothing, on the command line too
        raise _fault(key, 'is no duration such as "12h" or "7d"')
    return seconds


def _retention(table: Mapping[str, object], key: str) -> Retention | None:
    value = table.get(key)
    if value is None:
        return None
    rule = Retention.parse(value) if isinstance(value, str) else None
    if rule is None:
        raise _fault(key, 'is no number or age such as "5", "30d" or "5,30d"')
    return rule


def parse_size(text: str) -> int | None:
    """Return bytes, from ``1000``, ``10G``, ``1.5 GiB``, in powers of 1024; None for anything
    else."""
    match = _SIZE.fullmatch(text.strip())
    return None if match is None else int(float(match[1]) * 1024 ** " KMGTP".index(match[2] or " "))


def parse_duration(text: str) -> float | None:
    """Return seconds, from ``90``, ``10m``, ``12h``, ``7d`` or ``2w``; None for anything else."""
    match = _DURATION.fullmatch(text.strip())
    return None if match is None else float(match[1]) * _SECONDS[match[2]]
