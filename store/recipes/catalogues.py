"""Evaluated catalogues, kept so that a command need not run every recipe again.

A kept catalogue is used only while all that its evaluation looked at is as it was. The same holds
for every module of recipes beside it. Its nodes are decoded when they are asked for. Dropping the
cache costs a moment, and nothing else.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Mapping
from typing import NamedTuple

from store import canon, digest
from store.canon import Value
from store.errors import FormatError, StorageError
from store.model import fields
from store.model.catalogue import Buffer, Catalogue, from_fields, to_fields
from store.model.derivation import Source
from store.recipes import reads
from store.recipes.answer import join, part
from store.recipes.reads import KIT, Read, State, state_of, walk
from store.recipes.seeds import linked_seeds
from store.system import owned

_ENGINE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_EVALUATING = ("model", "recipes")
"""Rooms of the engine whose code decides what recipes evaluate to, and"""
_MODULES = ("canon.py", "digest.py", "display.py", "errors.py")
"""modules that do."""

MODULES = "compiled-recipes"
"""The file beside kept catalogues in which compiled recipes are kept."""

LARGEST = 64 << 20
"""Bytes of a kept catalogue; one of ten thousand packages has a tenth of it."""

TRIES = 3
"""Evaluations of recipes that change meanwhile; the result of the last of them is used, and not
kept."""


class Unkept(NamedTuple):
    """A kept catalogue that is to be written to ``path``."""

    path: str
    data: bytes
    mode: int

    def keep(self) -> bool:
        """Write it; returns whether that was possible."""
        with contextlib.suppress(OSError, StorageError):
            _write(self.path, self.data, self.mode)
            return True
        return False


def load(
    path: str,
    recipes: str,
    seed: str,
    *,
    seconds: float | None = None,
    said: Callable[[str], None] | None = None,
    unkept: list[Unkept] | None = None,
) -> Catalogue:
    """Return the catalogue of ``recipes``: from the file ``path`` when it is still true, else
    evaluated.

    A fresh one is written to ``path``, if that is in a folder of this user's; and one is believed
    that this user or root has written. ``seconds`` bounds an evaluation, and ``said`` is given each
    line that recipes print. One that cannot be written goes to ``unkept``, to be kept when there is
    a store. Raises EvaluationError.
    """
    with contextlib.suppress(OSError, StorageError, FormatError):
        return _kept(path, recipes, seed)
    for _ in range(TRIES):
        before = fingerprint(recipes, seed)
        modules = os.path.join(os.path.dirname(path), MODULES)
        found, seen, settled = _evaluate(recipes, seed, seconds, said, modules)
        after = fingerprint(recipes, seed, seen)
        # Looked at only now: a later change makes another fingerprint than ``after``.
        if before == fingerprint(recipes, seed) and _same(seen):
            if settled:
                mode = 0o600 if _has_secrets(found) else 0o644
                made = Unkept(path, encode(after, seen, found), mode)
                if not made.keep() and unkept is not None:
                    unkept.append(made)
            break
    return found


def _evaluate(
    recipes: str,
    seed: str,
    seconds: float | None,
    said: Callable[[str], None] | None,
    modules: str,
) -> tuple[Catalogue, dict[Read, State], bool]:
    from store.recipes import evaluate

    limits = evaluate.within(seconds)
    return evaluate.evaluation(recipes, seed, limits, said or evaluate.say_nothing, modules)


def _kept(path: str, recipes: str, seed: str) -> Catalogue:
    """Return the catalogue in the file; FormatError when it is not that of the recipes any more."""
    with open(owned.open_believed(path), "rb") as stream:
        data = stream.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise FormatError("larger than any that is kept")
    state, seen, found = decode(_whole(data))
    if state != fingerprint(recipes, seed, seen):
        raise FormatError("of other recipes")
    return found


def _same(seen: Mapping[Read, State]) -> bool:
    return all(state_of(read) == state for read, state in seen.items())


def _has_secrets(catalogue: Catalogue) -> bool:
    """Return whether a locator holds a password or token, which is kept, and only for the owner."""
    return any(isinstance(node, Source) and node.has_secrets for node in catalogue.nodes.values())


def _whole(data: bytes) -> Buffer:
    """Return the bytes that were written to the file; FormatError where a power cut left something
    else.

    Nothing waits for the file to be on disk, and a node is looked at only when it is asked for.
    """
    record = memoryview(data)[digest.DIGEST_SIZE :]  # no copy of megabytes
    if digest.file_digest(record) != data[: digest.DIGEST_SIZE]:
        raise FormatError("not the bytes that were written")
    return record


def fingerprint(recipes: str, seed: str, seen: Mapping[Read, State] | None = None) -> bytes:
    """Return 32 bytes that change with the files that were ``seen``, a recipe, a seed's pins, or
    the code that evaluates. A file that cannot be read has a state, too."""
    recipes = os.path.abspath(recipes)
    if not os.path.isfile(os.path.join(recipes, "stages.py")):
        return digest.keyed(digest.DigestKind.CATALOGUE, b"")  # evaluating it says so, in less time
    seeds = os.path.join(os.path.dirname(recipes), "bootstrap-seeds")
    rooms = [f"{_ENGINE}/{room}" for room in _EVALUATING]
    modules = [(False, os.fsencode(f"{_ENGINE}/{name}")) for name in _MODULES]
    record: list[Value] = [os.fsencode(seed), sys.version, os.fsencode(recipes)]
    walked = dict(walk((recipes, seeds, *linked_seeds(seeds), *_kit(recipes), *rooms)))
    record += [[path, *state] for path, state in walked.items()]
    for read in (*modules, *sorted(seen or ())):
        if read[0] or read[1] not in walked:
            record.append([*read, *state_of(read)])
    return digest.keyed(digest.DigestKind.CATALOGUE, canon.encode(record))


def _kit(recipes: str) -> tuple[str, ...]:
    """Return the recipes that come with the engine, where others are evaluated, which may read
    them."""
    return () if os.path.realpath(recipes) == os.path.realpath(KIT) else (KIT,)


def encode(state: bytes, seen: Mapping[Read, State], catalogue: Catalogue) -> bytes:
    """Return a kept catalogue: the length of ``[state, reads, catalogue]`` in 8 bytes, that, and
    the nodes."""
    values, nodes = to_fields(catalogue)
    record = canon.encode([state, reads.to_fields(seen.items()), values])
    return join(record, nodes)


def decode(data: Buffer) -> tuple[bytes, dict[Read, State], Catalogue]:
    """Return the inverse of :func:`encode`; FormatError for anything else."""
    record, nodes = part(data)
    state, seen, found = fields.array(canon.decode(record), 3)
    return fields.raw(state), reads.from_fields(seen), from_fields(found, nodes)


def _write(path: str, data: bytes, mode: int) -> None:
    from store.system.whole_file import replace_file  # not where a kept one is read

    # Whatever the user's umask: no one else may say what this store's packages are. And only in a
    # store of this user's own: its owner believes what root has written.
    replace_file(path, digest.file_digest(data) + data, mode=mode, own_folder=True)
