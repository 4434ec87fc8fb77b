"""The ``store`` command: global options, subcommands loaded when asked for, errors drawn once."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from types import FrameType

import click

from store.cli.context import Context
from store.cli.lazy import LazyGroup
from store.errors import OutputFailed, StoreError, UsageError, printable, storage_error

COMMANDS = {
    "realise": "Build or fetch packages, and print their store paths",
    "log": "Show a build's log; -f follows a running one",
    "show": "Show a package's derivation",
    "info": "Show what the store knows of an object",
    "closure": "List an object and everything that it refers to",
    "why": "Show the chain of references from one object to another",
    "tree": "Draw the build graph of a package",
    "list": "List packages, or the objects in the store",
    "add": "Add a file or folder to the store",
    "run": "Run a command of a package, with /store in place",
    "shell": "Open a shell with packages on its PATH",
    "enter": "Open a shell in the kept tree of a failed build",
    "seeds": "List the bootstrap seeds and what one trusts with each",
    "import": "Take objects from another store, checked by their digests",
    "optimise": "Share equal files that are not shared yet",
    "verify": "Find what is damaged in the store, and repair it",
    "gc": "Delete what nothing keeps, or say what would be deleted and why",
    "root": "Name what is to be kept, and list what is",
    "delete": "Delete objects that nothing keeps",
    "du": "Show what each object takes of the disk, also as a picture",
    "stats": "Show what takes the space, and what sharing saves",
    "index": "Make the index anew from the store directory, or copy it",
    "audit": "Find out whether builds come out the same: again, on other seeds, elsewhere",
    "attest": "Sign what this machine built, for others to compare with",
    "key": "Make signing keys, and say whose signatures count",
    "completion": "Print the completion script for a shell",
}


@click.command(
    cls=LazyGroup,
    summaries=COMMANDS,
    package="store.cli",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--root",
    metavar="DIR",
    help="The store's physical place (default: $STORE_ROOT, else in the user's data home, "
    "/var/lib/fixpoint for root).",
)
@click.option(
    "--recipes",
    metavar="DIR",
    help="The folder of recipes (default: $STORE_RECIPES, else the one beside this program).",
)
@click.option(
    "--seed",
    metavar="NAME",
    help="The seed that the ladder stands on (default: $STORE_SEED, else debian).",
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option("0.1.0", prog_name="store")
@click.pass_context
def cli(
    ctx: click.Context, root: str | None, recipes: str | None, seed: str | None, debug: bool
) -> None:
    """A content-addressed build store, and the distribution that it builds.

    A package is named as in gcc, cross.gcc or stage2.gcc, and NAME^OUTPUT means one of its
    outputs. Results go to standard output, everything else to standard error.
    """
    if root == "":
        raise UsageError("--root needs a folder; without it, the default is used")
    ctx.obj = Context(root, recipes, debug, seed)


def main() -> None:
    """Run the command line; always raises SystemExit."""
    signal.signal(signal.SIGTERM, _interrupt)
    _open_streams()
    try:
        result = cli.main(prog_name="store", standalone_mode=False)
        sys.stdout.flush()
        code = result if isinstance(result, int) else 0
    except click.exceptions.Abort:
        code = _complain("interrupted", None, 130)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except StoreError as error:
        _trace()
        code = _complain(error.message, error.hint, error.exit_code)
    except KeyboardInterrupt:
        code = _complain("interrupted", None, 130)
    except BrokenPipeError:
        _drop_output()
        code = 141
    except OSError as error:
        _trace()
        failed = _output_failed() or storage_error(error, "a system call failed")
        code = _complain(failed.message, failed.hint, failed.exit_code)
        _drop_output()
    except Exception as error:
        _trace()
        code = _complain(
            f"unforeseen: {type(error).__name__}: {error}",
            "run again as `store --debug …` and report what it prints",
            1,
        )
    sys.exit(code)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _open_streams() -> None:
    """Who closed our streams wants to hear nothing; and no file of ours may take their numbers."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8")
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Paths that are no text go out as the bytes that they are; and where the locale lacks
            # what drawings have, there is a code instead.
            text = stream.encoding == "utf-8"
            stream.reconfigure(errors="surrogateescape" if text else "backslashreplace")


def _output_failed() -> OutputFailed | None:
    """The error when it is our output that cannot be written: what failed once fails again."""
    try:
        sys.stdout.flush()
    except OSError as error:
        return OutputFailed(f"cannot write standard output: {error.strerror}")
    return None


def _drop_output() -> None:
    # What is left of our output cannot be written; Python must not complain again at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _trace() -> None:
    if "--debug" in sys.argv[1:] or os.environ.get("STORE_DEBUG"):
        import traceback

        traceback.print_exc()


def _complain(message: str, hint: str | None, code: int) -> int:
    bold, off = ("\033[1;31m", "\033[0m") if sys.stderr.isatty() else ("", "")
    # Where even this cannot be written, the exit code has to do.
    with contextlib.suppress(OSError):
        print(f"{bold}store: {_shown(message)}{off}", file=sys.stderr)
        if hint:
            print(f"  hint: {_shown(hint)}", file=sys.stderr)
    return code


def _shown(message: str) -> str:
    """A message whose lines are its own; names in it may hold anything."""
    lines = message.split("\n")
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in lines)
