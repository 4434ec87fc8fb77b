"""The signed indices of Debian's suites, had by apt in a state of this tool's own.

The machine's configuration says where the archive is, by whose keys it is signed and which proxy is
to be used; nothing of the machine's state is read or changed. apt checks the signatures.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from store.errors import StoreError
from store.fetch import mirrors
from store.fetch.mirrors import SourceEntry

STABLE = "trixie"
RELEASED = ("bookworm", STABLE)
MOVING = ("forky", "sid")
"""Suites whose indices end after a week, which a mirror that stands still does not renew."""
MOST_AGE = 24 * 3600
"""Seconds after which the indices are asked for anew."""

_ALIASES = ("oldstable", "stable", "testing", "unstable")
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_KEPT = re.compile(r"Acquire::(https?|Retries|ForceIPv[46])\b", re.IGNORECASE)
"""Settings that say how to reach a server; others, such as hooks, are not taken over."""


@dataclass(frozen=True)
class Index:
    """The index of one suite, a file of apt's."""

    suite: str
    path: Path

    @property
    def stamp(self) -> str:
        """Changes when the file does."""
        found = self.path.stat()
        return f"{found.st_size} {found.st_mtime_ns}"


def family(suite: str) -> str:
    """Return the suite that a suite of updates belongs to: ``trixie`` for ``trixie-security``."""
    return suite.partition("-")[0]


class AptState:
    """A state of apt's in ``folder``, in which nothing but source indices is ever fetched."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._dump = mirrors.apt_config_dump()
        self._settings = mirrors.parse_apt_config(self._dump)
        if '"' in str(folder) or not self._settings:
            raise StoreError(
                f"apt cannot keep its state in {folder}"
                if self._settings
                else "the indices are read by apt, which is not here"
            )

    def indices(self, *, refresh: bool | None = None) -> tuple[list[Index], list[str]]:
        """Return the index of each suite that could be had, and what apt warns of.

        They are asked for when they are old (``refresh`` None), always or never. Raises StoreError
        when there is none.
        """
        sources = stanzas(
            list(mirrors.configured_entries(self._settings)),
            os.environ.get(mirrors.MIRROR_VARIABLE, ""),
        )
        warnings: list[str] = []
        with self.lock():
            self._write(sources)
            if refresh or (refresh is None and self._is_old(sources)):
                warnings = self._update(sources)
            # Within the lock: another process writes the configuration.
            found = [index for index in self._listed() if index.path.exists()]
        if not found:
            raise StoreError(
                "there is no index of Debian's sources" + "".join(f"\n{line}" for line in warnings),
                hint="`pins check --refresh` asks for them",
            )
        return found, warnings

    def text(self, index: Index) -> bytes:
        """Return an index whole."""
        return self._run([self._helper(), "cat-file", str(index.path)]).stdout

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes of this tool out of the folder."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _write(self, sources: str) -> None:
        for name in ("etc/sources.list.d", "etc/apt.conf.d", "state/lists/partial", "cache"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        (self._folder / "etc" / "pins.sources").write_text(sources)
        (self._folder / "apt.conf").write_text(self._configuration())

    def _configuration(self) -> str:
        etc = os.path.join(
            "/", self._settings.get("dir", "/"), self._settings.get("dir::etc", "etc/apt")
        )
        values = {
            "Dir": str(self._folder),
            "Dir::Etc": f"{self._folder}/etc",
            "Dir::Etc::SourceList": "pins.sources",
            "Dir::Etc::Main": "/dev/null",
            "Dir::State": f"{self._folder}/state",
            "Dir::State::Status": "/dev/null",
            "Dir::Cache": f"{self._folder}/cache",
            "Dir::Cache::pkgcache": "",
            "Dir::Cache::srcpkgcache": "",
            "Acquire::Languages": "none",
            "Acquire::PDiffs": "false",
            "Acquire::GzipIndexes": "true",
            # A server that cannot be reached for a while counts as a failure, too.
            "APT::Update::Error-Mode": "any",
            # The state belongs to this user, and to no other.
            "APT::Sandbox::User": "root",
        }
        # Keys and passwords for servers are the machine's.
        for name in ("Trusted", "TrustedParts", "Netrc", "NetrcParts"):
            setting = self._settings.get(f"dir::etc::{name.lower()}")
            if setting:
                values[f"Dir::Etc::{name}"] = os.path.join(etc, setting)
        if methods := self._settings.get("dir::bin::methods"):
            values["Dir::Bin::Methods"] = methods
        kept = filter(_KEPT.match, self._dump.splitlines())
        return "\n".join([*(f'{key} "{value}";' for key, value in values.items()), *kept, ""])

    def _is_old(self, sources: str) -> bool:
        stamp = self._folder / "updated"
        try:
            same = stamp.read_text() == _digest(sources)
            return not same or time.time() - stamp.stat().st_mtime > MOST_AGE
        except OSError:
            return True

    def _update(self, sources: str) -> list[str]:
        """Ask for the indices; returns what apt warns of."""
        done = self._run(["apt-get", "-q", "update"], check=False)
        said = (done.stdout + done.stderr).decode("utf-8", "replace").splitlines()
        warnings = [line for line in said if line.startswith(("E: ", "W: "))]
        if done.returncode == 0:
            (self._folder / "updated").write_text(_digest(sources))
        return warnings

    def _listed(self) -> list[Index]:
        form = "$(RELEASE) $(FILENAME)"
        done = self._run(["apt-get", "indextargets", "--format", form, "Created-By: Sources"])
        lines = (line.partition(" ") for line in done.stdout.decode().splitlines())
        return [Index(suite, Path(path)) for suite, _, path in lines]

    def _helper(self) -> str:
        methods = self._settings.get("dir::bin::methods", "/usr/lib/apt/methods")
        beside = os.path.join(os.path.dirname(methods.rstrip("/")), "apt-helper")
        return beside if os.path.exists(beside) else shutil.which("apt-helper") or beside

    def _run(self, command: list[str], *, check: bool = True) -> subprocess.CompletedProcess[bytes]:
        environment = os.environ | {"APT_CONFIG": f"{self._folder}/apt.conf", "LC_ALL": "C"}
        try:
            done = subprocess.run(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
        except OSError as error:
            raise StoreError(f"{command[0]} cannot be run: {error.strerror}") from error
        if check and done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip()
            raise StoreError(f"{command[0]} failed: {said}")
        return done


def stanzas(entries: Iterable[SourceEntry], wanted: str = "") -> str:
    """Return apt's sources: each suite at the URI of the machine's ``entries``.

    A mirror that is ``wanted`` comes before these; the suites of security updates stay where they
    are. Raises StoreError where nothing names an archive of Debian's.
    """
    known = [entry for entry in entries if mirrors.usable_bases(entry.uri)]
    main = [entry for entry in known if any(_is_main(suite) for suite in entry.suites)]
    security = [entry for entry in known if any(_is_security(suite) for suite in entry.suites)]
    keys = next((entry.signed_by for entry in main), _KEYRING if os.path.exists(_KEYRING) else "")
    mirror = wanted.replace(",", " ").split()
    if not mirror and not main:
        raise StoreError(
            "apt's configuration names no archive of Debian's",
            hint=f"{mirrors.MIRROR_VARIABLE} names one",
        )
    uri = mirror[0] if mirror else main[0].uri
    texts = [
        _stanza(uri, RELEASED, keys),
        _stanza(uri, MOVING, keys, "Check-Valid-Until: no"),
    ]
    if security:
        suites = tuple(f"{suite}-security" for suite in RELEASED)
        texts.append(_stanza(security[0].uri, suites, security[0].signed_by))
    return "\n".join(texts)


def _is_main(suite: str) -> bool:
    return suite in (*RELEASED, *MOVING, *_ALIASES)


def _is_security(suite: str) -> bool:
    return suite.endswith("-security") and _is_main(family(suite))


def _stanza(uri: str, suites: tuple[str, ...], keys: str, *more: str) -> str:
    fields: Mapping[str, str] = {
        "Types": "deb-src",
        "URIs": uri,
        "Suites": " ".join(suites),
        "Components": "main",
    }
    lines = [f"{key}: {value}" for key, value in fields.items()]
    if keys:
        lines.append("Signed-By: " + keys.replace("\n", "\n "))
    return "\n".join([*lines, *more, ""])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
