"""Deeds that recipes cannot do: the audit events, functions and modules that are refused.

The tables name each of them, or the few that are left; :mod:`store.recipes.purity` enforces them.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable
from types import ModuleType
from typing import Final, NoReturn

from store.errors import EvaluationError

HINT: Final = (
    "evaluating reads the recipes' folder, and bootstrap-seeds/ and the engine beside it, and does "
    "nothing else"
)
"""The hint of each refusal."""

REFUSED_EVENTS: Final = (
    "_thread.",
    "builtins.breakpoint",
    "builtins.input",
    "cpython.",
    "ctypes.",
    "fcntl.",
    "ftplib.",
    "gc.",
    "glibc.",
    "http.",
    "imaplib.",
    "mmap.",
    "msvcrt.",
    "nntplib.",
    "poplib.",
    "pty.",
    "resource.",
    "setopencodehook",
    "shutil.",
    "signal.",
    "smtplib.",
    "socket.",
    "sqlite3.",
    "subprocess.",
    "sys.addaudithook",
    "sys.set",
    "sys._current",
    "sys._debugmalloc",
    "syslog.",
    "telnetlib.",
    "tempfile.",
    "time.",
    "urllib.",
    "webbrowser.",
)
"""Beginnings of audit events."""

SEEN_EVENTS: Final = frozenset({"os.listdir", "os.scandir", "os.walk", "os.fwalk"})
"""Events of ``os`` that are not refused."""

USUAL_EVENTS: Final = frozenset(
    ["compile", "exec", "import", "marshal.dumps", "marshal.loads", "object.__getattr__"]
)
"""Events of each import, which are not refused either."""

NAMELESS: Final = os.O_TMPFILE & ~os.O_DIRECTORY

WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | NAMELESS

HARMLESS: Final = frozenset(
    [
        "fspath",
        "strerror",
        "major",
        "minor",
        "makedev",
        "WIFEXITED",
        "WIFSIGNALED",
        "WIFSTOPPED",
        "WIFCONTINUED",
        "WCOREDUMP",
        "WEXITSTATUS",
        "WTERMSIG",
        "WSTOPSIG",
        "close",
        "read",
        "lseek",
        "isatty",
        "_path_normpath",
        "_path_normpath_ex",
        "_path_splitroot",
        "_path_splitroot_ex",
    ]
)
"""Functions of ``posix`` that are left as they are: they compute, or work on open files."""

CLOCK: Final = frozenset({"struct_time", "get_clock_info"})
"""Functions of ``time`` that are left as they are."""


BLIND: Final = (
    *("pwd", "grp", "_socket", "_posixsubprocess", "_ctypes", "_random", "_uuid"),
    "_fixpoint_calls",
)
"""Modules of which Python's own ones find nothing: they ask the machine without a word."""


class Blind(ModuleType):
    """A module in which nothing may be used."""

    def __getattr__(self, name: str) -> NoReturn:
        raise EvaluationError(f"uses {self.__name__}.{name}, which recipes cannot", hint=HINT)


def refusing(deed: str) -> Callable[..., NoReturn]:
    """Return a function that does nothing but raise EvaluationError: a recipe ``deed``."""

    def refuse(*_: object, **__: object) -> NoReturn:
        raise EvaluationError(f"{deed}, which recipes cannot", hint=HINT)

    return refuse


def refuse_the_present() -> None:
    """Replace what of ``datetime`` asks for the time, which does not go through ``time``."""

    class Date(datetime.date):
        today = classmethod(refusing("asks for the time: date.today()"))

    class DateTime(datetime.datetime):
        now = classmethod(refusing("asks for the time: datetime.now()"))
        today = classmethod(refusing("asks for the time: datetime.today()"))
        utcnow = classmethod(refusing("asks for the time: datetime.utcnow()"))

    datetime.date, datetime.datetime = Date, DateTime  # type: ignore[misc]
