"""``python -m store``, or this file itself: the command line as a process of its own."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # built in, unlike signal, which loads much
import sys

# Until there is someone to say that it was interrupted, Ctrl-C ends the process without a word; it
# stays ignored where it was. This comes before all else that takes time.
asked = _signal.getsignal(_signal.SIGINT)
if asked is _signal.default_int_handler:
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)

if sys.flags.no_site:  # as `scripts/store` starts it, so that this is done only now
    import site

    site.main()

import contextlib  # noqa: E402
import gc  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402

# The objects of a short command, modules above all, live as long as it does. Looked for less often,
# garbage is found a little later.
gc.set_threshold(200_000)


def _say_unloadable(error: ImportError) -> None:
    """Report the missing module, and let the next start set the Python packages up anew."""
    from store.display import printable

    # The environment of the scripts is not whole any more. Without these marks they make it anew.
    for name in ("tried.toml", "tried.txt"):
        with contextlib.suppress(OSError):
            os.unlink(f"{sys.prefix}/{name}")
    print(f"store: cannot be loaded: {printable(str(error))}", file=sys.stderr)
    print("  hint: run it again to set its Python packages up anew", file=sys.stderr)


def run() -> None:
    """Run the command line, and end the process; never returns.

    Nothing is left for Python to do at the end. There are no handlers of the exit, threads are
    waited for by their owners, and buffers are flushed. Files, locks and memory are the kernel's.
    Taking a hundred modules apart would be a tenth of a short command's time.
    """
    code: object = 130
    try:
        from store.cli.main import main

        signal.signal(signal.SIGINT, asked)
        main()
    except ImportError as error:
        _say_unloadable(error)
        code = 1
    except SystemExit as end:
        code = end.code
    except KeyboardInterrupt:
        pass  # once more, while the first was being reported
    if asked is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


if __name__ == "__main__":
    run()
