"""Python package indexes, as this machine's own pip configuration names them.

Formats: pip's configuration files, the simple index as HTML (PEP 503) and as JSON (PEP 691).
The parsers take text and do no I/O.
"""

from __future__ import annotations

import configparser
import functools
import html.parser
import json
import os
import re
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from store.fetch.transport import Page
from store.system.home import config_folder, find_home
from store.system.small import read_small

ACCEPT = (
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, "
    "text/html;q=0.1"
)
_LARGEST = 1 << 20  # bytes of a file of pip's configuration
_MOST_FOLDED = 1 << 18
"""Objects and arrays that a page may have, some for each of sixty thousand files, and"""
_MOST_ITEMS = 1 << 20
"""items of these. More of either would take many times the page's size in memory."""
_SECTIONS = ("global", "download", "install")
# pip's own default index is asked of pip, so that it stands in no file of ours.
_ASK_PIP = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"


@dataclass(frozen=True)
class PipConfiguration:
    """Where pip looks: folders and pages of links, then indexes; each a path or a URL.

    Before ``indexes`` comes pip's own default one where no other was set in its place.
    """

    find_links: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    uses_default_index: bool = False
    proxy: str | None = None
    ca_files: tuple[str, ...] = ()

    def all_indexes(self) -> tuple[str, ...]:
        """Return the indexes in pip's order. Asks pip for its default one if that is used."""
        default = default_index() if self.uses_default_index else None
        return (default, *self.indexes) if default else self.indexes


def parse_pip_config(text: str) -> dict[str, str]:
    """Return the settings of one file that count for a download, by name with hyphens."""
    parser = configparser.RawConfigParser(strict=False)
    try:
        # Its pattern for a line takes quadratic time on a run of spaces.
        parser.read_string(re.sub(r"(?<=\S)[^\S\n]{2,}", " ", text))
    except configparser.Error:
        return {}
    settings: dict[str, str] = {}
    for section in _SECTIONS:
        if parser.has_section(section):
            items = parser.items(section)
            settings |= {key.lower().replace("_", "-"): value for key, value in items}
    return settings


def environment_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that PIP_* variables make (an empty one counts as unset, as in pip).

    The bundles of REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE, which pip honours, are among them.
    """
    return {
        name.removeprefix("PIP_").lower().replace("_", "-"): value
        for name, value in environ.items()
        if value and (name.startswith("PIP_") or name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"))
    }


def configuration(settings: Mapping[str, str]) -> PipConfiguration:
    """Return the meaning of merged settings."""
    index = settings.get("index-url")
    indexes = [*([index] if index else []), *settings.get("extra-index-url", "").split()]
    no_index = settings.get("no-index", "").lower() in ("1", "true", "yes", "on")
    bundles = (settings.get(key) for key in ("cert", "requests-ca-bundle", "curl-ca-bundle"))
    return PipConfiguration(
        find_links=tuple(settings.get("find-links", "").split()),
        indexes=() if no_index else tuple(dict.fromkeys(indexes)),
        uses_default_index=not index and not no_index,
        proxy=settings.get("proxy") or None,
        ca_files=tuple(dict.fromkeys(bundle for bundle in bundles if bundle)),
    )


def project_of(filename: str) -> str:
    """Return the normalised project (PEP 503) that a wheel's or source archive's name belongs
    to."""
    if filename.endswith(".whl"):
        project = filename.partition("-")[0]
    else:
        stem = re.sub(r"\.(tar\.(gz|bz2|xz)|tgz|zip)$", "", filename)
        project = stem.rpartition("-")[0] or stem
    return re.sub(r"[-_.]+", "-", project).lower()


_Link = tuple[str, str, bool]
"""A link as it stands on a page, its SHA-256 where that is said beside it, and the withdrawal."""


class _Links(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.base: str | None = None
        self.links: list[_Link] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        target = found.get("href")
        if target and tag == "a":
            self.links.append((target, "", "data-yanked" in found))
        elif target and tag == "base" and self.base is None:
            self.base = target


@dataclass(frozen=True)
class Listed:
    """A file on an index page: its name, its URL without a fragment, its SHA-256 (hex) if given.

    A file that was withdrawn (PEP 592) is ``yanked``.
    """

    name: str
    url: str
    sha256: str = ""
    yanked: bool = False


def links_to(filename: str, page: Page) -> list[str]:
    """Return the URLs on an index page that lead to ``filename``, without fragments."""
    return list(dict.fromkeys(file.url for file in listed(page) if file.name == filename))


def listed(page: Page) -> list[Listed]:
    """Return the files on an index page."""
    if page.media_type.endswith("+json"):
        links = _json_links(page.text)
        base = page.url
    else:
        parser = _Links()
        parser.feed(page.text)
        links = parser.links
        base = _joined(page.url, parser.base or "") or page.url
    return [
        Listed(_last_part(url), url, sha256 or _fragment_sha256(link), yanked)
        for link, sha256, yanked in links
        if (url := _joined(base, link))
    ]


def _fragment_sha256(link: str) -> str:
    match = re.search(r"#(?:.*&)?sha256=([0-9a-f]{64})(?:&|$)", link)
    return match[1] if match else ""


def _joined(base: str, link: str) -> str | None:
    """Return where a link leads, without a fragment; None when it is no URL."""
    try:
        return urllib.parse.urldefrag(urllib.parse.urljoin(base, link)).url
    except ValueError:
        return None


def _json_links(text: str) -> list[_Link]:
    if text.count("{") + text.count("[") > _MOST_FOLDED or text.count(",") > _MOST_ITEMS:
        return []
    try:
        files = json.loads(text).get("files", [])
        return [_json_link(file) for file in files]
    except (ValueError, AttributeError, TypeError, KeyError, RecursionError):
        return []  # not an index page: it leads to nothing


def _json_link(file: dict[str, Any]) -> _Link:
    hashes = file.get("hashes")
    sha256 = hashes.get("sha256") if isinstance(hashes, dict) else None
    fits = isinstance(sha256, str) and re.fullmatch(r"[0-9a-f]{64}", sha256)
    return str(file["url"]), sha256 if sha256 and fits else "", bool(file.get("yanked"))


def _last_part(url: str) -> str:
    return urllib.parse.unquote(urllib.parse.urlsplit(url).path.rpartition("/")[2])


def read_pip() -> PipConfiguration:
    """Return this machine's configuration: pip's files in pip's order, then the PIP_* variables."""
    settings: dict[str, str] = {}
    for path in _configuration_files(os.environ):
        try:
            settings |= parse_pip_config(read_small(path, _LARGEST).decode("utf-8", "replace"))
        except OSError:
            continue  # absent or not readable for us: pip passes over it too
    return configuration(settings | environment_settings(os.environ))


def _configuration_files(environ: Mapping[str, str]) -> Iterator[str]:
    """Return the files, lowest precedence first: the machine's, the user's, the environment's,
    $PIP_CONFIG_FILE."""
    named = environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return
    for folder in environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":"):
        yield os.path.join(folder, "pip", "pip.conf")
    yield "/etc/pip.conf"
    if home := find_home():
        yield os.path.join(home, ".pip", "pip.conf")
    if home or environ.get("XDG_CONFIG_HOME"):
        yield os.path.join(config_folder(), "pip", "pip.conf")
    for prefix in dict.fromkeys((sys.prefix, environ.get("VIRTUAL_ENV", sys.prefix))):
        yield os.path.join(prefix, "pip.conf")
    if named:
        yield named


@functools.cache
def default_index() -> str | None:
    """Return pip's own default index, from the first Python that has pip; None where none has."""
    for python in dict.fromkeys((sys.executable, "python3", "/usr/bin/python3")):
        try:
            done = subprocess.run(
                [python, "-I", "-c", _ASK_PIP],
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                stdin=subprocess.DEVNULL,
                timeout=30,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0 and done.stdout.strip():
            return done.stdout.strip()
    return None
