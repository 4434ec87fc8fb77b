"""``store verify``."""

from __future__ import annotations

import click

from store.cli.context import Context
from store.cli.options import PACKAGE
from store.errors import CorruptObject


@click.command("verify")
@click.argument("objects", nargs=-1, metavar="[OBJECT…]", type=PACKAGE)
@click.pass_obj
def command(context: Context, objects: tuple[str, ...]) -> None:
    """Hash objects (all of them by default) and compare them with what their names promise.

    Every finding is listed; the exit code is 56 when there is any.
    """
    store = context.store
    chosen = [context.object(text) for text in objects] or [oid for oid, _ in store.objects()]
    bad = 0
    for oid in chosen:
        findings = store.check_object(oid)
        bad += bool(findings)
        for finding in findings:
            print(f"{oid.path}: {finding}")
    if bad:
        raise CorruptObject(
            f"{bad} of {len(chosen)} objects are not what their names say",
            hint="delete such an object's folder and realise its package again",
        )
    click.echo(f"{len(chosen)} objects are what their names say", err=True)
