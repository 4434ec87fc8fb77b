"""The ``store`` command as a process: signals, streams, and errors drawn once."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Final

from store.cli.direct import plain_command
from store.cli.streams import (
    ENDING,
    OutputBroken,
    drop_output,
    may_style,
    open_streams,
    print_errors,
)
from store.cli.wording import shown_message
from store.display import reason
from store.errors import OutputFailed, StorageError, StoreError, storage_error
from store.system.open_files import allow_open_files

_WITH_VALUE: Final = ("--root", "--recipes", "--seed")
"""The options before the command that take the next word."""


def main() -> None:
    """Run the command line; always raises SystemExit, or ImportError where a module is missing."""
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
    except KeyboardInterrupt:
        code = _complain(*_interruption())
    except StoreError as error:
        code = _report(error)
    except OSError as error:
        code = _report(_system_error(error))
    except MemoryError as error:
        code = _complain(reason(error), "`ulimit -v` and the control group bound its memory", 1)
    except ImportError:
        raise  # most modules are loaded where they are needed, and any of them may be missing
    except Exception as error:
        _trace()
        code = _complain(
            f"unforeseen: {type(error).__name__}: {reason(error)}",
            "run again as `store --debug …` and report its output",
            1,
        )
    sys.exit(_ended(code))


def _run() -> int:
    command = plain_command(sys.argv[1:])
    if command is not None:
        return command() or 0
    from store.cli import (
        command_line,  # with click, which takes longer to load than a plain command
    )

    return command_line.run(sys.argv[1:])


def _system_error(error: OSError) -> StoreError:
    """Return the error for a system call that nobody expected to fail."""
    if error.filename is None and error.errno == errno.ENOENT and not _has_folder():
        return StorageError(
            "the current folder is missing: it was removed",
            hint="`cd` to one that exists; or give absolute paths, which begin with /",
        )
    return storage_error(error, "a system call failed")


def _has_folder() -> bool:
    """Return whether the current folder has a path."""
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
    """Return the exit code of this process: one for output that failed comes before all others, and
    then one for a signal."""
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
    if _wants_traces(sys.argv[1:]) or os.environ.get("STORE_DEBUG"):
        import traceback

        traceback.print_exc()


def _wants_traces(words: Sequence[str]) -> bool:
    """Return whether ``--debug`` stands before the command; behind it, words may be those of
    another program."""
    left = iter(words)
    for word in left:
        if word == "--debug":
            return True
        if word in _WITH_VALUE:
            next(left, None)
        elif not word.startswith("-"):
            break
    return False


def _complain(message: str, hint: str | None, code: int) -> int:
    if ENDING.unheard:
        return code
    hints = [f"  hint: {shown_message(hint)}"] if hint else []
    bold, off = ("\033[1;31m", "\033[0m") if may_style(sys.stderr) else ("", "")
    print_errors([f"{bold}store: {shown_message(message)}{off}", *hints])
    return code
