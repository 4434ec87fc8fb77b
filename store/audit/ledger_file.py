"""Ledgers as files: each package's derivation, and its path where the recipes are kept.

A ledger has tab-separated lines, made to be read in diffs, and sorted. The ladder's: seed, package,
output, the derivation's digest in hex, and the store path, ``-`` when it was not built there. The
world's is without seeds: a line holds on each seed that has the derivation.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from store.display import quoted, reason
from store.errors import EvaluationError, FormatError, InvalidName, storage_error
from store.model.names import ObjectId, check_output
from store.system.small import read_small
from store.system.whole_file import replace_file

Place: TypeAlias = tuple[str, str, str]

NOT_BUILT: Final = "-"

LEDGER_LIMIT: Final = 16 << 20
"""Bytes of a ledger, at most: some hundred thousand outputs. Ten times as many of memory."""


@dataclass(frozen=True)
class LedgerKind:
    """One of the ledgers: its file among the recipes, its columns, and the command that writes
    it."""

    file: str
    columns: tuple[str, ...]
    update: str

    @property
    def hint(self) -> str:
        """The way to a ledger that can be read."""
        return f"`{self.update}` writes it anew"

    @property
    def has_seeds(self) -> bool:
        """True if each line is of one seed."""
        return self.columns[0] == "seed"


_COLUMNS: Final = ("package", "output", "derivation", "path")
LADDER: Final = LedgerKind("ledger.tsv", ("seed", *_COLUMNS), "store audit ledger --update")
WORLD: Final = LedgerKind("world.tsv", _COLUMNS, "store audit ledger --world --update")


@dataclass(frozen=True)
class LedgerEntry:
    """One output of a package on a seed; of the world, ``seed`` is empty. ``derivation`` has 32
    bytes."""

    seed: str
    package: str
    output: str
    derivation: bytes
    object: ObjectId | None

    @property
    def place(self) -> Place:
        """The key that no two entries of a ledger share; they are sorted by it."""
        if self.seed:
            return self.seed, self.package, self.output
        return self.package, self.output, self.derivation.hex()


def path_of(recipes: str, kind: LedgerKind = LADDER) -> str:
    """Return where a ledger of a folder of recipes lies."""
    return os.path.join(recipes, kind.file)


def read(path: str, kind: LedgerKind = LADDER) -> dict[Place, LedgerEntry]:
    """Return the entries by their places; EvaluationError when there is no ledger, or it is not
    one."""
    try:
        lines = read_small(path, LEDGER_LIMIT).decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationError(
            f"the ledger cannot be read: {reason(error)}", file=path, hint=kind.hint
        ) from None
    if not lines or tuple(lines[0].split("\t")) != kind.columns:
        raise EvaluationError("not a ledger", file=path, line=1, hint=kind.hint)
    entries = {}
    for number, line in enumerate(lines[1:], 2):
        try:
            entry = _entry(line, kind)
        except (ValueError, FormatError, InvalidName) as error:
            raise EvaluationError(str(error), file=path, line=number, hint=kind.hint) from None
        entries[entry.place] = entry
    return entries


def _entry(line: str, kind: LedgerKind) -> LedgerEntry:
    fields = line.split("\t")
    if kind.has_seeds and not fields[0]:
        raise FormatError("a line without a seed")
    seed, package, output, derivation, path = fields if kind.has_seeds else ("", *fields)
    digest = bytes.fromhex(derivation)
    if len(digest) != 32:
        raise FormatError(f"{quoted(derivation)} is not a derivation's digest")
    made = None if path == NOT_BUILT else ObjectId.from_path(path)
    return LedgerEntry(seed, package, check_output(output), digest, made)


def write(path: str, entries: Iterable[LedgerEntry], kind: LedgerKind = LADDER) -> None:
    """Replace the ledger. Raises StorageError."""
    lines = ["\t".join(kind.columns)]
    for entry in sorted(entries, key=lambda entry: entry.place):
        made = NOT_BUILT if entry.object is None else entry.object.path
        seed = (entry.seed,) if kind.has_seeds else ()
        fields = (*seed, entry.package, entry.output, entry.derivation.hex(), made)
        lines.append("\t".join(fields))
    try:
        replace_file(path, ("\n".join(lines) + "\n").encode())
    except OSError as error:
        remedy = "name a folder of recipes that you may write to with --recipes"
        raise storage_error(error, "cannot write the ledger", remedy=remedy) from error
