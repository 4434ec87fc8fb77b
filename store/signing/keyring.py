"""The user's own keys, and those that the user trusts: files in the configuration folder.

======================  ====  ==================================================
``keys/NAME.key``       0600  a private key
``keys/NAME.pub``       0644  its public half
``trusted-keys``        0644  public keys, one a line; empty lines and ``#`` too
======================  ====  ==================================================

They lie outside every store, and no key is ever written over.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import stat
from collections.abc import Collection
from dataclasses import dataclass

from store.display import quoted
from store.errors import FormatError, StorageError, UnusableKey, UsageError, storage_error
from store.signing.keys import PrivateKey, PublicKey, check_key_name
from store.system import owned
from store.system.home import config_folder
from store.system.whole_file import create_file, replace_file

FILE_LIMIT = 1 << 20
"""Bytes of a file of keys."""

_ELSEWHERE = "$XDG_CONFIG_HOME names another folder of settings"

TRUSTED_LIMIT = 1000
"""Keys that can be trusted at once."""


def default_folder() -> str:
    """Return ``$XDG_CONFIG_HOME/fixpoint``, else ``~/.config/fixpoint``. Raises StorageError."""
    return os.path.join(os.path.abspath(config_folder()), "fixpoint")


@dataclass(frozen=True)
class Keyring:
    """The keys below one configuration folder."""

    folder: str

    @property
    def keys(self) -> str:
        """The folder of the user's own keys."""
        return f"{self.folder}/keys"

    @property
    def trusted_file(self) -> str:
        """The file of the keys that are trusted when none are named."""
        return f"{self.folder}/trusted-keys"

    def create(self, name: str) -> PublicKey:
        """Make a key; UsageError when there is one of that name. StorageError, FormatError."""
        check_key_name(name)
        private = PrivateKey.generate(name)
        try:
            os.makedirs(self.folder, 0o755, exist_ok=True)
            os.makedirs(self.keys, 0o700, exist_ok=True)
            _check_folder(self.folder)
            _check_folder(self.keys)
            create_file(f"{self.keys}/{name}.key", f"{private.text()}\n".encode(), 0o600)
            create_file(f"{self.keys}/{name}.pub", f"{private.public}\n".encode(), 0o644)
        except FileExistsError as error:
            raise UsageError(
                f"there is a key {quoted(name)} already: {error.filename}",
                hint="choose another name; a key is never written over",
            ) from None
        except OSError as error:
            raise storage_error(error, f"cannot write the key {name}", remedy=_ELSEWHERE) from error
        return private.public

    def names(self) -> list[str]:
        """Return the user's own keys, by name."""
        if not os.path.isdir(self.keys):
            return []
        found = (name.removesuffix(".key") for name in os.listdir(self.keys) if _is_key(name))
        return sorted(found)

    def own_public(self) -> list[PublicKey]:
        """Return the public halves of the user's own keys. A private half that cannot be used is
        not looked at, and a public one that cannot be read is left out."""
        found = []
        for name in self.names():
            with contextlib.suppress(StorageError, FormatError):
                found += read_public(f"{self.keys}/{name}.pub")[:1]
        return found

    def private(self, name: str | None = None) -> PrivateKey:
        """Return the key of that name, or the only one there is; UnusableKey, UsageError or
        FormatError.

        A key that anybody but its owner could read is refused, as is one that is not ours.
        """
        if name is None:
            names = self.names()
            if not names:
                raise UnusableKey(
                    "there is no key to sign with", hint="make one: `store key new NAME`"
                )
            if len(names) > 1:
                raise UsageError(f"several keys: {', '.join(names)}", hint="choose with --key NAME")
            name = names[0]
        key = load_private(f"{self.keys}/{check_key_name(name)}.key")
        if key.name != name:
            raise UnusableKey(
                f"the file of the key {quoted(name)} holds one called {quoted(key.name)}"
            )
        return key

    def trusted(self) -> list[PublicKey]:
        """Return the keys in the file of trusted ones; none when there is no file.

        Raises NotOwner or StorageError when others could have written it, or FormatError.
        """
        try:
            _check_folder(self.folder)
            # A link is followed: these are settings.
            fd = os.open(self.trusted_file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise storage_error(error, "cannot read the trusted keys", remedy=_ELSEWHERE) from error
        with os.fdopen(fd, "rb") as stream:
            found = os.fstat(fd)
            owned.check_believed(found, self.trusted_file)
            if not stat.S_ISREG(found.st_mode):
                raise StorageError(f"{self.trusted_file} is not a file")
            return _parsed(self.trusted_file, stream.read(FILE_LIMIT + 1))

    def trust(self, keys: list[PublicKey]) -> list[PublicKey]:
        """Add keys to the file of trusted ones; returns those that were not in it."""
        known = set(self.trusted())
        fresh = [key for key in dict.fromkeys(keys) if key not in known]
        try:
            os.makedirs(self.folder, 0o755, exist_ok=True)
            # Whatever the user's umask: no one else may say whom this user trusts.
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
            fd = os.open(self.trusted_file, flags, 0o644)
            with os.fdopen(fd, "a", encoding="ascii") as stream:
                stream.writelines(f"{key}\n" for key in fresh)
        except OSError as error:
            raise storage_error(
                error, "cannot add to the trusted keys", remedy=_ELSEWHERE
            ) from error
        return fresh

    def distrust(self, keys: Collection[PublicKey]) -> list[PublicKey]:
        """Take keys out of the file of trusted ones; returns those that were in it.

        Raises what :meth:`trusted` raises.
        """
        gone = [key for key in self.trusted() if key in keys]
        if not gone:
            return []
        try:
            with open(self.trusted_file, "rb") as stream:
                text = stream.read().decode("utf-8", "surrogateescape")
            lines = [line for line in text.splitlines(keepends=True) if _key_in(line) not in gone]
            left = "".join(lines).encode("utf-8", "surrogateescape")
            replace_file(self.trusted_file, left, durable=True, follow=True)
        except OSError as error:
            raise storage_error(
                error, "cannot take a key out of the trusted ones", remedy=_ELSEWHERE
            ) from error
        return gone


def load_private(path: str) -> PrivateKey:
    """Return the key in a file; UnusableKey unless it is ours, and nobody else's to read.
    FormatError."""
    try:
        # O_NONBLOCK: opening a fifo must not wait for its writer.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise UnusableKey(
            f"cannot read the private key {path}: {error.strerror}",
            hint="`store key list` names the keys there are",
        ) from error
    with os.fdopen(fd, "rb") as stream:
        _check_private(path, os.fstat(stream.fileno()))
        data = stream.read(FILE_LIMIT)
    try:
        return PrivateKey.parse(data.decode("ascii").strip())
    except (UnicodeDecodeError, FormatError) as error:
        # The error's own text could quote what the file holds.
        raise UnusableKey(f"{path} holds no private key of ours") from error


def _check_private(path: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise UnusableKey(f"the private key {path} is not a regular file")
    if status.st_uid != os.geteuid():
        raise UnusableKey(
            f"the private key {path} belongs to another user ({status.st_uid})",
            hint="make one of your own: `store key new NAME`",
        )
    if status.st_mode & 0o077:
        raise UnusableKey(
            f"the private key {path} is open to others (mode {status.st_mode & 0o7777:04o})",
            hint=f"`chmod 600 {shlex.quote(path)}` if nobody can have read it; else make a new one",
        )


def read_public(path: str) -> list[PublicKey]:
    """Return the public keys in a file, one a line; StorageError or FormatError, with the line."""
    try:
        with open(path, "rb") as stream:
            data = stream.read(FILE_LIMIT + 1)
    except OSError as error:
        raise StorageError(f"cannot read the keys in {path}: {error.strerror}") from error
    return _parsed(path, data)


def _check_folder(path: str) -> None:
    owned.check_believed(os.stat(path), path)


def _parsed(path: str, data: bytes) -> list[PublicKey]:
    found: dict[PublicKey, None] = {}
    if len(data) > FILE_LIMIT:
        raise FormatError(f"{path} is too long to be a file of keys")
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                found[PublicKey.parse(line.strip())] = None
            except FormatError as error:
                raise FormatError(f"{path}:{number}: {error.message}", hint=error.hint) from error
    if len(found) > TRUSTED_LIMIT:
        raise FormatError(f"{path} holds more than {TRUSTED_LIMIT} keys")
    return list(found)


def _key_in(line: str) -> PublicKey | None:
    try:
        return PublicKey.parse(line.strip())
    except FormatError:
        return None


def _is_key(name: str) -> bool:
    return name.endswith(".key") and not name.startswith(".")
