"""From a folder of recipes to a catalogue: recipe code runs in a process of its own.

The folder is a Python package with a module ``stages`` that offers ``catalogue(seeds, seed)``;
beside it lies ``bootstrap-seeds/`` with one ``seed.json`` a folder. The engine imports no recipe,
and its process runs none: the answer is data (``store.recipes``).
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import select
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from store.display import printable, quoted
from store.errors import EvaluationError, FormatError
from store.model.catalogue import Catalogue
from store.model.derivation import BUILTIN, BUILTINS, Source
from store.quantities import limit_text
from store.recipes import answer, compiled_modules
from store.recipes.answer import Answer
from store.recipes.reads import KIT
from store.recipes.seeds import read_seeds
from store.system import kernel

__all__ = ["LIMITS", "EvaluationLimits", "evaluate", "evaluation", "read_seeds", "say_nothing"]

ENGINE: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HASH_SEED: Final = "0"
"""The seed of the order of a set of texts; recipes must not depend on it, but might."""

GRACE: Final = 5.0
"""Seconds beyond its limit after which a child is killed that did not end itself."""

MOST_WORDS: Final = 65_536
"""Bytes of what recipes print, and of a process's last words, that are read."""

_NAMEABLE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")
_TRACE: Final = "Traceback (most recent call last):"
_REASON: Final = re.compile(r"^\w+: (?:\[Errno \d+\] )?([^\n]+)\Z", re.MULTILINE)
"""The last line of an error that Python wrote down: its kind, and why."""
_FRAME: Final = re.compile(r'^  File "(.*)", line (\d+) in ', re.MULTILINE)


class EvaluationLimits(NamedTuple):
    """Seconds and bytes of memory that an evaluation may take."""

    seconds: float = 60.0
    memory: int = 4 << 30


LIMITS: Final = EvaluationLimits()


def say_nothing(line: str) -> None:
    """Ignore a line that recipes print."""


def evaluate(recipes: str, seed: str = "debian", seconds: float | None = None) -> Catalogue:
    """Return the catalogue of the folder ``recipes``, its ladder standing on the seed named
    ``seed``. It may take so many ``seconds``, or the usual time.

    EvaluationError names the file and line that are to blame.
    """
    return evaluation(recipes, seed, within(seconds)).catalogue


def within(seconds: float | None) -> EvaluationLimits:
    """Return the limits of an evaluation that may take so long; None is the usual time."""
    return LIMITS if seconds is None else LIMITS._replace(seconds=seconds)


def evaluation(
    recipes: str,
    seed: str,
    limits: EvaluationLimits = LIMITS,
    said: Callable[[str], None] = say_nothing,
    modules: str | None = None,
) -> Answer:
    """Evaluate as :func:`evaluate`, and return the files read too; ``said`` is given each line that
    recipes print, and compiled recipes are kept in the file ``modules``."""
    recipes = os.path.abspath(recipes)
    _check_folder(recipes)
    with (
        _memory("answer") as told,
        _memory("words") as words,
        _memory("printed") as printed,
        compiled_modules.lent(modules) as lent,
    ):
        fds = (told, words, lent)
        command = _command(recipes, seed, fds, limits)
        first = time.time_ns()
        ended = _run(command, fds, printed, limits.seconds)
        data = _content(told, answer.LARGEST)
        text = _content(printed, MOST_WORDS).decode("utf-8", "replace")
        # Without an answer, the last thing printed may be an error of Python's, of its own start.
        text, _, broken = text.partition(_TRACE) if ended or not data else (text, "", "")
        for line in text.splitlines():
            said(line)
        if ended or not data:
            raise _silent(_content(words, MOST_WORDS), recipes, limits, ended, broken)
    try:
        found = answer.decode(data, first, time.time_ns())
        wrong = _amiss(found.catalogue)
    except FormatError as error:
        wrong = f"no sound catalogue: {error}"
    if wrong:
        raise EvaluationError(f"catalogue() returned {wrong}", file=f"{recipes}/stages.py")
    return found


def _check_folder(recipes: str) -> None:
    try:
        found = os.stat(f"{recipes}/stages.py")
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise EvaluationError(f"cannot be read: {error.strerror}", file=recipes) from error
    else:
        if stat.S_ISREG(found.st_mode):
            return
    raise EvaluationError(
        f"{recipes} holds no stages.py", hint="name a folder of recipes with --recipes"
    )


@contextlib.contextmanager
def _memory(name: str) -> Iterator[int]:
    """Make a file in memory; yields its descriptor."""
    fd = os.memfd_create(name)
    try:
        yield fd
    finally:
        os.close(fd)


def _content(fd: int, most: int) -> bytes:
    size = min(os.fstat(fd).st_size, most)
    return os.pread(fd, size, 0)


def _command(recipes: str, seed: str, fds: tuple[int, ...], limits: EvaluationLimits) -> list[str]:
    if not sys.executable:
        raise EvaluationError("this Python does not know its own program, and cannot start it")
    options = ["-S", "-s", "-P", "-X", "utf8"]
    if sys.dont_write_bytecode:
        options.append("-B")
    if sys.pycache_prefix:
        options += ["-X", f"pycache_prefix={sys.pycache_prefix}"]
    kit = KIT if os.path.isdir(KIT) else ""
    bounds = [str(limits.seconds), str(limits.memory)]
    child = f"{ENGINE}/recipes/child.py"
    places = [os.path.dirname(ENGINE), recipes, seed, kit, *map(str, fds), *bounds]
    return [sys.executable, *options, child, *places, *filter(os.path.isabs, sys.path)]


def _run(command: list[str], fds: tuple[int, ...], printed: int, seconds: float) -> int:
    """Run the child to its end, or kill it when it takes too long; returns how it ended."""
    caller = os.getpid()

    def prepare() -> None:
        kernel.die_with_parent(caller)
        # Sets of objects without a hash of their own are in the order of addresses.
        with contextlib.suppress(OSError):
            kernel.personality(kernel.ADDR_NO_RANDOMIZE)

    environment = {"LC_ALL": "C", "TZ": "UTC", "PYTHONHASHSEED": HASH_SEED}
    if "LD_LIBRARY_PATH" in os.environ:  # Python itself may need it
        environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    with subprocess.Popen(
        command,
        env=environment,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=printed,
        stderr=printed,
        pass_fds=fds,
        start_new_session=True,
        preexec_fn=prepare,  # noqa: PLW1509 - it calls the kernel, and takes no lock
    ) as child:
        try:
            _wait(child, seconds + GRACE)
        finally:
            child.kill()
        return child.wait()


def _wait(child: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait for the end of a child, and not longer."""
    try:
        fd = os.pidfd_open(child.pid)
    except OSError:  # before Linux 5.3, or a container's filter: looking now and then will do
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(seconds)
        return
    try:
        ready = select.poll()
        ready.register(fd, select.POLLIN)
        ready.poll(seconds * 1000)
    finally:
        os.close(fd)


def _silent(
    words: bytes, recipes: str, limits: EvaluationLimits, ended: int, broken: str
) -> EvaluationError:
    """Return the error for a child that ended without an answer."""
    file, line = _last_place(words, recipes)
    if words.startswith(b"Timeout") or ended == -9:
        return EvaluationError(
            f"did not end within {limit_text(limits.seconds)}",
            file=file,
            line=line,
            hint="STORE_EVALUATION_TIMEOUT allows more time, as in 10m",
        )
    how = f"signal {-ended}" if ended < 0 else f"status {ended}"
    last = _REASON.search(broken.rstrip())
    why = f": {printable(last[1])}" if last else ""
    return EvaluationError(
        f"the process that evaluates ended without an answer ({how}){why}", file=file, line=line
    )


def _last_place(words: bytes, recipes: str) -> tuple[str, int | None]:
    """Return the innermost line of recipes in a stack that Python wrote down, newest call first."""
    above = "".join(map(_dumped, recipes)) + os.sep
    for name, line in _FRAME.findall(words.decode("ascii", "replace")):
        if name.startswith(above):
            return f"{recipes}/{name[len(above) :]}", int(line)
    return f"{recipes}/stages.py", None


def _dumped(char: str) -> str:
    """Return a character as Python writes it when it can do no more than write bytes."""
    code = ord(char)
    if " " <= char <= "~":
        return char
    return (
        f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
    )


def _amiss(found: Catalogue) -> str | None:
    """Return the fault of a catalogue that would let work on it fail half-way."""
    for package in found.packages.values():
        if package.node not in found.nodes:
            return f"the package {quoted(package.name)} without its node"
        if not _NAMEABLE.fullmatch(package.name):
            return (
                f"a package called {quoted(package.name)}; the characters are A-Z a-z 0-9 . _ + -"
            )
        for text in (package.version, package.description, package.licence):
            if not text.isprintable():
                return (
                    f"the package {quoted(package.name)} with a text that "
                    f"cannot be shown: {quoted(text)}"
                )
    for node in found.nodes.values():
        if isinstance(node, Source):
            continue
        if node.builder.startswith(BUILTIN) and node.builder not in BUILTINS:
            return f"{quoted(node.name)}, whose builder {quoted(node.builder)} is unknown"
        for ref in node.refs:
            if ref.node not in found.nodes:
                return f"{quoted(node.name)} without its input {quoted(ref.name)}"
    return None
