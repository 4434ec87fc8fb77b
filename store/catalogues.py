"""Evaluated catalogues, kept so that a command need not run every recipe again.

A kept catalogue is used only while no file that it came from has changed; its nodes are decoded
when they are asked for. Dropping the cache costs a moment, and nothing else.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping

from store import canon, digest
from store.canon import Value
from store.errors import EvaluationError, FormatError
from store.model import fields
from store.model.catalogue import Barrier, Catalogue, GraphNode, Package
from store.model.derivation import Derivation, Source


def load(path: str, recipes: str, seed: str) -> Catalogue:
    """The catalogue of ``recipes``: from the file ``path`` when it is still true, else evaluated.

    A fresh one is written to ``path``, if that can be written. Raises EvaluationError.
    """
    state = fingerprint(recipes, seed)
    with contextlib.suppress(OSError, FormatError), open(path, "rb") as stream:
        kept, packages, nodes, barriers = fields.array(canon.decode(_whole(stream.read())), 4)
        if kept == state:
            return _decode(packages, nodes, barriers)
    from store.evaluate import evaluate

    catalogue = evaluate(recipes, seed)
    with contextlib.suppress(OSError):
        _write(path, _encode(state, catalogue), 0o600 if _has_secrets(catalogue) else 0o644)
    return catalogue


def _has_secrets(catalogue: Catalogue) -> bool:
    """Whether a locator holds a password or token, which is kept, and only for the owner."""
    return any(
        isinstance(node, Source) and node.without_secrets().locators != node.locators
        for node in catalogue.nodes.values()
    )


def _whole(data: bytes) -> bytes:
    """What was written to the file; FormatError where a power cut left something else.

    Nothing waits for the file to be on disk, and a node is looked at only when it is asked for.
    """
    record = data[digest.DIGEST_SIZE :]
    if digest.file_digest(record) != data[: digest.DIGEST_SIZE]:
        raise FormatError("not what was written")
    return record


def fingerprint(recipes: str, seed: str) -> bytes:
    """32 bytes that change when a recipe, a seed's pins, or the model's code is touched."""
    recipes = os.path.abspath(recipes)
    model = os.path.join(os.path.dirname(os.path.abspath(__file__)), "model")
    seeds = os.path.join(os.path.dirname(recipes), "bootstrap-seeds")
    record: list[Value] = [seed]
    if not os.path.isfile(os.path.join(recipes, "stages.py")):
        return digest.keyed(digest.Kind.CATALOGUE, b"")  # evaluating it says so, in less time
    try:
        for top in (recipes, seeds, model):
            record += [[os.fsencode(path), *state] for path, state in _states(top)]
    except OSError as error:
        raise EvaluationError(f"cannot be read: {error.strerror}", file=error.filename) from error
    return digest.keyed(digest.Kind.CATALOGUE, canon.encode(record))


def _states(top: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    folders = [top]
    while folders:
        folder = folders.pop()
        with contextlib.suppress(FileNotFoundError), os.scandir(folder) as scan:
            for entry in sorted(scan, key=lambda entry: entry.name):
                if entry.is_dir() and entry.name != "__pycache__":
                    folders.append(entry.path)
                elif entry.name.endswith((".py", ".json")):
                    found = entry.stat()
                    yield (
                        entry.path,
                        (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino),
                    )


class _Nodes(Mapping[bytes, GraphNode]):
    """Nodes by digest, decoded at first use."""

    def __init__(self, encoded: dict[bytes, tuple[bool, bytes]]) -> None:
        self._encoded = encoded
        self._decoded: dict[bytes, GraphNode] = {}

    def __getitem__(self, key: bytes) -> GraphNode:
        if key not in self._decoded:
            is_source, data = self._encoded[key]
            self._decoded[key] = Source.decode(data) if is_source else Derivation.decode(data)
        return self._decoded[key]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._encoded)

    def __len__(self) -> int:
        return len(self._encoded)


def _encode(state: bytes, catalogue: Catalogue) -> bytes:
    packages: list[Value] = [
        [
            package.name,
            package.node,
            package.version,
            package.description,
            package.licence,
            package.twin,
            package.any_seed,
        ]
        for package in catalogue.packages.values()
    ]
    nodes: list[Value] = [
        [key, isinstance(node, Source), node.encode()] for key, node in catalogue.nodes.items()
    ]
    barriers: list[Value] = [
        [sorted(barrier.nodes), sorted(barrier.forbidden), sorted(barrier.trusted)]
        for barrier in catalogue.barriers
    ]
    return canon.encode([state, packages, nodes, barriers])


def _decode(packages: Value, nodes: Value, barriers: Value) -> Catalogue:
    found = {}
    for item in fields.array(packages):
        name, node, version, description, licence, twin, any_seed = fields.array(item, 7)
        package = Package(
            fields.text(name),
            fields.raw(node, 32),
            fields.text(version),
            fields.text(description),
            fields.text(licence),
            fields.text(twin),
            fields.boolean(any_seed),
        )
        found[package.name] = package
    encoded = {}
    for item in fields.array(nodes):
        key, is_source, data = fields.array(item, 3)
        encoded[fields.raw(key, 32)] = (fields.boolean(is_source), fields.raw(data))
    return Catalogue(found, _Nodes(encoded), fields.several(barriers, _barrier))


def _barrier(value: Value) -> Barrier:
    nodes, forbidden, trusted = fields.array(value, 3)
    return Barrier(_digests(nodes), _digests(forbidden), _digests(trusted))


def _digests(value: Value) -> frozenset[bytes]:
    return frozenset(fields.several(value, lambda item: fields.raw(item, 32)))


_FRESH = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def _write(path: str, data: bytes, mode: int) -> None:
    fresh = f"{path}.{os.getpid()}"
    # Whatever the user's umask: no one else may say what this store's packages are.
    with open(os.open(fresh, _FRESH, mode), "wb") as stream:
        stream.write(digest.file_digest(data) + data)
    os.replace(fresh, path)
