"""The files of a Python project, as the indexes list them that pip is configured to use."""

from __future__ import annotations

import os
import re
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass

from scripts.pinning import versions
from store.errors import StoreError
from store.fetch import indexes, locate
from store.fetch.transport import Client, Page, Permanent, Target, Transient, file_path
from store.model.locators import scrubbed

_ARCHIVE = re.compile(r"(?P<stem>[A-Za-z0-9][A-Za-z0-9+._!-]*)\.(?:tar\.gz|zip)")


@dataclass(frozen=True)
class PythonFile:
    """A source archive. ``sha256`` is empty where the index does not say it."""

    name: str
    version: str
    sha256: str
    yanked: bool

    @property
    def order(self) -> tuple[int, tuple[int, ...], int] | None:
        """The key by which final releases are sorted; None for others."""
        return versions.python_order(self.version)


def files(name: str, machine: locate.Machine) -> list[PythonFile]:
    """Return the source archives of the project that the file ``name`` belongs to.

    One page is read of each index. Raises StoreError where no index has any.
    """
    project = indexes.project_of(name)
    refusals: list[str] = []
    found: list[PythonFile] = []
    for index in machine.pip.all_indexes():
        url = f"{locate.as_url(index).rstrip('/')}/{project}/"
        try:
            listed = list(sources(project, _page(url, machine)))
            refusal = None if listed else "it lists no source archive"
        except (Permanent, Transient) as error:
            listed, refusal = [], scrubbed(str(error), url)
        found += listed
        if refusal:
            refusals.append(f"\n  {Target(url).shown}: {refusal}")
    if not found:
        raise StoreError(
            f"no index lists source archives of {project}{''.join(refusals)}",
            hint="the indexes are those of pip's configuration: `pip config list`",
        )
    return found


def sources(project: str, page: Page) -> Iterator[PythonFile]:
    """Yield the source archives of a project on an index page."""
    for file in indexes.listed(page):
        match = _ARCHIVE.fullmatch(file.name)
        if match and indexes.project_of(file.name) == project:
            version = match["stem"].rpartition("-")[2]
            yield PythonFile(file.name, version, file.sha256, file.yanked)


def _page(url: str, machine: locate.Machine) -> Page:
    target = Target(url, machine.pip.proxy)
    if target.is_local and os.path.isdir(file_path(url)):
        target = Target(urllib.parse.urljoin(url, "index.html"))
    return Client(ca_files=machine.pip.ca_files).page(target, indexes.ACCEPT)
