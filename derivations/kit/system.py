"""A system: kernel, packages, users, services, files, network and time zone, as one value.

Whatever can be wrong with it is found where it is made, and named with file and line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, TypeVar

from derivations.kit.checked import checked, place, written
from derivations.kit.network import Network, check_network
from store.errors import EvaluationError, FormatError
from store.model.build_files import check_files

T = TypeVar("T")

_NAME: Final = re.compile(r"[a-z_][a-z0-9_-]{0,30}")
_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_PASSWORD: Final = re.compile(r"[!*]?(\$[0-9a-z]+\$[!-9;-~]+|[./0-9A-Za-z]{13})|[!*]")
"""A hash as crypt(3) makes it, with or without the mark of a locked account; or that mark alone."""

_PATH: Final = re.compile(r"(?!/)(?!.*(^|/)\.{1,2}(/|$))[^\0\n]+(?<!/)")
HIGHEST_ID: Final = 60_000
"""The highest number of a user or group; those above stand for users of other name spaces."""

TTY: Final = 5
"""The number of the group ``tty``, which every system has."""

LONGEST_NAME: Final = 255
"""Bytes of a part of a path."""

LONGEST_PATH: Final = 4095

HIGHEST_PORT: Final = 65_535
WRITTEN: Final = (
    "etc/fstab",
    "etc/group",
    "etc/hostname",
    "etc/hosts",
    "etc/localtime",
    "etc/mtab",
    "etc/passwd",
    "etc/profile",
    "etc/resolv.conf",
    "etc/shadow",
)
"""Files of a system that are made from its other fields; so is all in ``etc/runit``, ``etc/sv``."""

TREE: Final = "tree"
"""The folder of a build with the files of the system."""

OWN_SERVICES: Final = ("console", "network")
"""The services that a system has without declaring them."""


@checked
@dataclass(frozen=True, kw_only=True)
class User:
    """A user, and the group of the same name and number.

    ``password`` is a hash as crypt(3) makes it; without one, nobody can log in as this user.
    """

    name: str
    number: int
    home: str = "/var/empty"
    shell: str = "/bin/sh"
    password: str = "!"  # noqa: S105 (no password: it locks the account)
    groups: tuple[str, ...] = ()


EMPTY: Final = "/var/empty"
"""The home of users who have none: nobody but root writes there."""

ROOTS_FOLDERS: Final = (EMPTY, "/var/root", "/var/log", "/var/lib", "/var/lib/system")
"""Folders below ``/var`` that process 1 makes, and needs to be root's."""

ROOT: Final = User(name="root", number=0, home="/var/root")
NOBODY: Final = User(name="nobody", number=HIGHEST_ID)


@checked
@dataclass(frozen=True, kw_only=True)
class Service:
    """A program that runs for as long as the system does, begun anew when it ends.

    ``run`` are command lines of the shell, of which the last begins with ``exec``, and ``finish``
    lines that are run whenever it has ended. They find programs in ``/bin``. The service is the
    user ``user``'s; ``folders`` below ``/var`` are made for that user before it begins. Its output
    goes to ``/var/log/<name>`` where ``log`` is true, and to the console otherwise.
    """

    name: str
    run: tuple[str, ...]
    finish: tuple[str, ...] = ()
    user: str = "root"
    ports: tuple[int, ...] = ()
    folders: tuple[str, ...] = ()
    log: bool = True


@checked
@dataclass(frozen=True, kw_only=True)
class System:
    """A machine of this distribution. ``kernel``, ``base`` and ``packages`` are roles; the programs
    of ``base`` fill the names that no other package has. ``files`` are texts, by path from the root
    of the file system."""

    # Empty by default, so that the check finds a missing one, with its file and line.
    name: str = ""
    description: str = ""
    kernel: str = ""
    base: str = "busybox"
    packages: tuple[str, ...] = ()
    users: tuple[User, ...] = ()
    services: tuple[Service, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    network: Network | None = None
    hostname: str = ""
    time_zone: str = "UTC"
    console: str = "ttyS0"
    """The terminal in ``/dev`` with a shell of root's; none where it is empty."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_place", place())
        object.__setattr__(self, "hostname", self.hostname or self.name)
        try:
            _check(self)
        except EvaluationError as error:
            message = f"the system {self.name!r} {error.message}"
            file, line = self.place
            raise EvaluationError(message, file=file, line=line, hint=error.hint) from None

    @property
    def place(self) -> tuple[str, int]:
        """The file and line where it is made."""
        found: tuple[str, int] = vars(self)["_place"]
        return found

    @property
    def everyone(self) -> tuple[User, ...]:
        """All users, with those that every system has."""
        return (ROOT, *self.users, NOBODY)

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles of all its packages, those first that come before others."""
        return tuple(dict.fromkeys((*self.packages, self.base, self.kernel)))


def _check(system: System) -> None:
    for field in ("name", "description", "kernel", "base"):
        if not getattr(system, field):
            raise EvaluationError(f"names no {field}" if field != "name" else "has no name")
    if not system.description.isprintable():
        raise EvaluationError(f"has a description that is not one line: {system.description!r}")
    if not _HOST.fullmatch(system.hostname):
        raise EvaluationError(f"has the host name {system.hostname!r}, which cannot be one")
    if not re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", system.time_zone):
        raise EvaluationError(f"has the time zone {system.time_zone!r}, which cannot be one")
    if not re.fullmatch(r"([A-Za-z0-9]+(/[A-Za-z0-9]+)*)?", system.console):
        raise EvaluationError(f"has the console {system.console!r}, which cannot be one")
    once("package", system.packages)
    _check_users(system)
    _check_services(system)
    _check_owners(system)
    _check_files(system)
    if system.network is not None:
        check_network(system.network)


def once(kind: str, values: tuple[T, ...]) -> None:
    """Raise EvaluationError for a value that is there twice."""
    for value in values:
        if values.count(value) > 1:
            raise EvaluationError(f"has the {kind} {written(value)} twice")


def _check_users(system: System) -> None:
    once("user", tuple(user.name for user in system.everyone))
    once("user's number", tuple(user.number for user in system.everyone))
    known = {user.name for user in system.everyone}
    for user in system.everyone:
        if not _NAME.fullmatch(user.name):
            raise EvaluationError(f"has a user {user.name!r}, which cannot be a name")
        if type(user.number) is not int or not 0 <= user.number <= HIGHEST_ID:
            raise EvaluationError(
                f"gives the user {user.name!r} the number {written(user.number)}; "
                f"1 to {HIGHEST_ID - 1}"
            )
        _check_account(user)
        for group in user.groups:
            if group not in known:
                raise EvaluationError(f"puts {user.name!r} into the group {group!r}: no such")
    for user in system.users:
        if user.name == "tty" or user.number == TTY:
            raise EvaluationError(
                f"has the user {user.name!r} with the number {user.number}, and the group tty has "
                f"this name and the number {TTY}"
            )


def _check_account(user: User) -> None:
    for text in (user.home, user.shell, user.password):
        if ":" in text or "\n" in text:
            raise EvaluationError(f"has a colon or a line's end in a field of {user.name!r}")
    for path in (user.home, user.shell):
        if not path.startswith("/"):
            raise EvaluationError(f"gives {user.name!r} a home or a shell that is no path from /")
        if not _is_path(path[1:]):
            raise EvaluationError(f"gives {user.name!r} the home or shell {written(path)}: no such")
    if not _PASSWORD.fullmatch(user.password):
        raise EvaluationError(
            f"gives {user.name!r} a password that is no hash",
            hint="`cryptpw -m sha512` of busybox makes one; `!` lets nobody log in",
        )


def _check_services(system: System) -> None:
    once("service", tuple(service.name for service in system.services))
    once("port", tuple(port for service in system.services for port in service.ports))
    known = {user.name for user in system.everyone}
    for service in system.services:
        if not _NAME.fullmatch(service.name):
            raise EvaluationError(f"has a service {service.name!r}, which cannot be a name")
        if service.name in OWN_SERVICES:
            raise EvaluationError(f"has a service {service.name!r}, as every system has")
        if not service.run or not service.run[-1].startswith("exec "):
            raise EvaluationError(
                f"has a service {service.name!r} of which the last line does not begin with exec"
            )
        for text in (*service.run, *service.finish):
            if "\0" in text:
                raise EvaluationError(f"has a NUL character in a line of {service.name!r}")
        if not service.run[-1].removeprefix("exec").strip() or "\n" in service.run[-1].strip():
            raise EvaluationError(
                f"has a service {service.name!r} of which the last line is not exec and a command"
            )
        if service.user not in known:
            raise EvaluationError(
                f"runs the service {service.name!r} as the user {service.user!r}: no such"
            )
        for port in service.ports:
            if type(port) is not int or not 1 <= port <= HIGHEST_PORT:
                raise EvaluationError(f"gives {service.name!r} the port {written(port)}")
        _check_folders(service)


def _check_folders(service: Service) -> None:
    for folder in service.folders:
        if not folder.startswith("/var/"):
            raise EvaluationError(
                f"gives {service.name!r} the folder {written(folder)}: "
                "only what is below /var can be written to"
            )
        if not _is_path(folder[1:]):
            raise EvaluationError(
                f"gives {service.name!r} the folder {written(folder)}, which cannot be a path"
            )


def is_made(user: User) -> bool:
    """Return whether a user's home is made for that user when the system begins."""
    return user.home.startswith("/var/") and user.home != EMPTY


def _check_owners(system: System) -> None:
    """Raise EvaluationError for a folder that is made for two users: the second would have it."""
    homes = [(user.home, user.name) for user in system.users if is_made(user)]
    given = [(each, service.user) for service in system.services for each in service.folders]
    owners = dict.fromkeys(ROOTS_FOLDERS, ROOT.name)
    for folder, user in (*homes, *given):
        other = owners.setdefault(folder, user)
        if other != user:
            raise EvaluationError(
                f"has the folder {written(folder)} for two users: {other!r} and {user!r}"
            )


def _check_files(system: System) -> None:
    paths = [path for path, _ in system.files]
    for path in paths:
        if not _is_path(path):
            raise EvaluationError(
                f"has a file {written(path)}: a path from the root, such as etc/motd"
            )
        if not path.startswith(("etc/", "share/")):
            raise EvaluationError(f"has a file {path!r}: files are below etc and share")
        if path in WRITTEN or f"{path}/".startswith(("etc/runit/", "etc/sv/")):
            raise EvaluationError(f"has a file {path!r}, which its other fields make")
        if f"{path}/".startswith("share/licenses/"):
            raise EvaluationError(f"has a file {path!r}, where the licences of its packages are")
    every = (*WRITTEN, *paths)
    once("file", every)
    try:
        check_files(tuple((f"{TREE}/{path}", text) for path, text in sorted(system.files)))
    except FormatError as error:
        if "folder of another one" not in error.message:
            raise EvaluationError(f"has in files: {error.message}", hint=error.hint) from None
    for path in every:
        above = [other for other in every if path.startswith(f"{other}/")]
        if above:
            raise EvaluationError(f"has a file {above[0]!r}, and another one below it: {path!r}")


def _is_path(path: str) -> bool:
    """Return whether it is a path from the root, each part with a name."""
    fits = len(path.encode()) < LONGEST_PATH and all(
        len(part.encode()) <= LONGEST_NAME for part in path.split("/")
    )
    return fits and "//" not in path and path.isprintable() and _PATH.fullmatch(path) is not None
