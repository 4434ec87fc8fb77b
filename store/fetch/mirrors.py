"""Debian mirrors, as this machine's own apt configuration names them.

Formats: sources.list(5) (one-line and deb822), apt-config(8). The parsers take text and do no I/O.
"""

from __future__ import annotations

import os
import re
import subprocess
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from store.fetch.transport import Target
from store.fetch.wire import DIRECT
from store.model.locators import with_lower_scheme
from store.system.small import read_small

_LARGEST = 1 << 20  # bytes of a file of apt's configuration
MIRROR_VARIABLE = "STORE_DEBIAN_MIRROR"


@dataclass(frozen=True)
class SourceEntry:
    """A base URI, the components and suites that apt reads from it, and the keys it trusts there.

    ``signed_by`` is a file, or the text of a key; empty when all of apt's keys count.
    """

    uri: str
    components: tuple[str, ...]
    suites: tuple[str, ...] = ()
    signed_by: str = ""


@dataclass(frozen=True)
class AptConfiguration:
    """Base URIs in the order to try them, and apt's own settings by their lower-case names."""

    bases: tuple[str, ...]
    settings: Mapping[str, str] = field(default_factory=dict)

    def targets(self, path: str) -> Iterator[Target]:
        """Return ``path`` (relative, as in an archive's index) below each mirror."""
        quoted = urllib.parse.quote(path, safe="/+~:")
        for base in self.bases:
            url = f"{base.rstrip('/')}/{quoted}"
            yield Target(url, self.proxy_for(url))

    def proxy_for(self, url: str) -> str | None:
        """Return apt's proxy for ``url``: the host's own, else the scheme's, else http's
        (apt.conf(5))."""
        try:
            parts = urllib.parse.urlsplit(url)
        except ValueError:
            return None  # no URL, which is said when it is asked for
        for scheme in dict.fromkeys((parts.scheme, "http")):
            for key in (f"{scheme}::proxy::{parts.hostname}", f"{scheme}::proxy"):
                proxy = self.settings.get(f"acquire::{key}")
                if proxy:
                    return DIRECT if proxy.upper() in (DIRECT, "FALSE") else proxy
        return None

    @property
    def ca_files(self) -> tuple[str, ...]:
        """The certificate bundle in apt's configuration for https, if any."""
        file = self.settings.get("acquire::https::cainfo")
        return (file,) if file else ()


def parse_one_line(text: str) -> list[SourceEntry]:
    """Return the entries of a ``.list`` file: ``deb [options] uri suite component...``."""
    entries = []
    for raw in text.splitlines():
        line = raw.partition("#")[0].strip()
        match = re.match(r"deb(?:-src)?\s+(?:\[([^\]]*)\]\s*)?(.*)", line)
        if not match:
            continue
        # A cdrom entry's URI holds spaces inside its brackets: cdrom:[Debian 12 ...]/
        words = re.findall(r"(?:\[[^\]\[]*\]|\S)+", match[2])
        keys = re.search(r"\bsigned-by=(\S+)", match[1] or "", re.IGNORECASE)
        if len(words) >= 2:
            signed_by = keys[1] if keys else ""
            entries.append(SourceEntry(words[0], tuple(words[2:]), (words[1],), signed_by))
    return entries


def parse_deb822(text: str) -> list[SourceEntry]:
    """Return the entries of a ``.sources`` file: one for each URI of each enabled stanza."""
    entries = []
    for stanza in _stanzas(text):
        types = stanza.get("types", "").split()
        enabled = stanza.get("enabled", "yes").strip().lower()
        if enabled in ("no", "false", "off", "0", "without", "disable"):
            continue
        if not {"deb", "deb-src"} & set(types):
            continue
        components = tuple(stanza.get("components", "").split())
        suites = tuple(stanza.get("suites", "").split())
        signed_by = stanza.get("signed-by", "")
        entries += [
            SourceEntry(uri, components, suites, signed_by)
            for uri in stanza.get("uris", "").split()
        ]
    return entries


def _stanzas(text: str) -> Iterator[dict[str, str]]:
    fields: dict[str, str] = {}
    name = ""
    for line in [*text.splitlines(), ""]:
        if line.startswith("#"):
            continue
        if not line.strip():
            if fields:
                yield fields
            fields, name = {}, ""
        elif line[0] in " \t":
            if name:
                fields[name] += "\n" + line.strip()
        else:
            key, _, value = line.partition(":")
            name = key.strip().lower()
            fields[name] = value.strip()


def parse_apt_config(text: str) -> dict[str, str]:
    """Return the settings of ``apt-config dump``, by lower-case name; of a list, its last item."""
    settings = {}
    for line in text.splitlines():
        match = re.match(r'(\S+) "(.*)";$', line)
        if match:
            settings[match[1].lower().removesuffix("::")] = match[2]
    return settings


def parse_mirror_list(text: str) -> list[str]:
    """Return the URIs of an apt-transport-mirror(1) list."""
    lines = (line.partition("#")[0].split() for line in text.splitlines())
    return [words[0] for words in lines if words]


def order(entries: Iterable[SourceEntry]) -> list[str]:
    """Return distinct URIs; those with a component ``main`` first, since a pool's sources are
    there."""
    kept = list(entries)
    first = [entry.uri for entry in kept if "main" in entry.components]
    rest = [entry.uri for entry in kept if "main" not in entry.components]
    return list(dict.fromkeys(uri.rstrip("/") for uri in [*first, *rest]))


def usable_bases(uri: str) -> list[str]:
    """Return the parts of a source's URI that can be fetched from: http, https and file, and lists
    of these.

    A cdrom, tor or ssh source, or a mirror list that itself lies on the network, gives nothing.
    """
    uri = with_lower_scheme(uri)
    scheme, _, rest = uri.partition(":")
    if scheme in ("http", "https"):
        return [uri]
    if scheme in ("file", "copy"):
        return ["file://" + re.sub(r"^//(localhost)?(?=/)", "", rest)]
    if scheme == "mirror+file":
        listed = parse_mirror_list(_text(re.sub(r"^//(?=/)", "", rest)))
        # A list within a list is not read: it could be this one.
        flat = (item for item in listed if not with_lower_scheme(item).startswith("mirror+"))
        return [base for item in flat for base in usable_bases(item)]
    return []


def read_apt(mirror: str | None = None) -> AptConfiguration:
    """Return this machine's configuration, after the mirrors of ``mirror`` (or
    $STORE_DEBIAN_MIRROR)."""
    settings = parse_apt_config(apt_config_dump())
    wanted = os.environ.get(MIRROR_VARIABLE, "") if mirror is None else mirror
    uris = [*re.split(r"[\s,]+", wanted.strip()), *order(configured_entries(settings))]
    bases = [base for uri in uris if uri for base in usable_bases(uri)]
    return AptConfiguration(tuple(dict.fromkeys(base.rstrip("/") for base in bases)), settings)


def configured_entries(settings: Mapping[str, str]) -> Iterator[SourceEntry]:
    """Yield what the files that ``settings`` of apt name say, in apt's order."""
    root = os.path.join("/", settings.get("dir", "/"))
    etc = os.path.join(root, settings.get("dir::etc", "etc/apt"))
    yield from parse_one_line(
        _text(os.path.join(etc, settings.get("dir::etc::sourcelist", "sources.list")))
    )
    parts = os.path.join(etc, settings.get("dir::etc::sourceparts", "sources.list.d"))
    try:
        names = sorted(os.listdir(parts))
    except OSError:
        return  # no such folder: then it names no mirrors
    for name in names:
        if name.endswith(".list"):
            yield from parse_one_line(_text(os.path.join(parts, name)))
        elif name.endswith(".sources"):
            yield from parse_deb822(_text(os.path.join(parts, name)))


def apt_config_dump() -> str:
    """Return the output of apt-config ($APT_CONFIG counts), or nothing where there is no apt."""
    try:
        done = subprocess.run(
            ["apt-config", "dump"],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            encoding="utf-8",
            errors="replace",
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _text(path: str) -> str:
    try:
        return read_small(path, _LARGEST).decode("utf-8", "replace")
    except OSError:
        return ""  # absent or not readable for us: then it names no mirrors
