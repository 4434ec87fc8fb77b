"""The pins of the bootstrap seeds, which lie beside a folder of recipes."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Mapping
from typing import Any, Final

from store.display import reason
from store.errors import EvaluationError

LARGEST: Final = 8 << 20
"""Bytes that a ``seed.json`` may have: in memory it may take thirty times as many."""


def seeds_folder(recipes: str) -> str:
    """Return where the seeds of a folder of recipes lie."""
    return os.path.join(os.path.dirname(os.path.abspath(recipes)), "bootstrap-seeds")


def read_seeds(recipes: str) -> dict[str, Mapping[str, Any]]:
    """Return each seed's ``seed.json`` by name; EvaluationError when one cannot be read."""
    folder = seeds_folder(recipes)
    try:
        return dict(_each_seed(folder)) if os.path.isdir(folder) else {}
    except OSError as error:
        raise EvaluationError(f"cannot be read: {error.strerror}", file=folder) from error


def read_generated(recipes: str, seed: str) -> list[tuple[str, str, str, str]]:
    """Return the lines of a seed's ``generated.tsv``: source, files, the program that wrote them,
    and from what. None without such a file; EvaluationError when it cannot be read."""
    path = os.path.join(seeds_folder(recipes), seed, "generated.tsv")
    if not os.path.exists(path):
        return []
    try:
        lines = _content(path).splitlines()
    except (OSError, ValueError) as error:
        raise EvaluationError(f"cannot be read: {reason(error)}", file=path) from error
    rows = []
    for number, line in enumerate(lines[1:], 2):
        fields = line.split("\t")
        if len(fields) != 4 or not "".join(fields).isprintable():
            raise EvaluationError("not four fields of text", file=path, line=number)
        rows.append((fields[0], fields[1], fields[2], fields[3]))
    return rows


def linked_seeds(folder: str) -> list[str]:
    """Return seeds that lie elsewhere, and are linked to from the folder of seeds; their links."""
    with contextlib.suppress(OSError), os.scandir(folder) as scan:
        return sorted(entry.path for entry in scan if entry.is_symlink())
    return []


def _each_seed(folder: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    import json  # not needed where a kept catalogue is used

    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name, "seed.json")
        if not os.path.exists(path):
            continue
        try:
            pins = json.loads(_content(path))
        except json.JSONDecodeError as error:
            raise EvaluationError(error.msg, file=path, line=error.lineno) from error
        except (OSError, ValueError, RecursionError) as error:
            # ValueErrors too: bytes that are not UTF-8, and an integer of a million digits.
            raise EvaluationError(f"cannot be read: {reason(error)}", file=path) from error
        if not isinstance(pins, dict):
            raise EvaluationError("not a JSON object", file=path)
        yield name, pins


def _content(path: str) -> str:
    found = os.stat(path)
    data = b""
    if stat.S_ISREG(found.st_mode) and found.st_size <= LARGEST:
        # Another file by now, perhaps: a fifo is waited for as long as any evaluation.
        with open(path, "rb") as stream:
            data = stream.read(LARGEST + 1)
    if not data or len(data) > LARGEST:
        raise EvaluationError("not a file of 1 byte to 8 MiB", file=path)
    return data.decode()
