"""The end of a script as a process: results that cannot be written are one error, as of `store`."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import click

from store.cli.streams import ENDING, OutputBroken, drop_output, open_streams, print_errors
from store.errors import OutputFailed


def run_script(command: click.Command) -> NoReturn:
    """Run a command line of click's with the arguments of this process, and end it."""
    with checked_output():
        sys.exit(_exit_code(command))


@contextlib.contextmanager
def checked_output() -> Iterator[None]:
    """End the process with an error and the exit code of OutputFailed if standard output could not
    be written; as SIGPIPE would, without a word, if nobody reads it any more."""
    open_streams(ENDING)
    try:
        yield
    finally:
        with contextlib.suppress(OutputBroken):
            sys.stdout.flush()
        if ENDING.unheard:
            drop_output(1, 2)
            sys.exit(128 + signal.SIGPIPE)
        if ENDING.failed:
            drop_output(1)
            error = OutputFailed(f"cannot write standard output: {ENDING.failed}")
            print_errors([f"{Path(sys.argv[0]).stem}: {error.message}"])
            sys.exit(error.exit_code)


def _exit_code(command: click.Command) -> int:
    """Run the command as click's own main does, which has an end of its own for broken output."""
    try:
        with command.make_context(os.path.basename(sys.argv[0]), sys.argv[1:]) as context:
            command.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.exceptions.Abort, KeyboardInterrupt) as error:
        if not isinstance(error, OutputBroken):
            print_errors(["Aborted!"])
        return 1
    return 0
