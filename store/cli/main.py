"""The ``store`` command: global options, subcommands loaded when asked for, errors drawn once."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Iterable
from types import FrameType

import click

from store.cli.context import Context
from store.cli.lazy import LazyGroup
from store.cli.misuse import explain
from store.cli.streams import ENDING, OutputBroken, drop_output, may_style, open_streams
from store.cli.wording import shown_message
from store.errors import (
    OutputFailed,
    StorageError,
    StoreError,
    UsageError,
    reason,
    storage_error,
)
from store.system.open_files import allow_open_files

COMMANDS = {
    "realise": "Build or fetch packages, and print their store paths",
    "log": "Show a build's log; -f follows a running one",
    "show": "Show a package's derivation",
    "info": "Show the facts that the store has of an object",
    "closure": "List an object and everything that it refers to",
    "why": "Show the chain of references from one object to another",
    "tree": "Draw the build graph of a package",
    "list": "List packages, or the objects in the store",
    "add": "Add a file or folder to the store",
    "run": "Run a command of a package, with /store in place",
    "shell": "Open a shell with packages on its PATH",
    "enter": "Open a shell in the kept tree of a failed build",
    "seeds": "List the bootstrap seeds, each with its trusted files",
    "import": "Take objects from another store, checked by their digests",
    "optimise": "Share equal files that are not shared yet",
    "verify": "Find damage in the store, and repair it",
    "gc": "Delete unused objects, or show them and the reasons",
    "root": "Name objects to keep, and list them",
    "delete": "Delete objects that nothing keeps",
    "du": "Show the disk space of each object, also as a picture",
    "stats": "Show the store's disk space, and the space that sharing saves",
    "index": "Make the index anew from the store directory, or copy it",
    "audit": "Check that builds are reproducible: again, on other seeds, elsewhere",
    "attest": "Sign the builds of this machine, for others to compare with",
    "key": "Make signing keys, and choose the trusted ones",
    "completion": "Print the completion script for a shell",
}


@click.command(
    cls=LazyGroup,
    summaries=COMMANDS,
    package="store.cli.commands",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--root",
    metavar="DIR",
    help="Use the store in the folder DIR (default: $STORE_ROOT, else in the user's data home, "
    "/var/lib/fixpoint for root).",
)
@click.option(
    "--recipes",
    metavar="DIR",
    help="Read recipes from the folder DIR (default: $STORE_RECIPES, else the one beside this "
    "program).",
)
@click.option(
    "--seed",
    metavar="NAME",
    help="Build on the seed NAME (default: $STORE_SEED, else debian).",
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option("0.1.0", prog_name="store")
@click.pass_context
def cli(
    ctx: click.Context, root: str | None, recipes: str | None, seed: str | None, debug: bool
) -> None:
    """A content-addressed build store, and the distribution that it builds.

    Name a package as in gcc, cross.gcc or stage2.gcc. NAME^OUTPUT means one of its outputs,
    NAME^ONE,TWO some, and NAME^* all. Results go to standard output, and everything else to
    standard error.
    """
    if root == "":
        raise UsageError("--root needs a folder; without it, the default is used")
    ctx.obj = Context(root, recipes, debug, seed)


def main() -> None:
    """Run the command line; always raises SystemExit."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup(1) leaves it
            signal.signal(number, _interrupt)
    allow_open_files()
    open_streams(ENDING)
    try:
        code = _run()
        sys.stdout.flush()
    except OutputBroken:
        code = 1  # it has its own below
    except (click.exceptions.Abort, KeyboardInterrupt):
        code = _complain(*_interruption())
    except click.ClickException as error:
        code = _print_error(explain(error), error.exit_code)
    except StoreError as error:
        code = _report(error)
    except OSError as error:
        code = _report(_system_error(error))
    except MemoryError as error:
        code = _complain(reason(error), "`ulimit -v` and the control group bound its memory", 1)
    except Exception as error:
        _trace()
        code = _complain(
            f"unforeseen: {type(error).__name__}: {reason(error)}",
            "run again as `store --debug …` and report its output",
            1,
        )
    sys.exit(_ended(code))


def _run() -> int:
    if "_STORE_COMPLETE" in os.environ:  # a shell asks what can follow
        cli.main(prog_name="store", standalone_mode=False)
        return 0
    # As click's own main does, which also has ends of its own for interrupts and broken pipes.
    try:
        with cli.make_context("store", sys.argv[1:]) as ctx:
            result = cli.invoke(ctx)
    except click.exceptions.Exit as end:
        return end.exit_code
    return result if isinstance(result, int) else 0


def _system_error(error: OSError) -> StoreError:
    """What a system call that nobody expected to fail says."""
    if error.filename is None and error.errno == errno.ENOENT and not _has_folder():
        return StorageError(
            "the current folder is missing: it was removed",
            hint="`cd` to one that exists; or give absolute paths, which begin with /",
        )
    return storage_error(error, "a system call failed")


def _has_folder() -> bool:
    """Whether the current folder has a path."""
    try:
        return bool(os.getcwd())
    except FileNotFoundError:
        return False


def _report(error: StoreError) -> int:
    _trace()
    return _complain(error.message, error.hint, error.exit_code)


def _interrupt(number: int, frame: FrameType | None) -> None:
    ENDING.signal = number
    raise KeyboardInterrupt


def _interruption() -> tuple[str, None, int]:
    number = ENDING.signal
    if number is None:
        return "interrupted", None, 128 + signal.SIGINT
    return f"ended by {signal.Signals(number).name}", None, 128 + number


def _ended(code: int) -> int:
    """The exit code of this process: one for output that failed comes before all others, and then
    one for a signal."""
    with contextlib.suppress(OutputBroken):
        sys.stdout.flush()
    if ENDING.unheard:
        drop_output(1, 2)
        return 128 + signal.SIGPIPE
    if ENDING.failed:
        drop_output(1)
        return _report(OutputFailed(f"cannot write standard output: {ENDING.failed}"))
    return code if ENDING.signal is None else 128 + ENDING.signal


def _trace() -> None:
    if "--debug" in sys.argv[1:] or os.environ.get("STORE_DEBUG"):
        import traceback

        traceback.print_exc()


def _complain(message: str, hint: str | None, code: int) -> int:
    if ENDING.unheard:
        return code
    hints = [f"  hint: {shown_message(hint)}"] if hint else []
    bold, off = ("\033[1;31m", "\033[0m") if may_style(sys.stderr) else ("", "")
    return _print_error([f"{bold}store: {shown_message(message)}{off}", *hints], code)


def _print_error(lines: Iterable[str], code: int) -> int:
    # Where even this cannot be written, the exit code has to do.
    with contextlib.suppress(OSError, OutputBroken):
        for line in lines:
            print(line, file=sys.stderr)
    return code
