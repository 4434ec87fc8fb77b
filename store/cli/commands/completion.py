"""``store completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the script that completes commands: eval "$(store completion bash)"."""
    kind = get_completion_class(shell)
    assert kind is not None
    root = ctx.find_root().command
    print(kind(root, {}, "store", "_STORE_COMPLETE").source())
