"""The ``store`` command: global options, subcommands loaded when asked for, errors drawn once."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from types import FrameType

import click

from store.cli.context import Context
from store.errors import StoreError

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
    "verify": "Compare objects on disk with what their names promise",
    "completion": "Print the completion script for a shell",
}


class Commands(click.Group):
    """Subcommands by name; a command's module is imported only when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of the help page."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, from the module of its name."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"store.cli.{cmd_name}")
        command = module.command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The help page's list, without importing a single command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with near matches for a name that is no command."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in COMMANDS:
            from difflib import get_close_matches

            near = get_close_matches(name, COMMANDS, n=3)
            ctx.fail(
                f"no command is named {name!r}"
                + (f"; did you mean {', '.join(near)}?" if near else "")
            )
        return super().resolve_command(ctx, args)


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
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
    ctx.obj = Context(root, recipes, debug, seed)


def main() -> None:
    """Run the command line; never returns."""
    signal.signal(signal.SIGTERM, _interrupt)
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
        # Who read our output has had enough; Python must not complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 141
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


def _trace() -> None:
    if "--debug" in sys.argv[1:] or os.environ.get("STORE_DEBUG"):
        import traceback

        traceback.print_exc()


def _complain(message: str, hint: str | None, code: int) -> int:
    bold, off = ("\033[1;31m", "\033[0m") if sys.stderr.isatty() else ("", "")
    print(f"{bold}store: {message}{off}", file=sys.stderr)
    if hint:
        print(f"  hint: {hint}", file=sys.stderr)
    return code
