"""``store develop``."""

from __future__ import annotations

import click

from store.cli.context import Context
from store.cli.entering import shell_status
from store.cli.options import line_option, seed_option
from store.cli.outputs import realise_refs
from store.cli.parameter_types import PACKAGE
from store.errors import UsageError
from store.jobs.phase_shell import phase_shell
from store.model.derivation import Source


@click.command("develop")
@click.argument("package", type=PACKAGE)
@line_option
@seed_option
@click.pass_obj
def command(context: Context, package: str, line: str | None) -> int:
    """Open a shell where a package's build would begin, in its sandbox.

    Inputs and sources are in place; each phase of the recipe is a function to call, such as
    phase_configure. Inputs that are missing are realised. The work folder goes with the shell.
    """
    from store.scheduler.build_options import default_cores

    context.absent = "make"
    node = context.catalogue.nodes[context.catalogue.ref(package).node]
    if isinstance(node, Source):
        raise UsageError(f"{package} is a fetched file, and has no build")
    store = context.store
    with store.leases.begin() as keep:
        objects = realise_refs(context, node.refs, keep)
        resolved = node.resolve({ref: objects[ref] for ref in node.refs})
        closure = store.objects.closure_names(objects.values())
        work = store.workspaces.make()
        try:
            request = phase_shell(
                store.layout, resolved, closure, work, cores=default_cores(), line=line
            )
            return shell_status(request)
        finally:
            store.workspaces.remove(work)
