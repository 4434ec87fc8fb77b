"""``store push``."""

from __future__ import annotations

import sys

import click

from store.cli.context import Context
from store.cli.counting import Counting
from store.cli.options import key_option, seed_option
from store.cli.parameter_types import PACKAGE
from store.cli.wording import counted
from store.errors import InvalidName, UsageError
from store.model.names import ObjectId
from store.quantities import bytes_text


@click.command("push")
@click.argument("objects", nargs=-1, metavar="[PACKAGE|OBJECT…]", type=PACKAGE)
@click.option(
    "--to",
    "url",
    required=True,
    metavar="URL",
    help="The cache: a folder, http(s)://…, or grpc(s)://….",
)
@click.option("--all", "everything", is_flag=True, help="Push every object of this store.")
@click.option("--with-builds", is_flag=True, help="Push all that they were built from, too.")
@key_option
@seed_option
@click.pass_obj
def command(
    context: Context,
    objects: tuple[str, ...],
    url: str,
    everything: bool,
    with_builds: bool,
    key: str | None,
) -> None:
    """Put objects into a cache, with all that they refer to, and statements about their builds.

    Only builds of this store are signed. Whatever is there is not put again, and the statements of
    others stay. A folder that is empty or missing becomes a cache.
    """
    from store.cache.push_plan import can_sign, plan_push
    from store.operations.caches import push_to
    from store.signing.keyring import Keyring, default_folder

    if everything == bool(objects):
        raise UsageError("name packages or objects, or give --all")
    store = context.store
    goals = _goals(context, objects)
    signs = key is not None or can_sign(store, goals, builds=with_builds)
    private = Keyring(default_folder()).private(key) if signs else None
    plan = plan_push(store, goals, private, builds=with_builds)
    counting = Counting(sys.stderr)
    try:
        done, place = push_to(store, url, plan, counting)
    finally:
        counting.erase()
    text = f"{counted(len(done.objects), 'object')} ({bytes_text(done.packed)} packed)"
    facts = [
        counted(number, noun)
        for number, noun in (
            (done.statements, "statement"),
            (done.sources, "source"),
            (done.logs, "log"),
        )
        if number
    ]
    new = ", ".join([text, *facts]) if not done.nothing else "nothing new"
    click.echo(f"pushed to {place}: {new}; {done.present} had been there", err=True)
    for oid, why in done.mended.items():
        click.echo(f"put again: {oid.path}: {why}", err=True)
    for oid, why in done.refused.items():
        click.echo(f"not pushed: {oid.path}: {why}", err=True)
    if done.refused:
        raise InvalidName(f"{counted(len(done.refused), 'object')} cannot be pushed to this cache")


def _goals(context: Context, objects: tuple[str, ...]) -> list[ObjectId]:
    if not objects:
        return [oid for oid, _ in context.store.objects.all()]
    return [oid for text in objects for oid in context.objects(text)]
