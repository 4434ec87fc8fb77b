"""A system: kernel, packages, users, services, files, network and time zone, as one value.

Whatever can be wrong with it is found where it is made, and named with file and line.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final, TypeVar

from derivations.kit.checked import checked, place
from store.errors import EvaluationError

T = TypeVar("T")

_NAME: Final = re.compile(r"[a-z_][a-z0-9_-]{0,30}")
_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_PATH: Final = re.compile(r"(?!/)(?!.*(^|/)\.{1,2}(/|$))[^\0\n]+(?<!/)")
HIGHEST_ID: Final = 60_000
"""The highest number of a user or group; those above stand for users of other name spaces."""

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
class Network:
    """The first network interface: by DHCP, unless it has an ``address`` such as 10.0.2.15/24."""

    address: str = ""
    gateway: str = ""
    nameservers: tuple[str, ...] = ()


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
        file, line = place()
        object.__setattr__(self, "hostname", self.hostname or self.name)
        try:
            _check(self)
        except EvaluationError as error:
            message = f"the system {self.name!r} {error.message}"
            raise EvaluationError(message, file=file, line=line) from None

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
    if not _HOST.fullmatch(system.hostname):
        raise EvaluationError(f"has the host name {system.hostname!r}, which cannot be one")
    if not re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", system.time_zone):
        raise EvaluationError(f"has the time zone {system.time_zone!r}, which cannot be one")
    if not re.fullmatch(r"([A-Za-z0-9]+(/[A-Za-z0-9]+)*)?", system.console):
        raise EvaluationError(f"has the console {system.console!r}, which cannot be one")
    once("package", system.packages)
    _check_users(system)
    _check_services(system)
    _check_files(system)
    if system.network is not None:
        _check_network(system.network)


def once(kind: str, values: tuple[T, ...]) -> None:
    """Raise EvaluationError for a value that is there twice."""
    for value in values:
        if values.count(value) > 1:
            raise EvaluationError(f"has the {kind} {value!r} twice")


def _check_users(system: System) -> None:
    once("user", tuple(user.name for user in system.everyone))
    once("user's number", tuple(user.number for user in system.everyone))
    known = {user.name for user in system.everyone}
    for user in system.everyone:
        if not _NAME.fullmatch(user.name):
            raise EvaluationError(f"has a user {user.name!r}, which cannot be a name")
        if type(user.number) is not int or not 0 <= user.number <= HIGHEST_ID:
            raise EvaluationError(
                f"gives the user {user.name!r} the number {user.number!r}; 1 to {HIGHEST_ID - 1}"
            )
        for text in (user.home, user.shell, user.password):
            if ":" in text or "\n" in text:
                raise EvaluationError(f"has a colon or a line's end in a field of {user.name!r}")
        if not user.home.startswith("/") or not user.shell.startswith("/"):
            raise EvaluationError(f"gives {user.name!r} a home or a shell that is no path from /")
        for group in user.groups:
            if group not in known:
                raise EvaluationError(f"puts {user.name!r} into the group {group!r}: no such")


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
        if service.user not in known:
            raise EvaluationError(
                f"runs the service {service.name!r} as the user {service.user!r}: no such"
            )
        for port in service.ports:
            if type(port) is not int or not 1 <= port <= HIGHEST_PORT:
                raise EvaluationError(f"gives {service.name!r} the port {port!r}")
        for folder in service.folders:
            if not folder.startswith("/var/") or not _PATH.fullmatch(folder[1:]):
                raise EvaluationError(
                    f"gives {service.name!r} the folder {folder!r}: only /var can be written to"
                )


def _check_files(system: System) -> None:
    paths = [path for path, _ in system.files]
    for path in paths:
        if not _PATH.fullmatch(path):
            raise EvaluationError(f"has a file {path!r}: a path from the root, such as etc/motd")
        if not path.startswith(("etc/", "share/")):
            raise EvaluationError(f"has a file {path!r}: files are below etc and share")
        if path in WRITTEN or path.startswith(("etc/runit/", "etc/sv/")):
            raise EvaluationError(f"has a file {path!r}, which its other fields make")
    every = (*WRITTEN, *paths)
    once("file", tuple(every))
    for path in every:
        above = [other for other in every if path.startswith(f"{other}/")]
        if above:
            raise EvaluationError(f"has a file {above[0]!r}, and another one below it: {path!r}")


def _check_network(network: Network) -> None:
    try:
        if network.address:
            ipaddress.ip_interface(network.address)
        for address in (*network.nameservers, *([network.gateway] if network.gateway else [])):
            ipaddress.ip_address(address)
    except ValueError as error:
        raise EvaluationError(f"has a network that cannot be: {error}") from None
    if network.gateway and not network.address:
        raise EvaluationError("has a gateway, but leaves its address to DHCP")
