"""The command line as click reads it: global options, and subcommands loaded when asked for."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click

from store.cli.context import Context
from store.cli.direct import VERSION, VERSION_LINE
from store.cli.help_page import HelpPage
from store.cli.lazy import LazyGroup
from store.cli.misuse import explain
from store.cli.streams import print_errors
from store.errors import UsageError

click.Context.formatter_class = HelpPage  # of each command, whichever module it is in

COMMANDS = {
    "realise": "Build or fetch packages, and print their store paths",
    "log": "Show a build's log; -f follows a running one",
    "show": "Explain a package, or show its derivation",
    "info": "Show the facts that the store has of an object",
    "ls": "List the files of an object",
    "cat": "Print files of an object",
    "closure": "List an object and everything that it refers to",
    "why": "Show the chain of references from one object to another",
    "tree": "Draw the build graph of a package",
    "list": "List packages, or the objects in the store",
    "search": "Find packages by words of their names and descriptions",
    "sbom": "Write a bill of materials of packages",
    "add": "Add a file or folder to the store",
    "image": "Make an image of packages: for a disk, for containers, as a tar",
    "run": "Run a command of a package, with /store in place",
    "shell": "Open a shell with packages on its PATH",
    "profile": "Install packages for a user, upgrade them, and go back",
    "system": "Change the system that this machine runs, and go back",
    "develop": "Open a shell in the sandbox of a package's build, before anything ran",
    "enter": "Open a shell in the kept tree of a failed build",
    "check": "Check packages of the world, and say which checks they passed",
    "seeds": "List the bootstrap seeds, each with its trusted files",
    "push": "Put objects and signed statements into a cache",
    "cache": "Show, check or prune a cache",
    "import": "Take objects from another store, checked by their digests",
    "optimise": "Share equal files that are not shared yet",
    "worker": "Build for others who use a server of the Remote Execution API",
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
    taken={"system"},  # by the room of the operating system
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
@click.version_option(VERSION, message=VERSION_LINE)
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


def run(args: Sequence[str]) -> int:
    """Run the command line ``args``; returns the exit code. Raises KeyboardInterrupt, and whatever
    the command raises but errors of click's own, which are printed."""
    try:
        return _run(args)
    except click.exceptions.Abort:
        raise KeyboardInterrupt from None
    except click.ClickException as error:
        print_errors(explain(error))
        return error.exit_code


def _run(args: Sequence[str]) -> int:
    if "_STORE_COMPLETE" in os.environ:  # a shell asks for completions
        cli.main(prog_name="store", standalone_mode=False)
        return 0
    # As click's own main does, which also has ends of its own for interrupts and broken pipes.
    try:
        with cli.make_context("store", list(args)) as ctx:
            result = cli.invoke(ctx)
    except click.exceptions.Exit as end:
        return end.exit_code
    return result if isinstance(result, int) else 0
