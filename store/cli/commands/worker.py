"""``store worker``."""

from __future__ import annotations

import click

from store.cli.context import Context
from store.cli.options import key_option, max_log_option
from store.cli.parameter_types import Duration
from store.display import printable
from store.errors import UsageError


@click.command("worker")
@click.argument("url", metavar="URL")
@click.option(
    "--jobs",
    type=click.IntRange(1, 1000),
    default=1,
    metavar="N",
    help="Have N builds at once (default: 1).",
)
@click.option("--cores", type=click.IntRange(1), metavar="N", help="Use N processors in all.")
@click.option(
    "--name",
    metavar="NAME",
    help="The name that the server knows this by (default: host and root).",
)
@click.option("--timeout", type=Duration(), help="Stop a build that takes longer.")
@click.option("--max-silent-time", type=Duration(), help="Stop a build that is silent for longer.")
@max_log_option
@key_option
@click.pass_obj
def command(
    context: Context,
    url: str,
    jobs: int,
    cores: int | None,
    name: str | None,
    timeout: float | None,
    max_silent_time: float | None,
    max_log_size: int,
    key: str | None,
) -> None:
    """Build for others: take derivations from the server at URL, build them in this store, and send
    back the objects with a signed statement.

    The server has to offer BotsService, as BuildGrid does. SIGTERM and Ctrl-C give the builds that
    are under way back to the server.
    """
    from store.farm.worker import FarmWorker, run_workers
    from store.jobs.lower import BuildLimits
    from store.reapi.endpoint import parse
    from store.reapi.messages import check_extra
    from store.reapi.server import Server
    from store.scheduler.build_options import default_cores
    from store.signing.keyring import Keyring, default_folder
    from store.system.machine import host_name

    if name is not None and not (name and name.isprintable()):
        raise UsageError("a worker's name is a word that can be printed")
    endpoint = parse(url)
    check_extra()
    private = Keyring(default_folder()).private(key)
    limits = BuildLimits(cores or default_cores(), timeout, max_silent_time, max_log=max_log_size)
    context.absent = "make"
    base = name or f"{host_name()}:{printable(context.root)}"

    def life(number: int, server: Server) -> None:
        def report(sentence: str) -> None:
            click.echo(f"worker {number}: {sentence}", err=True)

        bot = f"{base}#{number}"
        FarmWorker(context.store, server, private, bot, limits, report).run()

    click.echo(f"connecting to {endpoint.url}, signs as {private.public.name}", err=True)
    run_workers(endpoint, jobs, life)
