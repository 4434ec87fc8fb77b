"""The project's own source, as a source like any other."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from urllib.parse import quote

from derivations.kit.checked import checked
from derivations.kit.sources import Archive
from store.errors import EvaluationError
from store.model.derivation import Source
from store.model.project_archive import FolderReader, archive_pieces, located, project_locator


@checked
def project(name: str, version: str, *, docs: bool = False) -> Archive:
    """The engine, the recipes and the seeds' pins as they are beside the recipes, with any change
    that has been made to them; with ``docs``, the documents alone."""
    top = str(Path(__file__).parents[2])
    reader = FolderReader(os.listdir, _lstat, _content)
    locator = project_locator(quote(os.fsencode(top)), docs=docs)
    _, parts = located(locator)
    sha256 = hashlib.sha256()
    for piece in archive_pieces(top, reader, parts):
        sha256.update(piece)
    source = Source(f"{name}-{version}.tar", sha256.hexdigest(), (locator,))
    return Archive(name, version, source, ())


def _lstat(path: str) -> os.stat_result:
    """Act as ``os.lstat``. Where no engine is beside the recipes, they may not look there."""
    try:
        return os.lstat(path)
    except EvaluationError as error:
        raise FileNotFoundError(path) from error


def _content(path: str) -> bytes:
    with open(path, "rb", buffering=0) as stream:
        return stream.read()
