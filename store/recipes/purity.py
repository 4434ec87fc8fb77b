"""The limits of recipe code: it may look at recipes, and compute.

Python's audit hook sees each file that is opened and each folder that is listed. It refuses calls
that start programs, write, or reach the network. Functions that reveal something without an audit
event (``os.stat``, ``os.getpid``, ``time.time``, …) are replaced: those that look at paths record
that, and the others refuse.

This names the line of a recipe that is careless. A hostile one may get round it, and finds that the
kernel forbids the same: ``store.recipes.confinement``.
"""

from __future__ import annotations

import builtins
import contextlib
import os
import posix
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import BuiltinFunctionType, FrameType
from typing import Any, Final

from store.display import quoted
from store.errors import EvaluationError
from store.recipes.forbidden import (
    BLIND,
    CLOCK,
    HARMLESS,
    HINT,
    REFUSED_EVENTS,
    SEEN_EVENTS,
    USUAL_EVENTS,
    WRITING,
    Blind,
    refuse_the_present,
    refusing,
)
from store.recipes.reads import Read, State, is_link, mode_of, state_of
from store.recipes.recorded_folder import Entries, RecordedEntry

LARGEST: Final = 64 << 20
"""Bytes that a module may have."""

USUAL: Final = 64 << 10
"""Bytes that are read at first: memory for the largest module is reserved for the few that need
it."""


class Purity:
    """The rules for one evaluation, and ``reads``, what it looked at."""

    def __init__(self, places: Sequence[str], library: Iterable[str]) -> None:
        self.reads: dict[Read, State] = {}
        self._places = [os.path.realpath(place) for place in places]
        self._all = (*places, *self._places)
        self._tops = tuple(f"{place}/" for place in self._places)
        self._above = {above for place in self._all for above in _folders_above(place)}
        self._library = tuple(library)
        self._libraries = tuple(f"{top}/" for top in self._library)
        self._lstat, self._stat = os.lstat, os.stat
        self._real_folders: dict[str, str] = {}
        self._looked: dict[tuple[str, bool], str] = {}
        self._busy = False

    def enforce(self, import_rule: Any) -> None:
        """Enforce the rules from now on, for the rest of the process."""
        originals = {name: getattr(os, name) for name in ("listdir", "readlink", "open", "fstat")}
        for name, value in list(vars(posix).items()):
            if isinstance(value, BuiltinFunctionType) and name not in HARMLESS:
                _replace(name, refusing(f"calls os.{name}()"))
        _replace("stat", self._stat_rule(self._stat))
        _replace("lstat", self._stat_rule(self._lstat))
        _replace("listdir", self._listdir(originals["listdir"]))
        _replace("scandir", self._scandir(originals["listdir"]))
        _replace("readlink", self._readlink(originals["readlink"]))
        _replace("open", self._open(originals["open"]))
        _replace("fstat", lambda fd: _plain(originals["fstat"](fd)))
        _replace("getcwd", lambda: "/")
        _replace("getcwdb", lambda: b"/")
        for name, value in list(vars(time).items()):
            if callable(value) and name not in CLOCK and not name.startswith("_"):
                setattr(time, name, refusing(f"asks for the time: time.{name}()"))
        refuse_the_present()
        for name in BLIND:
            sys.modules[name] = Blind(name)
        builtins.__import__ = import_rule
        sys.addaudithook(self._audit)

    # -- what recipes are loaded by -----------------------------------------------------------

    def source(self, path: str) -> bytes | None:
        """Return the content of a file of recipes, None if there is none."""
        with self.unseen():
            if not stat.S_ISREG(mode_of(self._note(False, path))):
                return None
            self._check_place(path)
            try:
                with open(path, "rb") as stream:
                    content = stream.read(USUAL)
                    if len(content) == USUAL:
                        content += stream.read(LARGEST + 1 - USUAL)
            except OSError as error:
                raise EvaluationError(f"cannot be read: {error.strerror}", file=path) from error
        if len(content) > LARGEST:
            raise EvaluationError("a module has at most 64 MiB", file=path)
        return content

    def is_folder(self, path: str) -> bool:
        """Return whether there is a folder."""
        return stat.S_ISDIR(mode_of(self._note(False, path)))

    # -- the rules ----------------------------------------------------------------------------

    @contextlib.contextmanager
    def unseen(self) -> Iterator[None]:
        """Record nothing and refuse nothing meanwhile."""
        before, self._busy = self._busy, True
        try:
            yield
        finally:
            self._busy = before

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if self._busy:
            return
        if event in USUAL_EVENTS:
            return
        if event == "open":
            self._opened(*args)
        elif event.startswith(REFUSED_EVENTS) or (
            event.startswith("os.") and event not in SEEN_EVENTS
        ):
            raise EvaluationError(f"does what recipes cannot: {event}{_first(args)}", hint=HINT)
        elif event in ("os.listdir", "os.scandir"):
            self._look(_own(args[0]), listed=True)

    def _opened(self, path: object, mode: str | None, flags: int) -> None:
        if isinstance(path, int) or path is None:
            return
        if flags & WRITING:
            raise EvaluationError(
                f"writes to {quoted(_text(path))}, which recipes cannot", hint=HINT
            )
        real = self._look(_own(path))
        if real is not None:
            with contextlib.suppress(OSError):
                kind = stat.S_IFMT(self._stat(real).st_mode)
                if kind not in (stat.S_IFREG, stat.S_IFDIR):
                    raise EvaluationError(
                        f"reads {quoted(_text(path))}, which is no file", hint=HINT
                    )

    def _look(self, path: Any, *, listed: bool = False, follow: bool = True) -> str | None:
        """Record a path that is looked at; returns its real path, or None for Python's own
        library."""
        if isinstance(path, int):
            raise EvaluationError("looks at open files by their numbers", hint=HINT)
        given = os.path.join("/", _text("." if path is None else path))
        real = self._looked.get((given, listed))
        if real is not None:  # as each file of an archive, which is opened after a look
            return real
        text = self._straight(given)
        if self._is_pythons(text):
            return None
        # A path is resolved from the top: that there are folders above is no secret.
        above = not listed and self._is_above(text)
        real = text if above else self._check_place(text, follow)
        state = self._note(False, text)
        if ".." in given.split("/"):  # folders on the way have to be there, too
            self._note(False, given)
        if listed:
            with self.unseen():
                self._note(True, text)
        if not is_link(state):
            self._looked[given, listed] = real
        return real

    def _straight(self, path: str) -> str:
        """Return the path without ``..``, which leads where a link before it does."""
        if "/.." not in path:
            return os.path.normpath(path)
        at = "/"
        with self.unseen():
            for part in path.split("/"):
                if part == "..":
                    if not self._is_above(at):
                        self._check_place(at)
                    at = os.path.dirname(os.path.realpath(at))
                elif part != ".":
                    at = os.path.join(at, part)
        return os.path.normpath(at)

    def _is_above(self, path: str) -> bool:
        return (path.rstrip("/") or "/") in self._above

    def _is_pythons(self, path: str) -> bool:
        """Return whether it is Python's own library: importing looks at all of it, and recipes may
        read its modules' source, as the version of Python is no secret."""
        if path not in self._library and not path.startswith(self._libraries):
            return False
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code.co_filename == __file__:
            frame = frame.f_back
        if frame is None or frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        return path.endswith(".py") and "/site-packages/" not in path

    def _check_place(self, path: str, follow: bool = True) -> str:
        real = self._real(path, follow)
        if real.startswith(self._tops) or real in self._places:
            return real
        leads = f", which leads to {quoted(real)}" if real != path else ""
        inside = any(path.startswith(f"{place}/") for place in self._all)
        raise EvaluationError(
            f"reads {quoted(path)}{leads if inside else ''}: outside of the recipes' folder",
            hint=HINT,
        )

    def _real(self, path: str, follow: bool) -> str:
        """Return the path without links. Those above it are followed once in an evaluation: a
        project has hundreds of files in a few folders."""
        folder, _, name = path.rpartition("/")
        real = self._real_folders.get(folder)
        if real is None:
            with self.unseen():
                real = self._real_folders[folder] = os.path.realpath(folder or "/").rstrip("/")
        place = f"{real}/{name}"
        if not follow or not self._is_link(place):
            return place
        with self.unseen():
            return os.path.realpath(path)

    def _is_link(self, path: str) -> bool:
        try:
            return stat.S_ISLNK(self._lstat(path).st_mode)
        except (OSError, ValueError):
            return False

    def _note(self, listed: bool, path: str) -> State:
        """Record a path, and return the state that it has, or had when it was looked at first."""
        read = (listed, os.fsencode(path))
        state = self.reads.get(read)
        if state is None:
            state = self.reads[read] = state_of(read)
        return state

    def _stat_rule(self, original: Callable[..., os.stat_result]) -> Callable[..., os.stat_result]:
        def rule(
            path: Any, *, dir_fd: int | None = None, follow_symlinks: bool = True
        ) -> os.stat_result:
            follow = follow_symlinks and original is not self._lstat
            if self._busy or isinstance(path, int):
                return self._stat(path, follow_symlinks=follow)
            _no_folder(dir_fd)
            path = _own(path)
            if self._look(path, follow=follow) is None:
                return self._stat(path, follow_symlinks=follow)
            return _plain(self._stat(path, follow_symlinks=follow))

        return rule

    def _listdir(self, original: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
        def rule(path: Any = ".") -> list[Any]:
            path = _own(path)
            if not self._busy:
                self._look(path, listed=True)
            with self.unseen():
                # The disk's order is not the same on another disk.
                return sorted(original(path))

        return rule

    def _scandir(self, original: Callable[..., list[Any]]) -> Callable[..., Any]:
        listdir = self._listdir(original)

        def rule(path: Any = ".") -> Entries:
            folder = _own(os.fspath(path))
            return Entries([RecordedEntry(folder, name) for name in listdir(folder)])

        return rule

    def _readlink(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def rule(path: Any, *, dir_fd: int | None = None) -> Any:
            _no_folder(dir_fd)
            path = _own(path)
            if not self._busy:
                self._look(path, follow=False)
            return original(path)

        return rule

    def _open(self, original: Callable[..., int]) -> Callable[..., int]:
        def rule(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
            _no_folder(dir_fd)
            return original(_own(path), flags, mode)

        return rule


def _folders_above(path: str) -> Iterator[str]:
    while (above := os.path.dirname(path)) != path:
        yield above
        path = above


def _plain(found: os.stat_result) -> os.stat_result:
    """Return it without the times, the owner and the place on the disk, which are no recipe's
    affair."""
    folder = stat.S_ISDIR(found.st_mode)
    mode = stat.S_IFMT(found.st_mode) | (0o755 if folder or found.st_mode & 0o100 else 0o644)
    return os.stat_result((mode, 0, 0, 1, 0, 0, 0 if folder else found.st_size, 1, 1, 1))


def _replace(name: str, function: Callable[..., Any]) -> None:
    function.__name__ = name
    for module in (os, posix):
        if hasattr(module, name):
            setattr(module, name, function)


def _no_folder(descriptor: int | None) -> None:
    if descriptor is not None:
        raise EvaluationError("looks below an open folder, which recipes cannot", hint=HINT)


def _own(path: Any) -> Any:
    """Return a path as the system takes it. A recipe's object may give another one each time that
    it is asked, or be equal to another path."""
    if path is None or isinstance(path, int):
        return path
    found = os.fspath(path)
    return str.__str__(found) if isinstance(found, str) else b"".join((found,))


def _text(path: Any) -> str:
    return os.fsdecode(path)


def _first(args: tuple[Any, ...]) -> str:
    shown = next((arg for arg in args if isinstance(arg, str | bytes)), "")
    return f" ({_text(shown)[:200]})" if shown else ""
