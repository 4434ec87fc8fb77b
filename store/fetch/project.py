"""The archive of a project's own folder, for its locator (``store.model.project_archive``)."""

from __future__ import annotations

import os
import urllib.parse

from store.errors import FormatError
from store.fetch import failures
from store.fetch.bounds import Permanent
from store.model.locators import PROJECT
from store.model.project_archive import FolderReader, located, project_archive


def is_project(locator: str) -> bool:
    """Return whether a locator names a project's folder."""
    return locator.startswith(PROJECT)


def archive_of(locator: str) -> bytes:
    """Return the archive that the locator names, of the files as they are now. Raises
    Permanent."""
    path, parts = located(locator)
    top = urllib.parse.unquote(path, errors="surrogateescape")
    try:
        return project_archive(top, FolderReader(os.listdir, os.lstat, _content), parts)
    except OSError as error:
        raise failures.of_file(error) from error
    except (FormatError, ValueError) as error:
        raise Permanent(str(error)) from error


def _content(path: str) -> bytes:
    with open(path, "rb") as stream:
        return stream.read()
