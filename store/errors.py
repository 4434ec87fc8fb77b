"""Every error that the engine raises on purpose, one exit code per class.

Those of jobs (20 to 39) stand in ``job_errors``.

::

    StoreError                       1   (base; also anything unforeseen)
    |- UsageError                    2   (64 for `audit` and `verify`, where 2 is a finding)
    |- EvaluationError              10   a recipe does not evaluate
    |  |- UnknownPackage            11
    |  |- UnknownOutput             12
    |  |- Cycle                     13
    |  `- UnfilledRole              14
    |- UnknownObject                15   no such object in the store
    |  `- NotRealised               18   a package that has no object in the store (yet)
    |- InvalidName                  16
    |- FormatError                  17   bytes that our encoder would not have written
    |- PackageConflict              19   packages of a profile with different files at one path
    |- SourceError                  20
    |  |- HashMismatch              21
    |  |- FetchFailed               22
    |  |- Offline                   23
    |  |- BadArchive                24
    |  |- FetchTimeout              25
    |  |- FetchSilent               26
    |  |- CacheUnusable             27   refused, silent, forbidden, or no cache at all
    |  `- NotCached                 28   `--cache-only`, and no cache has it
    |- BuildError                   30
    |  |- BuildFailed               31   the builder exited with an error
    |  |- OutputMissing             32
    |  |- OutputRefused             33   a special file, or one that can't be kept, in an output
    |  |- BuildTimeout              34
    |  |- BuildSilent               35
    |  |- DiskReserve               36   stopped before the disk was full
    |  |- ForbiddenInput            37   an object in the sandbox that the stage does without
    |  |- LogTooLarge               38   the builder wrote more than its log may have
    |  `- MixedInputs               39   two objects of one derivation in the sandbox
    |- SandboxUnavailable           40
    |- OtherSystem                  41   a derivation that another kind of machine has to build
    |- ServerUnusable               42   of the Remote Execution API: refuses, is silent, forbids
    |- StorageError                 50
    |  |- StoreFull                 51
    |  |- StoreReadOnly             52
    |  |- NetworkFileSystem         53
    |  |- SchemaMismatch            54
    |  |- NotOwner                  55
    |  |- CorruptObject             56
    |  |- Busy                      57   another process does work that only one can do
    |  |- StillAlive                58   asked to delete what something keeps
    |  |- NoStore                   59   no store where one is to be read
    |  `- NotAStore                 62   the folder given as one is of something else
    |- HelperEnded                  1   a helping process died, as of a damaged index
    |- UnusableKey                 60   a key that is not there, or not safe to use
    |- OutputFailed                61   standard output cannot be written
    |- CannotRun             126, 127   the command for `run` is no program, or not there
    |- Interrupted                 130
    |- (ended by a signal)   128 + its number
    `- (broken pipe)               141   nobody reads our output any more

An error names the event, its path or derivation, and (``hint``) the next step.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Sequence

from store.display import printable, quoted, reason

MOST_ROLES = 40
"""Roles that a hint names."""


class StoreError(Exception):
    """Base of all errors raised on purpose; ``exit_code`` is the process's exit status."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint

    def __reduce__(self) -> tuple[Callable[..., StoreError], tuple[object, ...], dict[str, object]]:
        # The classes' constructors differ; an error crosses from a worker process by its fields.
        return type(self).__new__, (type(self), *self.args), self.__dict__


WRONG_LINE = 64
"""The exit code of a wrong command line, as EX_USAGE of <sysexits.h>, for commands whose own code 2
says that things differ; elsewhere it is 2."""


class UsageError(StoreError):
    """The command line cannot be understood."""

    exit_code = 2


class MissingExtra(UsageError):
    """Packages of Python that only some commands need are not installed."""


class EvaluationError(StoreError):
    """A recipe does not evaluate. ``file`` and ``line`` (1-based) say where, when known."""

    exit_code = 10

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.file: str | None = None
        self.line: int | None = None
        if file:
            self.locate(file, line)

    def locate(self, file: str, line: int | None) -> None:
        """Say where: the message begins with it. An error has one place at most."""
        self.message = f"{file}:{line}: {self.message}" if line else f"{file}: {self.message}"
        self.args = (self.message,)
        self.file, self.line = file, line


class UnknownPackage(EvaluationError):
    """No package of that name; ``near`` holds the most similar names, best first."""

    exit_code = 11

    def __init__(self, name: str, near: Sequence[str] = ()) -> None:
        hint = f"did you mean {', '.join(near)}?" if near else "`store list` names them all"
        if "/" in name:
            hint = f"a package is wanted here, and no path: {hint}"
        super().__init__(f"no package is named {quoted(name)}", hint=hint)
        self.name, self.near = name, tuple(near)


class WithoutRecipe(UnknownPackage):
    """An installed package that no recipe makes any more."""

    def __init__(self, name: str) -> None:
        EvaluationError.__init__(
            self,
            f"{quoted(name)} is installed, but no recipe makes it any more",
            hint="it stays as it is; an upgrade without names passes over it",
        )
        self.name, self.near = name, ()


class UnknownOutput(EvaluationError):
    """The package exists, but has no output of that name."""

    exit_code = 12

    def __init__(self, package: str, output: str, outputs: Sequence[str]) -> None:
        hint = f"its outputs: {', '.join(outputs)}; ^* means all"
        super().__init__(f"{quoted(package)} has no output {quoted(output)}", hint=hint)


class Cycle(EvaluationError):
    """Packages that need each other; ``chain`` starts and ends with the same name."""

    exit_code = 13

    def __init__(self, chain: Sequence[str]) -> None:
        super().__init__(f"packages need each other in a cycle: {' -> '.join(chain)}")
        self.chain = tuple(chain)


class UnfilledRole(EvaluationError):
    """A recipe needs a role that nothing in its stage fills."""

    exit_code = 14

    def __init__(self, role: str, package: str, stage: str, filled: Iterable[str] = ()) -> None:
        super().__init__(
            f"{stage}.{package} needs the role {quoted(role)}, which nothing in {stage} fills",
            hint=_filled_roles(role, sorted(filled)),
        )
        self.role = role


def _filled_roles(role: str, filled: Sequence[str]) -> str | None:
    """Return the hint for a role that nothing fills: those like it, or all where they are few."""
    from difflib import get_close_matches

    near = get_close_matches(role, filled, 3)
    if near:
        return f"did you mean {', '.join(near)}?"
    few = 0 < len(filled) <= MOST_ROLES
    return f"roles that are filled there: {', '.join(filled)}" if few else None


class UnknownObject(StoreError):
    """A path or digest that the store does not hold."""

    exit_code = 15


class NotRealised(UnknownObject):
    """A package, or one of its inputs, was not realised in this store, or is missing again."""

    exit_code = 18

    def __init__(self, name: str, why: str = "") -> None:
        super().__init__(
            f"{name} is not realised in this store{why}", hint=f"run `store realise {name}`"
        )


class InvalidName(StoreError):
    """A name that breaks the rules of the format."""

    exit_code = 16


class FormatError(StoreError):
    """Bytes that our encoder would not have written."""

    exit_code = 17


class PackageConflict(StoreError):
    """Packages of one profile have different files at one path."""

    exit_code = 19


class SandboxUnavailable(StoreError):
    """The kernel does not let us make the sandbox; the message names the setting."""

    exit_code = 40


class OtherSystem(StoreError):
    """A derivation is for another ``system`` than the one that this machine builds for."""

    exit_code = 41

    def __init__(self, name: str, system: str, own: str) -> None:
        super().__init__(
            f"{printable(name)} is built on {quoted(system)} only, and this machine is {own}",
            hint="build it on such a machine, and import it from there",
        )
        self.system = system


class ServerUnusable(StoreError):
    """A server of the Remote Execution API that cannot be used: it refuses, is silent, forbids, or
    lacks a part of the API."""

    exit_code = 42


class StorageError(StoreError):
    """The store itself cannot do the work."""

    exit_code = 50


class StoreFull(StorageError):
    """No space (or no inodes) left where the store is."""

    exit_code = 51


class StoreReadOnly(StorageError):
    """The store cannot be written to."""

    exit_code = 52


class NetworkFileSystem(StorageError):
    """The index would stand on a network file system, where LMDB is not safe."""

    exit_code = 53


class SchemaMismatch(StorageError):
    """The index has a schema that this program does not know."""

    exit_code = 54


class NotOwner(StorageError):
    """The store belongs to another user."""

    exit_code = 55


class CorruptObject(StorageError):
    """An object on disk is not what its name says."""

    exit_code = 56


class Busy(StorageError):
    """Another process does, or prevents, what only one can do at a time."""

    exit_code = 57


class NotAStore(StorageError):
    """The folder given as a store is one of something else."""

    exit_code = 62


class StillAlive(StorageError):
    """An object cannot be deleted, as something keeps it."""

    exit_code = 58


def storage_error(error: OSError, doing: str, *, remedy: str | None = None) -> StorageError:
    """Return the error for a system call that failed while ``doing`` something. ``remedy`` is for
    a place that cannot be written to; without it, that is the store's."""
    name = error.filename
    if isinstance(name, bytes):
        name = name.decode("utf-8", "surrogateescape")
    text = f"{doing}: {reason(error)}" + (f" ({name})" if isinstance(name, str) and name else "")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreFull(text, hint="free some space; finished work is not lost")
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return StoreReadOnly(text, hint=remedy or "choose another place with --root or $STORE_ROOT")
    missing = error.errno == errno.ENOENT and isinstance(name, str)
    return StorageError(text, hint=unmounted(name) if missing else None)


def output_error(error: OSError, what: str, path: str) -> StorageError:
    """Return the error for a file that a user named for ``what``, and that cannot be written."""
    doing = f"cannot write {what} {quoted(path)}"
    found = storage_error(OSError(error.errno, reason(error)), doing)
    if not isinstance(found, StoreFull):
        found.hint = "choose another place for it"
    return found


def unmounted(path: str) -> str | None:
    """Return the remedy where a missing file is the kernel's: a chroot has none itself."""
    if not path.startswith(("/dev/", "/proc/")):
        return None
    return "a chroot DIR needs, as root: mount --rbind /dev DIR/dev; mount -t proc proc DIR/proc"


class NoStore(StorageError):
    """There is no store at this root, and the command does not make one."""

    exit_code = 59

    def __init__(self, root: str) -> None:
        super().__init__(
            f"there is no store at {root}",
            hint="--root or $STORE_ROOT names another place; `store realise` and `store add` make "
            "a store",
        )


class HelperEnded(StoreError):
    """A process that helped has died; ``status`` is its exit status, negative for a signal."""

    def __init__(self, status: int) -> None:
        super().__init__(f"a helping process ended with status {status}")
        self.status = status


class UnusableKey(StoreError):
    """A key that is not there, or a private one that cannot be read, or that others could read."""

    exit_code = 60


class OutputFailed(StoreError):
    """Standard output cannot be written, as when it is a file on a full disk."""

    exit_code = 61


class CannotRun(StoreError):
    """The command cannot be run; as of a shell, the exit code is 127 when it is not there."""

    def __init__(self, message: str, *, there: bool) -> None:
        super().__init__(message)
        self.exit_code = 126 if there else 127


class Interrupted(StoreError):
    """Stopped by the user."""

    exit_code = 130
