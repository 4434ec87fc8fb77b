"""Recipes as Python compiled them, kept so that an evaluation compiles only those that changed.

Code that runs in an evaluation must not decide what a later one runs. So all that is kept was
compiled before the first recipe ran, in a confined process of its own: it writes to a file in
memory, which it seals. An entry is used for a module at its path and with its content alone.

The process that evaluates reads the same file whether its modules were compiled now or earlier.
Some sets are in the order of the addresses of their objects. These addresses depend on all that the
process did before.
"""

from __future__ import annotations

import contextlib
import fcntl
import marshal
import os
import stat
import sys
import warnings
from collections.abc import Iterator
from itertools import islice
from types import CodeType
from typing import Final, NamedTuple

from store import canon, digest
from store.canon import Value
from store.errors import FormatError, StorageError
from store.model import fields
from store.recipes.reads import State, is_link, mode_of, state_from_fields, walk
from store.system import owned

LARGEST: Final = 64 << 20
"""Bytes of all that is kept."""

LONGEST: Final = 1 << 20
"""Bytes of a module whose code is kept."""

MOST: Final = 4000
"""Modules whose code is kept, at most."""

SOURCES: Final = 4 << 20
"""Bytes of their sources, at most. All are compiled before the recipes run, also those that no
recipe imports: so many bytes take some seconds of the time that an evaluation has."""

_SEALS: Final = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL

_FORM: Final = 2
"""The form of ``marshal`` without references, which depend on other code that is in memory."""


class _Entry(NamedTuple):
    state: State
    source: bytes
    """The digest of the source."""
    code: bytes


class CompiledModules:
    """The code of modules by their paths."""

    def __init__(self) -> None:
        self._entries: dict[bytes, _Entry] = {}

    def code(self, path: str, source: bytes) -> CodeType:
        """Return the code of a module; SyntaxError, ValueError where there is none."""
        entry = self._entries.get(os.fsencode(path))
        if entry is not None and entry.source == digest.file_digest(source):
            found: CodeType = marshal.loads(entry.code)  # noqa: S302 - of our own making
            return found
        return _kept_form(_compile(path, source))

    def update(self, folder: str) -> bool:
        """Compile the modules in a folder of recipes that changed, and forget all others that are
        not there; return whether there were any."""
        before, self._entries = self._entries, {}
        for path, state in _first(_modules(folder)):
            entry = before.get(path)
            if entry is None or entry.state != state:
                entry = _entry(path, state)
            if entry is not None:
                self._entries[path] = entry
        return before != self._entries

    def encode(self) -> bytes:
        """Return the digest of a record, and ``[version, [[path, state, source, code]…]]``."""
        entries: list[Value] = [
            [path, list(entry.state), entry.source, entry.code]
            for path, entry in self._entries.items()
        ]
        record = canon.encode([sys.version, entries])
        return digest.file_digest(record) + record

    @classmethod
    def decode(cls, data: bytes) -> CompiledModules:
        """Return the inverse of :meth:`encode`; FormatError for anything else, and for another
        Python's."""
        record = data[digest.DIGEST_SIZE :]
        if digest.file_digest(record) != data[: digest.DIGEST_SIZE]:
            raise FormatError("not the bytes that were written")
        version, entries = fields.array(canon.decode(record), 2)
        if version != sys.version:
            raise FormatError("another Python's")
        made = cls()
        for path, state, source, code in (fields.array(each, 4) for each in fields.array(entries)):
            entry = _Entry(state_from_fields(state), fields.raw(source, 32), fields.raw(code))
            made._entries[fields.raw(path)] = entry
        return made


def refresh(fd: int, folder: str) -> None:
    """Bring the modules in the file ``fd`` up to date for a folder of recipes, and seal the file,
    which is closed."""
    found = CompiledModules()
    with open(fd, "r+b", buffering=0) as file:
        with contextlib.suppress(FormatError):
            found = CompiledModules.decode(file.read())
        if found.update(folder):
            data = found.encode()
            file.truncate(0)
            os.pwrite(fd, data, 0)
        with contextlib.suppress(OSError):  # without its seals, nothing is kept
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)


def refreshed(fd: int) -> CompiledModules:
    """Return the modules in the file ``fd`` after :func:`refresh`; none if that failed. The file is
    closed."""
    with open(fd, "rb", buffering=0) as file:
        file.seek(0)  # the other process has read it
        with contextlib.suppress(FormatError):
            return CompiledModules.decode(file.read())
    return CompiledModules()


@contextlib.contextmanager
def lent(path: str | None) -> Iterator[int]:
    """Yield a file in memory with the content of the file ``path``, for :func:`refresh` before the
    evaluation. In the end, the content that it then has is kept in the file ``path``, where this
    user may write.

    Without a path, the file is empty, and its content is not kept.
    """
    fd = os.memfd_create("modules", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with open(fd, "rb", buffering=0):
        before = b"" if path is None else _kept(path)
        os.pwrite(fd, before, 0)
        try:
            yield fd
        finally:
            if path is not None:
                _keep(fd, path, before)


def _kept(path: str) -> bytes:
    with contextlib.suppress(OSError, StorageError), open(owned.open_believed(path), "rb") as file:
        return file.read(LARGEST)
    return b""


def _keep(fd: int, path: str, before: bytes) -> None:
    size = os.fstat(fd).st_size
    # Without its seals, recipes may have written to it. The kernel may have added one of its own.
    if size > LARGEST or fcntl.fcntl(fd, fcntl.F_GET_SEALS) & _SEALS != _SEALS:
        return
    after = os.pread(fd, size, 0)
    if after != before:
        from store.system.whole_file import replace_file  # only where something changed

        with contextlib.suppress(OSError, StorageError):
            # A recipe may hold a secret.
            replace_file(path, after, mode=owned.PRIVATE_FILE, own_folder=True)


def _modules(folder: str) -> Iterator[tuple[bytes, State]]:
    """Yield the files in a folder that Python could import by a name."""
    top = len(os.fsencode(folder)) + 1
    for path, state in walk((folder,)):
        names = os.fsdecode(path[top:]).removesuffix(".py").split("/")
        if path.endswith(b".py") and all(map(str.isidentifier, names)) and _is_short(state):
            yield path, state


def _first(modules: Iterator[tuple[bytes, State]]) -> Iterator[tuple[bytes, State]]:
    """Yield those that there is room for. The choice depends on nothing but the folder."""
    room = SOURCES
    for path, state in islice(modules, MOST):
        size = int(state[1])
        if size <= room:
            room -= size
            yield path, state


def _is_short(state: State) -> bool:
    """Return whether it is that of a file, and no link, whose code is kept."""
    is_file = not is_link(state) and stat.S_ISREG(mode_of(state))
    return is_file and int(state[1]) <= LONGEST


def _entry(path: bytes, state: State) -> _Entry | None:
    """Return the entry of a file; None for one without code, or with a warning, which is shown when
    it is imported."""
    try:
        with open(path, "rb") as file, warnings.catch_warnings():
            warnings.simplefilter("error")
            source = file.read(LONGEST)
            code = _compile(os.fsdecode(path), source)
        return _Entry(state, digest.file_digest(source), marshal.dumps(code, _FORM))
    except Exception:  # whatever is wrong is found again when it is imported, if it is
        return None


def _compile(path: str, source: bytes) -> CodeType:
    return compile(source, path, "exec", dont_inherit=True)


def _kept_form(code: CodeType) -> CodeType:
    """Return code as it is after it was kept: a set in it may have another order."""
    with contextlib.suppress(ValueError):  # some code of later versions cannot be kept
        found: CodeType = marshal.loads(marshal.dumps(code, _FORM))  # noqa: S302
        return found
    return code
