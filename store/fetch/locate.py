"""The servers that may have a source, from its locators, which name none, and the settings of this
machine."""

from __future__ import annotations

import functools
import os
import re
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Protocol

from store.fetch import failures, indexes, mirrors
from store.fetch.transport import Page, Target, file_path
from store.model.locators import is_url, scrubbed, with_lower_scheme
from store.system.home import expand_home

ReadPage = Callable[[Target, str], Page]


class Note(Protocol):
    """Called with a place, the reason that it does not serve, and a remedy."""

    def __call__(self, where: str, reason: str, hint: str | None = None, /) -> None: ...


class Machine:
    """This machine's configuration, read when first asked for."""

    def __init__(self, apt_mirror: str | None = None) -> None:
        self._apt_mirror = apt_mirror

    @functools.cached_property
    def apt(self) -> mirrors.AptConfiguration:
        return mirrors.read_apt(self._apt_mirror)

    @functools.cached_property
    def pip(self) -> indexes.PipConfiguration:
        return indexes.read_pip()

    def ca_files(self, locator: str) -> tuple[str, ...]:
        """Return the certificate bundles that count for ``locator``, besides OpenSSL's own."""
        if locator.startswith("debian:"):
            return (*self.apt.ca_files, *self.pip.ca_files)
        return self.pip.ca_files


def targets(locator: str, machine: Machine, read_page: ReadPage, note: Note) -> Iterator[Target]:
    """Yield the URLs to try for a valid locator, in order and no sooner than they are asked for.

    An index page is read by ``read_page(target, accept)``. If it cannot be read, or does not know
    the file, ``note`` is called.
    """
    kind, _, rest = locator.partition(":")
    if kind == "debian":
        if not machine.apt.bases:
            note(locator, "apt's configuration names no mirror")
        yield from machine.apt.targets(rest)
    elif kind == "pypi":
        yield from _index_targets(rest, machine.pip, read_page, note)
    else:
        yield Target(with_lower_scheme(locator))


def _index_targets(
    filename: str, pip: indexes.PipConfiguration, read_page: ReadPage, note: Note
) -> Iterator[Target]:
    for place in pip.find_links:
        yield from _on_page(as_url(place), filename, pip.proxy, read_page, note)
    project = indexes.project_of(filename)
    found = pip.all_indexes()
    if not found and not pip.find_links:
        note(f"pypi:{filename}", "pip has no index configured")
    for index in found:
        url = f"{as_url(index).rstrip('/')}/{project}/"
        yield from _on_page(url, filename, pip.proxy, read_page, note)


def _on_page(
    url: str, filename: str, proxy: str | None, read_page: ReadPage, note: Note
) -> Iterator[Target]:
    """Yield the links to ``filename`` on the page, or in the local folder, at ``url``."""
    page = Target(url, proxy)
    try:
        if page.is_local:
            folder = file_path(url)
            beside = os.path.join(folder, filename)
            if os.path.isfile(beside):
                yield Target(as_url(beside))
                return
            if os.path.isdir(folder):
                page = Target(as_url(os.path.join(folder, "index.html")))
        links = indexes.links_to(filename, read_page(page, indexes.ACCEPT))
    except Exception as error:  # whatever this page did, the next may serve
        failure = failures.of(error)
        note(page.shown, scrubbed(str(failure), url), failure.hint)
        return
    if not links:
        note(page.shown, f"does not list {filename}")
    for link in links:
        if is_url(link):
            yield Target(_with_credentials_of(url, with_lower_scheme(link)), proxy)


def as_url(place: str) -> str:
    """Return a place in pip's configuration, which may be a path, as a URL."""
    place = with_lower_scheme(place)
    if re.match(r"[a-z][a-z0-9+.-]*:", place):
        return re.sub(r"^file:/+(localhost/)?", "file:///", place)
    return "file://" + urllib.parse.quote(os.path.abspath(expand_home(place)))


def _with_credentials_of(page: str, link: str) -> str:
    """Return the link with the page's user and password, if it leads to the page's own server."""
    userinfo, at, host = urllib.parse.urlsplit(page).netloc.rpartition("@")
    parts = urllib.parse.urlsplit(link)
    if not at or parts.netloc != host:
        return link
    return parts._replace(netloc=f"{userinfo}@{host}").geturl()
