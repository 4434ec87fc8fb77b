"""The process that runs recipe code: it is started for one evaluation, and writes one answer.

Its arguments, each a text: the engine's folder; the folder of recipes; the seed; the folder of the
recipes that come with the engine (or nothing); the numbers of the descriptors for its answer, for
its last words and for compiled modules; seconds that it may take; bytes of memory; and
where Python finds modules.
"""

from __future__ import annotations

import sys

# Python's own come first: a folder beside a checkout's `store` must not take their names. The
# caller's own folders come last, for the two libraries that the model stands on.
OWN = [path for path in sys.path if path.startswith("/")]
sys.path[:] = [*OWN, sys.argv[1], *sys.argv[10:]]

import contextlib  # noqa: E402 - only now
import faulthandler  # noqa: E402
import gc  # noqa: E402
import io  # noqa: E402
import os  # noqa: E402
import resource  # noqa: E402
from importlib import import_module  # noqa: E402

from store.display import quoted  # noqa: E402
from store.errors import EvaluationError, FormatError, StoreError  # noqa: E402
from store.model.catalogue import Catalogue  # noqa: E402
from store.model.project_archive import project_parts  # noqa: E402
from store.recipes import answer  # noqa: E402
from store.recipes.compiled_modules import refresh, refreshed  # noqa: E402
from store.recipes.confinement import confine  # noqa: E402
from store.recipes.loading import KIT, Recipes, package_name  # noqa: E402
from store.recipes.purity import Purity  # noqa: E402
from store.recipes.seeds import linked_seeds, read_seeds, seeds_folder  # noqa: E402
from store.system.forking import fork  # noqa: E402

LIBRARY = [path for path in OWN if os.path.isdir(path)]
MOST_PRINTED = 65_536
"""Characters of what recipes print that are kept."""


class Printed(io.TextIOBase):
    """Standard output and error of recipes: the first part of it is kept for the caller."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self._left = MOST_PRINTED
        self._write = os.write

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, text: str) -> int:
        """Keep what there is room for."""
        kept = text[: self._left]
        self._left -= len(kept)
        self._write(1, kept.encode("utf-8", "surrogatepass"))
        return len(text)


def main() -> None:
    """Evaluate, write the answer, and end the process; never returns."""
    _, _, recipes, seed, kit, told, words, modules, seconds, memory, *_ = sys.argv
    write, end = os.pwrite, os._exit
    faulthandler.enable(int(words))
    faulthandler.dump_traceback_later(float(seconds), exit=True, file=int(words))
    purity = prepare(recipes, kit, int(modules), int(memory))
    try:
        found = evaluate(recipes, seed)
        data = encoded(found, purity, recipes)
    except BaseException as error:  # SystemExit, too: recipes must not end it in silence
        with purity.unseen():
            data = last_words(error, recipes)
    place = 0
    while place < len(data):
        place += write(int(told), data[place:], place)
    end(0)


def prepare(recipes: str, kit: str, modules: int, memory: int) -> Purity:
    """Take from this process whatever recipes are not to have, and import the recipes' own way."""
    os.umask(0o022)
    package = package_name(recipes)
    folders = {package: recipes}
    if kit and package != KIT:
        folders[KIT] = kit
    seeds = seeds_folder(recipes)
    parts = [part for each in folders.values() for part in project_parts(each, os.path.isfile)]
    places = [*folders.values(), seeds, *linked_seeds(seeds), *parts]
    compile_apart(recipes, modules, memory, [*places, *LIBRARY])
    limit(memory)
    purity = Purity(places, LIBRARY)
    sys.path[:] = LIBRARY
    sys.path_importer_cache.clear()
    sys.modules.pop("platform", None)  # it remembers the machine's name
    sys.dont_write_bytecode = True
    sys.pycache_prefix = None  # the library's compiled files lie beside it
    sys.argv[:], sys.orig_argv[:], sys.executable = ["recipes"], ["recipes"], ""
    sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = Printed()  # type: ignore[assignment,misc]
    os.environ.clear()
    confine([*places, *LIBRARY])
    finder = Recipes(folders, purity, refreshed(modules))
    sys.meta_path.insert(2, finder)  # after built-in and frozen modules
    gc.freeze()
    purity.enforce(finder.import_rule())
    return purity


def compile_apart(recipes: str, modules: int, memory: int, readable: list[str]) -> None:
    """Compile the recipes that changed, in a process of its own, and wait for it."""

    def life() -> None:
        limit(memory)
        confine(readable)
        refresh(modules, recipes)

    pid = fork(life)
    with contextlib.suppress(ChildProcessError):  # SIGCHLD is ignored: it has ended all the same
        os.waitpid(pid, 0)


def limit(memory: int) -> None:
    """Bound the process's memory, files and processes; by what it has where that is less."""
    bounds = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_FSIZE: answer.LARGEST,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NPROC: 0,
    }
    for which, bound in bounds.items():
        most = resource.getrlimit(which)[1]
        least = bound if most == resource.RLIM_INFINITY else min(bound, most)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(which, (least, least))


def evaluate(recipes: str, seed: str) -> object:
    """Return the result of the recipes' ``catalogue``. Raises its errors, and EvaluationError."""
    seeds = read_seeds(recipes)
    if seed not in seeds:
        hint = f"seeds: {', '.join(seeds)}" if seeds else "there is no bootstrap-seeds/ with any"
        raise EvaluationError(f"no seed is named {quoted(seed)}", hint=hint)
    stages = import_module(f"{package_name(recipes)}.stages")
    return stages.catalogue(seeds, seed)


def encoded(found: object, purity: Purity, recipes: str) -> bytes:
    """Return the answer; EvaluationError for a value that is no catalogue."""
    if not isinstance(found, Catalogue):
        wrong = f"no catalogue, but a value of type {type(found).__name__}"
    else:
        try:
            return answer.encode(found, purity.reads)
        except (AttributeError, FormatError, TypeError, ValueError) as error:
            wrong = f"no sound catalogue: {error}"
    raise EvaluationError(f"catalogue() returned {wrong}", file=f"{recipes}/stages.py")


def blame(error: BaseException, recipes: str) -> EvaluationError:
    """Return the error with the file and line of a recipe that it came from."""
    if isinstance(error, EvaluationError) and (error.file or not _frames(error, recipes)):
        return error
    file, line = _place(error, recipes)
    if isinstance(error, EvaluationError):
        error.args = (f"{file}:{line}: {error.message}",)
        error.message, error.file, error.line = error.args[0], file, line
        return error
    hint = error.hint if isinstance(error, StoreError) else None
    return EvaluationError(_words(error), file=file, line=line, hint=hint)


def last_words(error: BaseException, recipes: str) -> bytes:
    """Return the error as an answer, whatever recipes raised."""
    try:
        return answer.encode_error(blame(error, recipes))
    except BaseException:  # an error's own methods are recipes', too
        plain = EvaluationError("an error that cannot be shown", file=f"{recipes}/stages.py")
        return answer.encode_error(plain)


def _words(error: BaseException) -> str:
    if isinstance(error, StoreError):
        return error.message
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg}"
    if isinstance(error, OSError) and error.strerror:
        place = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
        return f"cannot read {quoted(place)}: {error.strerror}" if place else error.strerror
    if isinstance(error, MemoryError):
        return "needs more memory than an evaluation may have"
    try:
        text = str(error)
    except BaseException:  # SystemExit, too
        text = "(it cannot be shown)"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _place(error: BaseException, recipes: str) -> tuple[str, int]:
    """Return the innermost place in a recipe; the kit's own lines only when there is no other."""
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno or 1
    frames = _frames(error, recipes)
    kit = os.path.join(recipes, "kit") + os.sep
    outside = [frame for frame in frames if not frame[0].startswith(kit)]
    return (outside or frames or [(os.path.join(recipes, "stages.py"), 1)])[-1]


def _frames(error: BaseException, recipes: str) -> list[tuple[str, int]]:
    """Return the lines of recipes on the way to the error, outermost first."""
    found, at = [], error.__traceback__
    while at is not None:
        file = at.tb_frame.f_code.co_filename
        if file.startswith(recipes + os.sep):
            found.append((file, at.tb_lineno or 1))
        at = at.tb_next
    return found


if __name__ == "__main__":
    main()
